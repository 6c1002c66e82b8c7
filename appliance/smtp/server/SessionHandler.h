// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/smtp/Reply.h"

#include <QtCore/QByteArray>

#include <optional>

namespace portcullis::smtp {

/// What the owner of a session can do with it. Lives as long as the session; used on its thread only.
class SessionControl
{
public:
    virtual ~SessionControl() = default;

    /// Answers the question that the handler was asked last. Exactly one answer a question, at once
    /// or later from the event loop; until then the session reads no further command.
    virtual void answer(const Reply &reply) = 0;

    /// Answers and closes the connection after the reply was written (421, or 521/554 at connect).
    virtual void answerAndClose(const Reply &reply) = 0;

    /// As the session knows it now: EHLO name, TLS and XCLIENT/XFORWARD changes are included.
    [[nodiscard]] virtual const mail::Client &client() const = 0;
};

/// MAIL FROM with its parameters, syntax already checked (RFC 5321 §4.1.1.2).
struct MailCommand {
    mail::Address sender;
    std::optional<qint64> declaredSize;  ///< SIZE=, RFC 1870.
    mail::BodyType body = mail::BodyType::SevenBit;
    bool isSmtpUtf8 = false;
    QByteArray envelopeId;
    mail::DsnReturn dsnReturn = mail::DsnReturn::Unspecified;
};

/// Decides about one session: relay permission, policy checks, filtering, acceptance.
///
/// One handler a session, created by the server's factory on the session's thread and used only
/// there. Each on…() that returns void is a question and must be answered through SessionControl.
class SessionHandler
{
public:
    virtual ~SessionHandler() = default;

    virtual void onConnect() = 0;  ///< 220 with the banner, or 4xx/5xx.
    virtual void onHelo(const QByteArray &name,
                        bool isExtended) = 0;             ///< 250 lets the engine list extensions.
    virtual void onMail(const MailCommand &command) = 0;  ///< 250 starts a transaction.
    virtual void onRcpt(const mail::Recipient &recipient) = 0;  ///< 250 adds the recipient.

    /// DATA or the first BDAT. 354 lets the message come; the builder in which it is collected is
    /// supplied by dataBuilder() then. For BDAT the engine sends no 354.
    virtual void onData() = 0;
    /// Called once after onData() was answered with 354. May already hold our trace header.
    virtual mail::ContentBuilder dataBuilder() = 0;

    /// The message is complete. The final reply says who is responsible for it (RFC 5321 §6.1).
    virtual void onMessage(mail::Content content) = 0;

    /// The transaction ended without a message: RSET, EHLO, STARTTLS, too large, bad line endings …
    virtual void onReset() = 0;
    /// The engine refused something that breaks the protocol, before any question was asked: talking
    /// too early, another protocol, bare newlines, too many errors. `reply` is what was said.
    virtual void onViolation(const Reply & /*reply*/, const QByteArray & /*reason*/) {}
    /// The connection is gone; no answer is possible any more. `reason` is for the log.
    virtual void onClosed(const QByteArray &reason) = 0;
};

}  // namespace portcullis::smtp
