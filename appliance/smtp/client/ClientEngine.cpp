// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/ClientEngine.h"

#include <algorithm>

namespace portcullis::smtp {

namespace {

Reply replyByUs(int code, const char *enhanced, const char *text)
{
    return {code, enhanced, text};
}

/// What may go into a parameter as it is (RFC 3461 §4 xtext; RFC 6533 §3 for UTF-8).
bool isParameterSafe(QByteArrayView value, bool isUtf8Allowed)
{
    return std::all_of(value.begin(), value.end(), [isUtf8Allowed](char c) {
        const bool isEightBit = static_cast<signed char>(c) < 0;
        return isEightBit ? isUtf8Allowed : (c > ' ' && c < '\x7f');
    });
}

bool hasNonAsciiAddress(const mail::Envelope &envelope)
{
    return !envelope.sender.isAscii()
           || std::any_of(
               envelope.recipients.begin(), envelope.recipients.end(),
               [](const mail::Recipient &recipient) { return !recipient.address.isAscii(); });
}

QByteArray notifyParameter(mail::NotifyFlags notify)
{
    if (notify.testFlag(mail::Notify::Never)) {
        return " NOTIFY=NEVER";
    }
    QByteArray list;
    const auto add = [&](mail::Notify flag, const char *word) {
        if (notify.testFlag(flag)) {
            list += list.isEmpty() ? " NOTIFY=" : ",";
            list += word;
        }
    };
    add(mail::Notify::Success, "SUCCESS");
    add(mail::Notify::Failure, "FAILURE");
    add(mail::Notify::Delay, "DELAY");
    return list;
}

}  // namespace

ClientEngine::ClientEngine(ClientSettings settings)
    : m_settings(std::move(settings))
    , m_reader(m_settings.limits)
{
}

void ClientEngine::receive(QByteArrayView bytes)
{
    if (m_phase == ClientPhase::Closed || m_phase == ClientPhase::Handshake) {
        return;
    }
    m_reader.append(bytes);
    while (m_phase != ClientPhase::Closed && m_phase != ClientPhase::Handshake) {
        auto reply = m_reader.next();
        if (!reply.has_value()) {
            fail(std::move(reply).error());
            return;
        }
        if (!reply->has_value()) {
            return;
        }
        handle(**reply);
    }
}

void ClientEngine::handle(const ServerReply &reply)
{
    // RFC 5321 §3.8: 421 may answer any command, and none; the channel is being closed.
    if (reply.reply.code == 421 && m_phase != ClientPhase::Quit) {
        fail(Error::transient("smtp.closing", QString::fromUtf8(reply.reply.toLine())),
             reply.reply);
        return;
    }
    switch (m_phase) {
    case ClientPhase::Greeting:
        handleGreeting(reply);
        return;
    case ClientPhase::Hello:
        handleHello(reply);
        return;
    case ClientPhase::StartTls:
        handleStartTls(reply);
        return;
    case ClientPhase::Mail:
        handleMail(reply.reply);
        return;
    case ClientPhase::Recipient:
        handleRecipient(reply.reply);
        return;
    case ClientPhase::DataStart:
        handleDataStart(reply.reply);
        return;
    case ClientPhase::DataEnd:
        handleDataEnd(reply.reply);
        return;
    case ClientPhase::Reset:
        m_phase = ClientPhase::Ready;
        return;
    case ClientPhase::Quit:
        fail(Error::transient("smtp.idle", QStringLiteral("done")));
        return;
    case ClientPhase::DataBlock:
        if (!reply.reply.isPositive()) {
            decideUndecided(reply.reply, RecipientResult::By::Server, nameOf(m_phase));
        }
        break;
    case ClientPhase::Ready:
    case ClientPhase::Handshake:
    case ClientPhase::Closed:
        break;
    }
    fail(Error::transient(
             "smtp.unexpected-reply",
             QString::fromUtf8("during " + nameOf(m_phase) + ": " + reply.reply.toLine())),
         reply.reply);
}

void ClientEngine::handleGreeting(const ServerReply &reply)
{
    if (reply.reply.code != 220) {
        // A 5yz here is about this host or our address, not about the message: another host may
        // take it, so it is no reason to bounce.
        fail(Error::transient("smtp.greeting", QString::fromUtf8(reply.reply.toLine())),
             reply.reply);
        return;
    }
    hello(true);
}

void ClientEngine::hello(bool extended)
{
    const bool isLmtp = m_settings.protocol == config::Protocol::Lmtp;
    const char *verb = isLmtp ? "LHLO " : (extended ? "EHLO " : "HELO ");
    m_triedExtended = extended;
    m_output += verb + m_settings.heloName + "\r\n";
    m_phase = ClientPhase::Hello;
}

void ClientEngine::handleHello(const ServerReply &reply)
{
    if (reply.reply.code == 250) {
        m_features = m_triedExtended ? ServerFeatures::fromEhlo(reply.lines) : ServerFeatures{};
        const QByteArray serverName = reply.lines.front().split(' ').front();
        if (m_settings.detectsLoop
            && serverName.compare(m_settings.heloName, Qt::CaseInsensitive) == 0) {
            fail(Error::permanent("smtp.loop",
                                  QStringLiteral("the server calls itself %1, which is us")
                                      .arg(QString::fromUtf8(serverName))));
            return;
        }
        afterHello();
        return;
    }
    // RFC 5321 §3.2: a server that does not know EHLO is spoken to with HELO.
    if (m_triedExtended && reply.reply.isPermanent()
        && m_settings.protocol == config::Protocol::Smtp) {
        hello(false);
        return;
    }
    fail(Error::transient("smtp.hello", QString::fromUtf8(reply.reply.toLine())), reply.reply);
}

void ClientEngine::afterHello()
{
    if (m_isEncrypted || m_settings.tls == TlsUse::None) {
        m_phase = ClientPhase::Ready;
        return;
    }
    if (m_features.hasStartTls) {
        m_output += "STARTTLS\r\n";
        m_phase = ClientPhase::StartTls;
        return;
    }
    if (m_settings.tls == TlsUse::Required) {
        fail(Error::transient("smtp.no-starttls",
                              QStringLiteral("TLS is required, but the server does not offer it")));
        return;
    }
    m_phase = ClientPhase::Ready;
}

void ClientEngine::handleStartTls(const ServerReply &reply)
{
    if (reply.reply.code == 220) {
        // Whatever follows the 220 in plain text was put there by somebody who wants it to be read
        // as if it had come through TLS (CVE-2011-0411 and its kin, on the response side).
        if (m_reader.hasBufferedBytes()) {
            fail(Error::transient("smtp.starttls-injection",
                                  QStringLiteral("plain text behind the reply to STARTTLS")));
            return;
        }
        m_phase = ClientPhase::Handshake;
        return;
    }
    if (m_settings.tls == TlsUse::Required) {
        fail(Error::transient("smtp.no-starttls", QString::fromUtf8(reply.reply.toLine())),
             reply.reply);
        return;
    }
    m_phase = ClientPhase::Ready;
}

void ClientEngine::tlsEstablished()
{
    m_isEncrypted = true;
    m_features = {};  // RFC 3207 §4.2: what was said before counts no more.
    m_reader.clear();
    hello(true);
}

std::optional<Reply> ClientEngine::objection() const
{
    if (m_features.maxSize > 0 && m_mail->content.size() > m_features.maxSize) {
        return replyByUs(552, "5.3.4", "Message is larger than the next hop takes");
    }
    if (!m_features.hasSmtpUtf8) {
        if (hasNonAsciiAddress(m_mail->envelope)) {
            return replyByUs(553, "5.6.7",
                             "Address needs SMTPUTF8, which the next hop does not support");
        }
        if (m_mail->envelope.isSmtpUtf8 && hasEightBitData(headerOf(m_mail->content.view()))) {
            return replyByUs(554, "5.6.9",
                             "Header needs SMTPUTF8, which the next hop does not support");
        }
    }
    if (m_isEightBit && !m_features.has8BitMime) {
        return replyByUs(554, "5.6.3",
                         "Message has 8-bit data, which the next hop does not support");
    }
    return std::nullopt;
}

void ClientEngine::send(OutgoingMail mail)
{
    Q_ASSERT(isReady() && !m_mail);
    m_mail = std::move(mail);
    m_decided.assign(m_mail->envelope.recipients.size(), std::nullopt);
    m_accepted.clear();
    m_nextRecipient = 0;
    m_nextFinal = 0;
    m_isMailRefused = false;
    m_isEmptyData = false;
    m_isEightBit = hasEightBitData(m_mail->content.view());
    if (const auto problem = objection()) {
        decideUndecided(*problem, RecipientResult::By::Us, "MAIL FROM");
        finishTransaction();
        return;
    }
    m_output += mailCommand();
    if (m_features.hasPipelining) {
        // RFC 2920 §3.1: DATA may be the last command of a group.
        for (const mail::Recipient &recipient : m_mail->envelope.recipients) {
            m_output += recipientCommand(recipient);
        }
        if (!m_mail->isProbe) {
            m_output += "DATA\r\n";
        }
    }
    m_phase = ClientPhase::Mail;
}

QByteArray ClientEngine::mailCommand() const
{
    const mail::Envelope &envelope = m_mail->envelope;
    const bool isUtf8 = m_features.hasSmtpUtf8
                        && (envelope.isSmtpUtf8 || hasNonAsciiAddress(envelope));
    QByteArray command = "MAIL FROM:<" + envelope.sender.toString() + '>';
    if (m_features.hasSize && !m_mail->isProbe) {
        command += " SIZE=" + QByteArray::number(m_mail->content.size());
    }
    if (m_features.has8BitMime && (m_isEightBit || envelope.body == mail::BodyType::EightBitMime)) {
        command += " BODY=8BITMIME";
    }
    if (isUtf8) {
        command += " SMTPUTF8";
    }
    if (m_features.hasDsn) {
        if (envelope.dsnReturn != mail::DsnReturn::Unspecified) {
            command += envelope.dsnReturn == mail::DsnReturn::Full ? " RET=FULL" : " RET=HDRS";
        }
        if (!envelope.envelopeId.isEmpty() && isParameterSafe(envelope.envelopeId, false)) {
            command += " ENVID=" + envelope.envelopeId;
        }
    }
    return command + "\r\n";
}

QByteArray ClientEngine::recipientCommand(const mail::Recipient &recipient) const
{
    QByteArray command = "RCPT TO:<" + recipient.address.toString() + '>';
    if (m_features.hasDsn) {
        command += notifyParameter(recipient.notify);
        if (!recipient.originalRecipient.isEmpty()
            && isParameterSafe(recipient.originalRecipient, m_features.hasSmtpUtf8)) {
            command += " ORCPT=" + recipient.originalRecipient;
        }
    }
    return command + "\r\n";
}

void ClientEngine::sendNextRecipient()
{
    m_output += recipientCommand(m_mail->envelope.recipients[m_nextRecipient]);
    m_phase = ClientPhase::Recipient;
}

void ClientEngine::handleMail(const Reply &reply)
{
    const bool isAccepted = reply.code / 100 == 2;
    if (!isAccepted) {
        m_isMailRefused = true;
        decideUndecided(reply, RecipientResult::By::Server, "MAIL FROM");
    }
    if (m_features.hasPipelining) {
        m_phase = m_decided.empty() ? ClientPhase::DataStart : ClientPhase::Recipient;
    } else if (isAccepted && !m_decided.empty()) {
        sendNextRecipient();
    } else {
        m_phase = ClientPhase::Ready;
        finishTransaction();
    }
}

void ClientEngine::handleRecipient(const Reply &reply)
{
    if (!m_isMailRefused) {
        if (reply.code / 100 == 2 && !m_mail->isProbe) {
            m_accepted.push_back(m_nextRecipient);
        } else {
            Reply counted = reply;
            // RFC 5321 §4.5.3.1.10: old servers say 552 where they mean "too many recipients".
            if (reply.code == 552 && !m_accepted.empty()) {
                counted.code = 452;
                counted.enhanced = "4.5.3";
            }
            decide(m_nextRecipient, {counted, RecipientResult::By::Server, "RCPT TO"});
        }
    }
    ++m_nextRecipient;
    if (m_nextRecipient < m_decided.size()) {
        if (!m_features.hasPipelining) {
            sendNextRecipient();
        }
        return;
    }
    recipientsDone();
}

void ClientEngine::recipientsDone()
{
    if (m_mail->isProbe) {
        reset();
        finishTransaction();
    } else if (m_features.hasPipelining) {
        m_phase = ClientPhase::DataStart;
    } else if (!m_accepted.empty()) {
        m_output += "DATA\r\n";
        m_phase = ClientPhase::DataStart;
    } else {
        reset();
        finishTransaction();
    }
}

void ClientEngine::handleDataStart(const Reply &reply)
{
    if (reply.isPositive() && reply.code != 354) {
        fail(Error::transient("smtp.unexpected-reply",
                              QString::fromUtf8("to DATA: " + reply.toLine())),
             reply);
        return;
    }
    if (reply.isPositive()) {
        if (m_accepted.empty()) {
            // RFC 2920 §3.1: nobody is left to send to, but the server waits for a message.
            m_isEmptyData = true;
            m_output += ".\r\n";
            m_phase = ClientPhase::DataEnd;
            return;
        }
        m_stuffer = DotStuffer(m_mail->content.view());
        m_phase = ClientPhase::DataBlock;
        return;
    }
    decideUndecided(reply, RecipientResult::By::Server, "DATA");
    reset();
    finishTransaction();
}

std::vector<QByteArrayView> ClientEngine::takeBody(qsizetype maxBytes)
{
    auto slices = m_stuffer.next(maxBytes);
    if (m_stuffer.isFinished()) {
        m_phase = ClientPhase::DataEnd;
    }
    return slices;
}

void ClientEngine::handleDataEnd(const Reply &reply)
{
    if (reply.code / 100 == 3) {
        fail(Error::transient("smtp.unexpected-reply",
                              QString::fromUtf8("to end of data: " + reply.toLine())),
             reply);
        return;
    }
    const RecipientResult result{reply, RecipientResult::By::Server, "end of data"};
    if (m_settings.protocol == config::Protocol::Lmtp && !m_isEmptyData) {
        // RFC 2033 §4.2: one reply for each recipient that was accepted, in their order.
        decide(m_accepted[m_nextFinal], result);
        if (++m_nextFinal < m_accepted.size()) {
            return;
        }
    } else {
        for (const size_t recipient : m_accepted) {
            decide(recipient, result);
        }
    }
    m_phase = ClientPhase::Ready;
    finishTransaction();
}

void ClientEngine::decide(size_t recipient, RecipientResult result)
{
    if (!m_decided[recipient]) {
        m_decided[recipient] = std::move(result);
    }
}

void ClientEngine::decideUndecided(const Reply &reply,
                                   RecipientResult::By by,
                                   const QByteArray &command)
{
    for (size_t i = 0; i < m_decided.size(); ++i) {
        decide(i, {reply, by, command});
    }
}

void ClientEngine::reset()
{
    m_output += "RSET\r\n";
    m_phase = ClientPhase::Reset;
}

void ClientEngine::finishTransaction()
{
    MailResult result;
    result.passedDsnOn = m_features.hasDsn;
    result.recipients.reserve(m_decided.size());
    for (auto &decided : m_decided) {
        result.recipients.push_back(std::move(*decided));
    }
    m_decided.clear();
    m_mail.reset();
    m_stuffer = DotStuffer();
    ++m_transactions;
    m_result = std::move(result);
}

void ClientEngine::quit()
{
    m_output += "QUIT\r\n";
    m_phase = ClientPhase::Quit;
}

void ClientEngine::abort(const Error &reason)
{
    if (m_phase != ClientPhase::Closed) {
        fail(reason);
    }
}

void ClientEngine::fail(Error error, const Reply &reply)
{
    const ClientPhase phase = std::exchange(m_phase, ClientPhase::Closed);
    m_failureReply = reply;
    if (m_mail) {
        const bool isServersReply = reply.isTransient();
        const Reply reason = isServersReply ? reply : Reply{451, "4.4.2", error.detail.toUtf8()};
        decideUndecided(reason, RecipientResult::By::Connection, nameOf(phase));
        finishTransaction();
        m_result->isFateUnknown = phase == ClientPhase::DataEnd && !isServersReply;
    }
    m_failure = std::move(error);
    m_reader.clear();
    m_output.clear();
}

}  // namespace portcullis::smtp
