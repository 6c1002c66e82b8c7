// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/ClientAttributes.h"
#include "appliance/smtp/server/CommandSyntax.h"
#include "appliance/smtp/server/ServerEngine.h"

#include <algorithm>
#include <array>

namespace portcullis::smtp {

namespace {

bool isPlainAscii(QByteArrayView line)
{
    return std::all_of(line.begin(), line.end(), [](char c) { return (c & 0x80) == 0; });
}

/// Commands with an address, which SMTPUTF8 may make 8-bit (RFC 6531 §3.1, §3.7.4).
bool takesUtf8(QByteArrayView verb)
{
    return isVerb(verb, "MAIL") || isVerb(verb, "RCPT") || isVerb(verb, "VRFY")
           || isVerb(verb, "EXPN");
}

Reply badSequence(QByteArray text)
{
    return {503, "5.5.1", std::move(text)};
}

Reply noArguments(QByteArrayView verb)
{
    return {501, "5.5.4", verb.toByteArray() + " takes no argument"};
}

}  // namespace

/// RFC 2920 §3.1: what changes the state of both sides ends a group. VRFY, EXPN and NOOP are let
/// through, because they change nothing here and clients do send them in groups.
bool ServerEngine::isEarlyTalk(QByteArrayView verb) const
{
    static constexpr std::array<const char *, 6> groupEnds{"EHLO", "HELO",     "LHLO",
                                                           "DATA", "STARTTLS", "XCLIENT"};
    const bool endsGroup = std::any_of(groupEnds.begin(), groupEnds.end(),
                                       [verb](const char *name) { return isVerb(verb, name); });
    const bool mayPipeline = m_isExtended && m_settings->extensions.testFlag(Extension::Pipelining);
    // After QUIT nothing counts; the chunk follows BDAT without a pause (RFC 3030 §2).
    const bool isFree = mayPipeline || isVerb(verb, "QUIT") || isVerb(verb, "BDAT");
    return (endsGroup || !isFree) && moreFollows();
}

void ServerEngine::dispatch(QByteArrayView line)
{
    const auto [verb, argument] = splitCommand(line);
    if (isForeignVerb(verb)) {
        m_host.note("smtp.foreign-protocol", verb.toByteArray());
        closeForViolation({554, "5.5.0", "This is an SMTP server"}, "foreign protocol");
    } else if (isEarlyTalk(verb)) {
        closeForEarlyTalk(verb);
    } else if (m_stage == Stage::Refused && !isVerb(verb, "QUIT")) {
        refuse(badSequence("No service for you here; send QUIT"));  // RFC 5321 §3.1
    } else if (!isPlainAscii(line)
               && !(takesUtf8(verb) && m_settings->extensions.testFlag(Extension::SmtpUtf8))) {
        refuse({500, "5.5.2", "Command is not ASCII"});
    } else if (isVerb(verb, "MAIL")) {
        onMailCommand(argument);
    } else if (isVerb(verb, "RCPT")) {
        onRcptCommand(argument);
    } else if (isVerb(verb, "DATA")) {
        onDataCommand(argument);
    } else if (isVerb(verb, "BDAT")) {
        onBdatCommand(argument);
    } else {
        dispatchPlain(verb, argument);
    }
}

void ServerEngine::dispatchPlain(QByteArrayView verb, QByteArrayView argument)
{
    const bool isLmtp = m_settings->protocol == ServerProtocol::Lmtp;
    if (isVerb(verb, isLmtp ? "LHLO" : "EHLO")) {
        onHeloCommand(argument, true);
    } else if (isVerb(verb, "HELO") && !isLmtp) {
        onHeloCommand(argument, false);
    } else if (isVerb(verb, "RSET")) {
        onRsetCommand(argument);
    } else if (isVerb(verb, "QUIT")) {
        closeWith({221, "2.0.0", "Bye"}, "quit");
    } else if (isVerb(verb, "STARTTLS")) {
        onStartTlsCommand(argument);
    } else if (isVerb(verb, "NOOP")) {
        say({250, "2.0.0", "Ok"});
        countJunk();
    } else if (isVerb(verb, "VRFY")) {
        // RFC 5321 §3.5.3: neither confirms nor denies.
        argument.isEmpty() ? refuse({501, "5.5.4", "Syntax: VRFY address"})
                           : say({252, "2.5.0", "Send mail and see"});
        countJunk();
    } else if (isVerb(verb, "HELP")) {
        say({214, "2.0.0", "See RFC 5321"});
        countJunk();
    } else if (isVerb(verb, "XCLIENT")) {
        onXclientCommand(argument);
    } else if (isVerb(verb, "XFORWARD")) {
        onXforwardCommand(argument);
    } else if (isVerb(verb, "EXPN") || isVerb(verb, "AUTH") || isVerb(verb, "TURN")
               || isVerb(verb, "ETRN")) {
        refuse({502, "5.5.1", "Command not implemented"});
    } else {
        refuse({500, "5.5.2", "Command not recognised"});
    }
}

void ServerEngine::onHeloCommand(QByteArrayView argument, bool isExtended)
{
    if (!isHeloName(argument, m_settings->limits)) {
        refuse({501, "5.5.4", "Give the name of your host, or its address as a literal"});
        return;
    }
    m_heloName = argument.toByteArray();
    m_isHeloExtended = isExtended;
    ask(Question::Helo, [this] { m_handler->onHelo(m_heloName, m_isHeloExtended); });
    countJunk();
}

void ServerEngine::onMailCommand(QByteArrayView argument)
{
    if (m_stage < Stage::Ready) {
        refuse(badSequence("Send EHLO first"));
        return;
    }
    if (m_stage > Stage::Ready) {
        refuse(badSequence("A transaction is open already"));
        return;
    }
    const auto command = parseMail(argument, *m_settings);
    if (!command) {
        refuse(command.error());
        return;
    }
    m_isSmtpUtf8 = command->isSmtpUtf8;
    if (m_isSmtpUtf8 && m_client.protocol == m_session.protocol) {
        m_client.protocol = protocolName(true);
    }
    ask(Question::Mail, [&] { m_handler->onMail(*command); });
}

void ServerEngine::onRcptCommand(QByteArrayView argument)
{
    if (m_stage != Stage::Mail && m_stage != Stage::Recipients) {
        refuse(badSequence(m_stage < Stage::Mail ? "Send MAIL first" : "BDAT has begun"));
        return;
    }
    const SessionLimits &limits = m_settings->limits;
    if (m_recipients >= limits.recipients) {
        // RFC 5321 §4.5.3.1.10: 452, not 552, so that the client sends the rest later.
        const Reply tooMany{452, "4.5.3", "Too many recipients in one transaction"};
        ++m_surplusRecipients > limits.recipientOvershoot ? refuse(tooMany) : say(tooMany);
        return;
    }
    const auto recipient = parseRcpt(argument, *m_settings, m_isSmtpUtf8);
    if (!recipient) {
        refuse(recipient.error());
        return;
    }
    ask(Question::Rcpt, [&] { m_handler->onRcpt(*recipient); });
}

void ServerEngine::onDataCommand(QByteArrayView argument)
{
    if (!argument.isEmpty()) {
        refuse(noArguments("DATA"));
    } else if (m_stage == Stage::Content) {
        // RFC 3030 §3: DATA and BDAT do not mix; the state after it is ours to choose.
        endTransaction(true);
        refuse(badSequence("BDAT has begun; transaction ended"));
    } else if (m_stage < Stage::Mail) {
        refuse(badSequence("Send MAIL first"));
    } else if (m_stage == Stage::Mail) {
        refuse({503, "5.5.1", "No valid recipients"});  // RFC 5321 §3.3, RFC 2033 §4.2
    } else {
        ask(Question::Data, [this] { m_handler->onData(); });
    }
}

/// Why a chunk is read only to be dropped; nothing if it is welcome.
std::optional<Reply> ServerEngine::chunkRefusal(qint64 size) const
{
    if (m_stage < Stage::Mail) {
        return badSequence("Send MAIL first");
    }
    if (m_stage == Stage::Mail) {
        return badSequence("No valid recipients");
    }
    const qint64 limit = m_settings->limits.messageSize;
    const qint64 before = m_stage == Stage::Content ? m_data.octets() : 0;
    if (limit > 0 && size > limit - before) {
        return Reply{552, "5.3.4", "Message is larger than we take"};
    }
    return std::nullopt;
}

void ServerEngine::onBdatCommand(QByteArrayView argument)
{
    const auto chunk = parseBdat(argument);
    if (!m_settings->extensions.testFlag(Extension::Chunking) || !chunk) {
        // Octets follow, and how many we do not know: there is no way to stay in step.
        closeWith(chunk ? Reply{502, "5.5.1", "Command not implemented"}
                        : Reply{501, "5.5.4", "Syntax: BDAT size [LAST]"},
                  "BDAT out of step");
        return;
    }
    m_chunkRefusal = chunkRefusal(chunk->size);
    if (m_chunkRefusal && chunk->size > m_settings->limits.drain - m_skipped) {
        closeWith(*m_chunkRefusal, "BDAT chunk is too large to skip");
        return;
    }
    m_chunkSize = chunk->size;
    m_chunkLeft = chunk->size;
    m_isLastChunk = chunk->isLast;
    m_isChunk = true;
    if (chunk->size == 0 && !chunk->isLast) {
        countJunk();
    }
    if (!m_chunkRefusal && m_stage == Stage::Recipients) {
        ask(Question::Chunk, [this] { m_handler->onData(); });
    } else if (m_phase != Phase::Closing) {
        m_chunkLeft > 0 ? enter(Phase::Data) : endChunk();
    }
}

void ServerEngine::onStartTlsCommand(QByteArrayView argument)
{
    if (!m_settings->extensions.testFlag(Extension::StartTls)) {
        refuse({502, "5.5.1", "Command not implemented"});
    } else if (!argument.isEmpty()) {
        refuse(noArguments("STARTTLS"));
    } else if (!m_session.tls.isEmpty()) {
        refuse(badSequence("TLS is active already"));
    } else if (m_stage != Stage::Ready) {
        refuse(badSequence(m_stage < Stage::Ready ? "Send EHLO first" : "A transaction is open"));
    } else {
        say({220, "2.0.0", "Ready to start TLS"});
        enter(Phase::Handshake);
    }
}

void ServerEngine::onXclientCommand(QByteArrayView argument)
{
    if (!m_rights.mayXclient) {
        refuse({550, "5.7.0", "Not authorised to use XCLIENT"});
        return;
    }
    if (m_stage >= Stage::Mail) {
        refuse(badSequence("A transaction is open"));
        return;
    }
    auto client = applyAttributes(AttributeCommand::Xclient, argument, m_session,
                                  m_settings->limits);
    if (!client) {
        refuse(client.error());
        return;
    }
    // The session starts over as that of the other client, greeting included.
    m_session = *std::move(client);
    m_client = m_session;
    m_isExtended = false;
    m_stage = Stage::Connected;
    ask(Question::Connect, [this] { m_handler->onConnect(); });
    countJunk();
}

void ServerEngine::onXforwardCommand(QByteArrayView argument)
{
    if (!m_rights.mayXforward) {
        refuse({550, "5.7.0", "Not authorised to use XFORWARD"});
        return;
    }
    if (m_stage != Stage::Ready) {
        refuse(badSequence(m_stage < Stage::Ready ? "Send EHLO first" : "A transaction is open"));
        return;
    }
    auto client = applyAttributes(AttributeCommand::Xforward, argument, m_client,
                                  m_settings->limits);
    if (!client) {
        refuse(client.error());
        return;
    }
    m_client = *std::move(client);
    say({250, "2.0.0", "Ok"});
    countJunk();
}

void ServerEngine::onRsetCommand(QByteArrayView argument)
{
    if (!argument.isEmpty()) {
        refuse(noArguments("RSET"));
        return;
    }
    endTransaction(true);
    say({250, "2.0.0", "Ok"});
    countJunk();
}

}  // namespace portcullis::smtp
