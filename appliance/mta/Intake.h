// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mta/OutcomeWriter.h"
#include "appliance/mta/Services.h"
#include "appliance/policy/SessionPolicy.h"
#include "appliance/smtp/server/SessionHandler.h"
#include "appliance/verdict/FilterJob.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QObject>

#include <memory>

namespace portcullis::mta {

/// Who talks to us. A Postfix in front has made all checks before DATA, and is told of a blocked
/// message so that no bounce to a forged address comes of it (docs/decisions/0011).
enum class Peer { Client, Postfix };

/// One SMTP session as the gateway decides it: limits, relay permission, policy, filter, acceptance.
///
/// Lives on its session's thread. `250` to the end of data is said only after the spool has flushed
/// (RFC 5321 §6.1); whatever cannot be judged is answered 451 and stays with the sender.
class Intake final : public smtp::SessionHandler
{
public:
    Intake(const Services &services,
           std::unique_ptr<policy::SessionPolicy> policy,
           smtp::SessionControl &control,
           mail::Direction direction,
           Peer peer = Peer::Client);

    void onConnect() override;
    void onHelo(const QByteArray &name, bool isExtended) override;
    void onMail(const smtp::MailCommand &command) override;
    void onRcpt(const mail::Recipient &recipient) override;
    void onData() override;
    mail::ContentBuilder dataBuilder() override;
    void onMessage(mail::Content content) override;
    void onReset() override;
    void onViolation(const smtp::Reply &reply, const QByteArray &reason) override;
    void onClosed(const QByteArray &reason) override;

private:
    using Next = void (Intake::*)();

    [[nodiscard]] policy::SessionFacts facts() const;
    policy::SessionPolicy::Done whenAllowed(Next next);
    void refuse(const smtp::Reply &reply, const char *check);
    void refuse(const policy::Refusal &refusal);
    void track(const smtp::Reply &reply, const char *check, const QJsonObject &detail);
    void trackAccepted();
    void acceptMail();
    void acceptRcpt();
    void greet();
    void acceptHelo();

    void askFilter();
    void onVerdict(Result<verdict::FilterResponse> result);
    void onFilterError(const Error &error);
    void queueAs(spool::Stage stage);
    void commit(Outcome outcome);
    void onCommitted(const Status &status, const Outcome &outcome);
    void defer(const Error &error);
    [[nodiscard]] bool mayRefuseBlocked() const;
    [[nodiscard]] bool isSenderWaiting() const;

    const Services &m_services;
    std::unique_ptr<policy::SessionPolicy> m_policy;
    smtp::SessionControl &m_control;
    mail::Direction m_direction;
    Peer m_peer;
    std::shared_ptr<const config::Config> m_config;  ///< Of this session, from its first moment.
    policy::ClientLimits::Place m_place;
    QObject m_context;  ///< Dies with us: callbacks of policies and commits end then.
    bool m_isClosed = false;

    // The transaction.
    verdict::FilterRequest m_request;
    std::optional<mail::Recipient> m_candidate;  ///< The RCPT being decided.
    std::unique_ptr<verdict::FilterJob> m_job;
    QElapsedTimer m_filterTimer;
    int m_crashes = 0;
};

}  // namespace portcullis::mta
