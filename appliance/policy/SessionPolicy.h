// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Envelope.h"
#include "appliance/verdict/SessionEvidence.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>

#include <functional>
#include <memory>
#include <optional>

namespace portcullis::policy {

/// What a session has told us when a policy is asked. Valid during the call only.
struct SessionFacts {
    mail::Direction direction = mail::Direction::In;
    const mail::Client &client;
    QByteArray helo;                             ///< At HELO: the name; client.helo is set later.
    QByteArray queueId;                          ///< Empty before MAIL.
    const mail::Address *sender = nullptr;       ///< From MAIL on.
    const mail::Recipient *recipient = nullptr;  ///< At RCPT.
};

/// A refusal in SMTP's terms (RFC 5321 §4.2, RFC 3463), without knowing the SMTP engine.
struct Refusal {
    int code = 450;
    QByteArray enhanced;
    QByteArray text;         ///< Says what is wrong and what the sender can do about it.
    const char *check = "";  ///< Which check refused: "dnsbl", "spf", "greylist" …; for tracking.
    QJsonObject detail{};    ///< Its evidence, for tracking.
};

/// Every check that is made before the content arrives, for one session: DNSBL, HELO tests, SPF,
/// greylisting, receiver verification, the SMTP allow list (design §5, steps 1 to 3).
///
/// Lives on its session's thread. Each question ends with exactly one call of `done`, at once or
/// later from the event loop, and not at all after the object is gone. No Refusal lets the session
/// go on.
class SessionPolicy
{
public:
    using Done = std::function<void(std::optional<Refusal>)>;

    virtual ~SessionPolicy() = default;

    virtual void atConnect(const SessionFacts &facts, Done done) = 0;
    virtual void atHelo(const SessionFacts &facts, Done done) = 0;
    virtual void atMail(const SessionFacts &facts, Done done) = 0;
    virtual void atRcpt(const SessionFacts &facts, Done done) = 0;

    /// The transaction ended; what concerned its sender is forgotten.
    virtual void onReset() = 0;
    /// A message was accepted for delivery: the client keeps the rules (see ClientMemory).
    virtual void onAccepted() = 0;
    /// The SMTP engine refused the client for breaking the protocol.
    virtual void onViolation() = 0;

    /// What was found so far, about session and transaction.
    [[nodiscard]] virtual const verdict::SessionEvidence &evidence() const = 0;
    /// The client's name, confirmed by its address (RFC 8601 §3 "iprev"); empty: none.
    [[nodiscard]] virtual QByteArray clientName() const = 0;
    /// Header fields that tell the findings (Received-SPF), each with its CRLF; to stand below our
    /// Received field.
    [[nodiscard]] virtual QByteArray headerFields() const = 0;
};

/// Makes the policies of one server thread's sessions and owns what they share there: a resolver,
/// connections to workers.
class PolicyContext
{
public:
    virtual ~PolicyContext() = default;
    virtual std::unique_ptr<SessionPolicy> createSession(mail::Direction direction) = 0;
};

}  // namespace portcullis::policy
