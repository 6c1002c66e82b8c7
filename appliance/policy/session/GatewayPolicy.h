// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/session/EnvelopePolicy.h"
#include "appliance/policy/session/Eventual.h"
#include "appliance/policy/session/PolicyServices.h"
#include "appliance/policy/SessionPolicy.h"

#include <QtCore/QObject>

#include <deque>
#include <memory>
#include <vector>

namespace portcullis::policy {

/// What the sessions of one thread share: the resolver and everything that asks it.
class GatewayPolicyContext final : public PolicyContext
{
public:
    /// `services` must outlive this.
    GatewayPolicyContext(PolicyServices &services, std::unique_ptr<Resolver> resolver);
    ~GatewayPolicyContext() override;

    std::unique_ptr<SessionPolicy> createSession(mail::Direction direction) override;

private:
    friend class GatewayPolicy;
    void follow(const std::shared_ptr<const PolicySettings> &settings);

    PolicyServices &m_services;
    std::unique_ptr<Resolver> m_resolver;
    DnsblCheck m_dnsbl;
    ReverseName m_reverseName;
    SenderDomain m_senderDomain;
    spf::SpfClient m_spf;
    EnvelopePolicy m_envelope;
    std::shared_ptr<const PolicySettings> m_settings;
    QObject m_lifetime;  ///< Last, so that look-ups end before what they tell.
};

/// All checks before DATA, for one session of the gateway.
///
/// Look-ups begin as early as they can (block lists and reverse name at connect, the sender's domain
/// at MAIL) and are waited for at RCPT, where all refusals but that of HELO are made: there the
/// recipient is known, so the allow list can spare him and tracking can tell whose mail it was.
class GatewayPolicy final : public SessionPolicy
{
public:
    GatewayPolicy(GatewayPolicyContext &context, mail::Direction direction);
    ~GatewayPolicy() override;
    Q_DISABLE_COPY_MOVE(GatewayPolicy)

    void atConnect(const SessionFacts &facts, Done done) override;
    void atHelo(const SessionFacts &facts, Done done) override;
    void atMail(const SessionFacts &facts, Done done) override;
    void atRcpt(const SessionFacts &facts, Done done) override;
    void onReset() override;
    void onAccepted() override;
    void onViolation() override;
    [[nodiscard]] const verdict::SessionEvidence &evidence() const override { return m_evidence; }
    [[nodiscard]] QByteArray clientName() const override;
    [[nodiscard]] QByteArray headerFields() const override;

private:
    using Step = void (GatewayPolicy::*)();

    [[nodiscard]] const config::MailSettings &mail() const { return m_settings->config->mail; }
    void startLookups();
    void startHeloCheck();
    void waitBeforeGreeting(Done done);

    /// @name The steps of a RCPT, in order. Each ends with next() or finish().
    /// @{
    void checkAllowList();
    void checkDnsbl();
    void checkReverseName();
    void checkSenderDomain();
    void checkEnvelope();
    void checkReceiver();
    void awaitHelo();
    /// @}
    void next();
    void finish(std::optional<Refusal> refusal);
    [[nodiscard]] std::optional<Refusal> receiverRefusal(const ReceiverState &state) const;

    GatewayPolicyContext &m_context;
    mail::Direction m_direction;
    std::shared_ptr<const PolicySettings> m_settings;  ///< Of this session.
    std::unique_ptr<QObject> m_lifetime;  ///< Whose end cancels what is under way for the client.

    // The client.
    QHostAddress m_client;
    bool m_isExempt = false;  ///< A trusted network: no checks.
    bool m_hasWaited = false;
    std::unique_ptr<Eventual<std::shared_ptr<const DnsblOutcome>>> m_dnsbl;
    std::unique_ptr<Eventual<ReverseNameResult>> m_reverseName;

    // The transaction.
    QByteArray m_helo;
    mail::Address m_sender;
    std::shared_ptr<Eventual<SenderDomainResult>> m_senderDomain;
    /// SPF of the name in HELO, for the spam tests; of `m_checkedHelo`. Null: not asked.
    std::shared_ptr<Eventual<verdict::SpfFinding>> m_heloSpf;
    QByteArray m_checkedHelo;
    std::vector<mail::Address> m_recipients;  ///< Accepted; for greylisting to learn from.
    verdict::SessionEvidence m_evidence;

    // The RCPT being decided.
    mail::Address m_recipient;
    std::deque<Step> m_steps;
    Done m_done;
};

}  // namespace portcullis::policy
