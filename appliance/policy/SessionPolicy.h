// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Envelope.h"

#include <QtCore/QByteArray>
#include <QtCore/QObject>

#include <functional>
#include <optional>

namespace portcullis::policy {

/// What a session has told us when a policy is asked. Valid during the call only.
struct SessionFacts {
    mail::Direction direction = mail::Direction::In;
    const mail::Client &client;
    QByteArray queueId;                          ///< Empty before MAIL.
    const mail::Address *sender = nullptr;       ///< From MAIL on.
    const mail::Recipient *recipient = nullptr;  ///< At RCPT.
};

/// A refusal in SMTP's terms (RFC 5321 §4.2, RFC 3463), without knowing the SMTP engine.
struct Refusal {
    int code = 450;
    QByteArray enhanced;
    QByteArray text;  ///< Says what is wrong and what the sender can do about it.
};

/// The place of every check that is made before the content arrives: protocol tests, DNSBL, SPF,
/// greylisting, receiver verification, the SMTP allow list (design §5, steps 1 to 3).
///
/// One instance a thread. Each check ends with exactly one call of `done`, at once or later from the
/// event loop, never after `context` is gone; no Refusal lets the session go on.
class SessionPolicy
{
public:
    using Done = std::function<void(std::optional<Refusal>)>;

    virtual ~SessionPolicy() = default;

    virtual void atConnect(const SessionFacts &facts, QObject *context, Done done) = 0;
    virtual void atHelo(const SessionFacts &facts, QObject *context, Done done) = 0;
    virtual void atMail(const SessionFacts &facts, QObject *context, Done done) = 0;
    virtual void atRcpt(const SessionFacts &facts, QObject *context, Done done) = 0;
};

/// Lets everything pass: what a session meets while no check is switched on.
class OpenPolicy final : public SessionPolicy
{
public:
    void atConnect(const SessionFacts & /*facts*/, QObject * /*context*/, Done done) override
    {
        done(std::nullopt);
    }
    void atHelo(const SessionFacts & /*facts*/, QObject * /*context*/, Done done) override
    {
        done(std::nullopt);
    }
    void atMail(const SessionFacts & /*facts*/, QObject * /*context*/, Done done) override
    {
        done(std::nullopt);
    }
    void atRcpt(const SessionFacts & /*facts*/, QObject * /*context*/, Done done) override
    {
        done(std::nullopt);
    }
};

}  // namespace portcullis::policy
