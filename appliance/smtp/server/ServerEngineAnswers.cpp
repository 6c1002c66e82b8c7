// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/ClientAttributes.h"
#include "appliance/smtp/server/ServerEngine.h"

#include <algorithm>
#include <utility>

namespace portcullis::smtp {

namespace {

/// A handler's reply with what RFC 2034 §4 wants in it.
Reply completed(Reply reply)
{
    if (reply.enhanced.isEmpty()) {
        reply.enhanced = QByteArray::number(reply.code / 100) + ".0.0";
    }
    if (reply.text.isEmpty()) {
        reply.text = reply.isPositive() ? "Ok" : "Refused";
    }
    return reply;
}

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion) an answer to a chunk asks about the message, whose answer asks nothing
void ServerEngine::ask(Question question, const std::function<void()> &call)
{
    m_question = question;
    m_answers.clear();
    m_answerCloses = false;
    enter(Phase::Waiting);
    m_isAsking = true;
    call();
    m_isAsking = false;
    if (!m_answers.empty()) {
        settle(false);
    }
}

void ServerEngine::answer(const Reply &reply)
{
    give({reply}, false);
}

void ServerEngine::answerAndClose(const Reply &reply)
{
    give({reply}, true);
}

void ServerEngine::answerEach(const std::vector<Reply> &replies)
{
    give(replies, false);
}

void ServerEngine::give(std::vector<Reply> replies, bool closes)
{
    // A late answer to a session that was aborted meanwhile has nobody to go to.
    if (m_question == Question::None || !m_answers.empty() || replies.empty()) {
        return;
    }
    m_answers = std::move(replies);
    m_answerCloses = closes;
    if (!m_isAsking) {
        settle(true);
        consumeHeld();
        m_host.engineAdvanced();
    }
}

// NOLINTNEXTLINE(misc-no-recursion) an answer to a chunk asks about the message, whose answer asks nothing
void ServerEngine::settle(bool isLate)
{
    const std::vector<Reply> replies = std::exchange(m_answers, {});
    const Question question = std::exchange(m_question, Question::None);
    const Reply &reply = replies.front();
    if (m_answerCloses) {
        closeWith(question == Question::Connect ? reply : completed(reply), "closed by policy");
        return;
    }
    const bool endsGroup = question == Question::Helo || question == Question::Data;
    if (question == Question::Connect && moreFollows()) {
        closeForPregreeting();
        return;
    }
    if (isLate && endsGroup && moreFollows()) {
        closeForEarlyTalk("the reply");
        return;
    }
    switch (question) {
    case Question::Connect:
        return completeConnect(reply);
    case Question::Helo:
        return completeHelo(reply);
    case Question::Mail:
        return completeMail(completed(reply));
    case Question::Rcpt:
        return completeRcpt(completed(reply));
    case Question::Data:
        return completeData(reply);
    case Question::Chunk:
        return completeChunk(reply);
    case Question::Message:
        return completeMessage(replies);
    case Question::None:
        break;
    }
}

void ServerEngine::completeConnect(const Reply &reply)
{
    // RFC 5321 §4.3.1: the greeting begins with our name. It has no enhanced status code.
    const QByteArray text = reply.text.isEmpty() ? QByteArray("ESMTP") : reply.text;
    if (reply.code == 220) {
        m_stage = Stage::Connected;
        say({220, {}, m_settings->hostName + ' ' + text});
    } else if (reply.code == 421) {
        closeWith(completed(reply), "closed by policy");
        return;
    } else {
        // RFC 5321 §3.1: a 554 greeting, and the client is left to send QUIT.
        m_stage = Stage::Refused;
        say({reply.code, {}, m_settings->hostName + ' ' + text});
    }
    enter(Phase::Command);
}

void ServerEngine::completeHelo(const Reply &reply)
{
    if (reply.code != 250) {
        // RFC 5321 §4.1.4: the state stays what it was.
        refuse(completed(reply));
        enter(Phase::Command);
        return;
    }
    endTransaction(true);
    m_stage = Stage::Ready;
    m_isExtended = m_isHeloExtended;
    m_session.helo = m_heloName;
    m_session.protocol = protocolName(false);
    m_client = m_session;
    say(m_isExtended ? ehloReply(reply.text) : Reply{250, {}, m_settings->hostName});
    enter(Phase::Command);
}

void ServerEngine::completeMail(const Reply &reply)
{
    if (reply.code == 250) {
        m_stage = Stage::Mail;
        m_surplusRecipients = 0;
        say(reply);
    } else {
        endTransaction(false);
        refuse(reply);
    }
    enter(Phase::Command);
}

void ServerEngine::completeRcpt(const Reply &reply)
{
    if (reply.code == 250 || reply.code == 251) {
        m_stage = Stage::Recipients;
        ++m_recipients;
        say(reply);
    } else {
        refuse(reply);
    }
    enter(Phase::Command);
}

void ServerEngine::completeData(const Reply &reply)
{
    if (reply.code != 354) {
        endTransaction(true);
        refuse(completed(reply));
        enter(Phase::Command);
        return;
    }
    m_stage = Stage::Content;
    m_isChunk = false;
    m_data.begin(DataReader::Framing::Dotted, m_handler->dataBuilder());
    say({354, {}, reply.text.isEmpty() ? "End data with <CR><LF>.<CR><LF>" : reply.text});
    enter(Phase::Data);
}

// NOLINTNEXTLINE(misc-no-recursion) an answer to a chunk asks about the message, whose answer asks nothing
void ServerEngine::completeChunk(const Reply &reply)
{
    if (reply.code == 354) {
        m_stage = Stage::Content;
        m_data.begin(DataReader::Framing::Chunked, m_handler->dataBuilder());
    } else {
        m_chunkRefusal = completed(reply);
    }
    m_chunkLeft > 0 ? enter(Phase::Data) : endChunk();
}

// NOLINTNEXTLINE(misc-no-recursion) an answer to a chunk asks about the message, whose answer asks nothing
void ServerEngine::endChunk()
{
    if (m_chunkRefusal) {
        refuseContent(*std::exchange(m_chunkRefusal, std::nullopt));
    } else if (m_data.problem() != DataReader::Problem::None) {
        refuseContent(problemReply());
    } else if (m_isLastChunk) {
        finishContent();
    } else {
        say({250, "2.0.0", QByteArray::number(m_chunkSize) + " octets received"});
        enter(Phase::Command);
    }
}

// NOLINTNEXTLINE(misc-no-recursion) an answer to a chunk asks about the message, whose answer asks nothing
void ServerEngine::finishContent()
{
    m_data.finish();
    if (m_data.problem() != DataReader::Problem::None) {
        refuseContent(problemReply());
        return;
    }
    auto content = m_data.take();
    if (!content) {
        refuseContent({452, "4.3.1", "Insufficient system storage"});
        return;
    }
    ask(Question::Message, [&] { m_handler->onMessage(*std::move(content)); });
}

/// The message is complete and we do not want it: RFC 5321 §4.1.1.4 ends the transaction, and so
/// does a failed BDAT (RFC 3030 §2), so that nothing that follows rides on its MAIL and RCPT.
void ServerEngine::refuseContent(const Reply &reply)
{
    if (m_data.problem() == DataReader::Problem::BareNewline
        || m_data.problem() == DataReader::Problem::HiddenDot) {
        m_host.note("smtp.bare-newline", reply.toLine());
        m_handler->onViolation(reply, "bare newline");
    }
    // Only the end of data is answered for each recipient (RFC 2033 §4.2, §4.3).
    const bool isFinal = m_stage >= Stage::Recipients && (!m_isChunk || m_isLastChunk);
    isFinal ? sayFinal({reply}) : say(reply);
    endTransaction(true);
    countError();
    enter(Phase::Command);
}

void ServerEngine::completeMessage(const std::vector<Reply> &replies)
{
    sayFinal(replies);
    const bool isAccepted = std::any_of(replies.begin(), replies.end(),
                                        [](const Reply &reply) { return reply.isPositive(); });
    if (isAccepted) {
        m_errors = 0;
        m_junk = 0;
        m_skipped = 0;
    } else {
        countError();
    }
    endTransaction(false);
    enter(Phase::Command);
}

void ServerEngine::sayFinal(const std::vector<Reply> &replies)
{
    if (m_settings->protocol == ServerProtocol::Smtp) {
        say(completed(replies.front()));
        return;
    }
    for (int i = 0; i < m_recipients; ++i) {
        say(completed(static_cast<size_t>(i) < replies.size() ? replies[i] : replies.back()));
    }
}

Reply ServerEngine::problemReply() const
{
    switch (m_data.problem()) {
    case DataReader::Problem::BareNewline:
        return {554, "5.5.2", "Message has a CR or LF outside CRLF (RFC 5321, section 2.3.8)"};
    case DataReader::Problem::HiddenDot:
        return {554, "5.5.2", "Message has a NUL beside a dot alone on its line"};
    case DataReader::Problem::TooLarge:
        return {552, "5.3.4", "Message is larger than we take"};
    case DataReader::Problem::HeaderTooLarge:
        return {552, "5.3.4", "Message header is larger than we take"};
    case DataReader::Problem::Storage:
    case DataReader::Problem::None:
        break;
    }
    return {452, "4.3.1", "Insufficient system storage"};
}

Reply ServerEngine::ehloReply(const QByteArray &greeting) const
{
    const Extensions announced = m_settings->extensions;
    QByteArray text = m_settings->hostName;
    if (!greeting.isEmpty()) {
        text.append(' ').append(greeting);
    }
    const auto list = [&](Extension extension, const QByteArray &line) {
        if (announced.testFlag(extension)) {
            text.append('\n').append(line);
        }
    };
    list(Extension::Pipelining, "PIPELINING");
    list(Extension::Size, "SIZE " + QByteArray::number(m_settings->limits.messageSize));
    if (m_session.tls.isEmpty()) {
        list(Extension::StartTls, "STARTTLS");
    }
    list(Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES");
    list(Extension::EightBitMime, "8BITMIME");
    list(Extension::Dsn, "DSN");
    list(Extension::SmtpUtf8, "SMTPUTF8");
    list(Extension::Chunking, "CHUNKING");
    if (m_rights.mayXclient) {
        text.append("\nXCLIENT").append(announcedAttributes(AttributeCommand::Xclient));
    }
    if (m_rights.mayXforward) {
        text.append("\nXFORWARD").append(announcedAttributes(AttributeCommand::Xforward));
    }
    return {250, {}, text};
}

/// The name of the protocol as in RFC 3848 and RFC 6531 §4.3.
QByteArray ServerEngine::protocolName(bool isSmtpUtf8) const
{
    const bool isLmtp = m_settings->protocol == ServerProtocol::Lmtp;
    if (!m_isExtended) {
        return "SMTP";
    }
    QByteArray name = isSmtpUtf8 ? (isLmtp ? "UTF8LMTP" : "UTF8SMTP") : (isLmtp ? "LMTP" : "ESMTP");
    if (!m_session.tls.isEmpty()) {
        name.append('S');
    }
    return name;
}

void ServerEngine::say(Reply reply)
{
    if (!m_settings->extensions.testFlag(Extension::EnhancedStatusCodes)) {
        reply.enhanced.clear();
    }
    m_output.append(reply.toWire());
}

void ServerEngine::refuse(const Reply &reply)
{
    say(reply);
    countError();
}

void ServerEngine::countError()
{
    if (++m_errors > m_settings->limits.errors && m_phase != Phase::Closing) {
        closeForViolation({421, "4.7.0", "Too many errors"}, "too many errors");
    }
}

void ServerEngine::countJunk()
{
    if (++m_junk > m_settings->limits.junkCommands && m_phase != Phase::Closing) {
        closeForViolation({421, "4.7.0", "Too many commands without a message"},
                          "too many junk commands");
    }
}

void ServerEngine::closeForEarlyTalk(QByteArrayView where)
{
    m_host.note("smtp.pipelining", "octets before the reply to " + where.toByteArray());
    closeForViolation({554, "5.5.0", "You did not wait for our reply (RFC 2920, section 3.1)"},
                      "unauthorised pipelining");
}

void ServerEngine::closeForPregreeting()
{
    m_host.note("smtp.pregreet", {});
    closeForViolation({554, "5.5.0", "You did not wait for our greeting (RFC 5321, section 3.1)"},
                      "talked before the greeting");
}

void ServerEngine::closeForViolation(const Reply &reply, const QByteArray &reason)
{
    if (m_handler != nullptr) {
        m_handler->onViolation(reply, reason);
    }
    closeWith(reply, reason);
}

void ServerEngine::closeWith(const Reply &reply, const QByteArray &reason)
{
    if (reply.code != 0) {
        say(reply);
    }
    m_question = Question::None;
    m_closeReason = reason;
    m_held.clear();
    m_phase = Phase::Closing;
    ++m_progress;
}

void ServerEngine::enter(Phase phase)
{
    if (m_phase == Phase::Closing) {
        return;
    }
    m_phase = phase;
    ++m_progress;
    // RFC 5321 §3.8: a message under way is still taken.
    if (phase == Phase::Command && m_isShuttingDown && m_stage != Stage::Content) {
        closeWith({421, "4.3.2", "Shutting down; try again later"}, "shutting down");
    }
}

void ServerEngine::endTransaction(bool tellsHandler)
{
    if (m_stage >= Stage::Mail) {
        m_stage = Stage::Ready;
        if (tellsHandler && m_handler != nullptr) {
            m_handler->onReset();
        }
    }
    m_data.reset();
    m_client = m_session;
    m_isSmtpUtf8 = false;
    m_recipients = 0;
}

}  // namespace portcullis::smtp
