// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/session/GatewayPolicy.h"

#include <QtCore/QTimer>

namespace portcullis::policy {

namespace {

spf::SpfSettings spfSettings(const config::Config &config)
{
    spf::SpfSettings settings;
    settings.receiver = config.fqdn;
    settings.limits.timeout = config.mail.spfTimeout;
    return settings;
}

}  // namespace

GatewayPolicyContext::GatewayPolicyContext(PolicyServices &services,
                                           std::unique_ptr<Resolver> resolver)
    : m_services(services)
    , m_resolver(std::move(resolver))
    , m_dnsbl(*m_resolver, services.dnsblHealth, services.dnsblCache)
    , m_reverseName(*m_resolver)
    , m_senderDomain(*m_resolver)
    , m_spf(*m_resolver, spfSettings(*services.settings()->config))
    , m_envelope(*m_resolver, m_spf, services.greylisting, services.allowList, services.clock)
{
    follow(services.settings());
}

GatewayPolicyContext::~GatewayPolicyContext() = default;

std::unique_ptr<SessionPolicy> GatewayPolicyContext::createSession(mail::Direction direction)
{
    follow(m_services.settings());
    return std::make_unique<GatewayPolicy>(*this, direction);
}

void GatewayPolicyContext::follow(const std::shared_ptr<const PolicySettings> &settings)
{
    if (settings == m_settings) {
        return;
    }
    m_settings = settings;
    m_dnsbl.setSites(settings->dnsblSites);
    m_spf.setTimeout(settings->config->mail.spfTimeout);
    // One thread is enough to find out which lists can be believed.
    const quint64 stamp = settings->dnsblSites->stamp();
    if (!settings->dnsblSites->isEmpty() && m_services.testedSites.exchange(stamp) != stamp) {
        m_dnsbl.testLists(&m_lifetime);
    }
}

GatewayPolicy::GatewayPolicy(GatewayPolicyContext &context, mail::Direction direction)
    : m_context(context)
    , m_direction(direction)
    , m_settings(context.m_settings)
{
    ++m_context.m_services.openSessions;
}

GatewayPolicy::~GatewayPolicy()
{
    --m_context.m_services.openSessions;
}

/// Also after XCLIENT: then for another client, about whom nothing is known yet.
void GatewayPolicy::atConnect(const SessionFacts &facts, Done done)
{
    m_lifetime = std::make_unique<QObject>();
    m_client = facts.client.address;
    m_isExempt = m_settings->config->isTrusted(m_client);
    m_hasWaited = false;
    m_dnsbl = std::make_unique<Eventual<std::shared_ptr<const DnsblOutcome>>>();
    m_reverseName = std::make_unique<Eventual<ReverseNameResult>>();
    m_evidence = {};
    m_heloSpf.reset();
    startLookups();
    const bool isAllowed = m_context.m_services.allowList.clientEntry(m_client).has_value();
    if (m_isExempt || isAllowed || m_context.m_services.clientMemory.isKnown(m_client)) {
        done(std::nullopt);
    } else {
        waitBeforeGreeting(std::move(done));
    }
}

void GatewayPolicy::startLookups()
{
    m_context.m_reverseName.find(
        m_client, m_lifetime.get(),
        [this](const ReverseNameResult &result) { m_reverseName->set(result); });
    if (m_isExempt || m_settings->dnsblSites->isEmpty()) {
        return;
    }
    if (auto outcome = m_context.m_dnsbl.remembered(m_client)) {
        m_dnsbl->set(std::move(outcome));
        return;
    }
    m_context.m_dnsbl.check(
        m_client, m_lifetime.get(),
        [this](const std::shared_ptr<const DnsblOutcome> &outcome) { m_dnsbl->set(outcome); });
}

void GatewayPolicy::waitBeforeGreeting(Done done)
{
    PolicyServices &services = m_context.m_services;
    const int allowed = m_direction == mail::Direction::In ? mail().maxSmtpdIn : mail().maxSmtpdOut;
    const auto wait = services.greetWait.forSession(services.openSessions, allowed);
    if (wait.count() == 0) {
        done(std::nullopt);
        return;
    }
    m_hasWaited = true;
    QTimer::singleShot(wait, m_lifetime.get(), [done = std::move(done)] { done(std::nullopt); });
}

void GatewayPolicy::atHelo(const SessionFacts &facts, Done done)
{
    m_helo = facts.helo;
    if (m_hasWaited) {
        // It heard the greeting out before it spoke.
        m_context.m_services.clientMemory.remember(m_client);
        m_hasWaited = false;
    }
    const bool isSpared = m_isExempt || m_context.m_services.allowList.clientEntry(m_client);
    done(mail().heloTests && !isSpared ? m_settings->helo.refusal(facts.helo) : std::nullopt);
}

void GatewayPolicy::atMail(const SessionFacts &facts, Done done)
{
    onReset();
    m_sender = *facts.sender;
    if (!m_isExempt && mail().rejectUnknownSender) {
        m_senderDomain = std::make_shared<Eventual<SenderDomainResult>>();
        // A look-up of an earlier transaction that comes late finds nobody to tell.
        const std::weak_ptr asked = m_senderDomain;
        m_context.m_senderDomain.check(m_sender, m_lifetime.get(),
                                       [asked](const SenderDomainResult &result) {
                                           if (const auto waiting = asked.lock()) {
                                               waiting->set(result);
                                           }
                                       });
    }
    startHeloCheck();
    done(std::nullopt);
}

/// Refuses nobody: what a name in HELO says of itself is evidence for the filter. With a null
/// reverse-path SPF is about that name anyway (RFC 7208 §2.4).
void GatewayPolicy::startHeloCheck()
{
    if (m_isExempt || !mail().spf || m_sender.isNull()) {
        m_heloSpf.reset();
        return;
    }
    if (m_heloSpf && m_checkedHelo == m_helo) {
        return;
    }
    m_checkedHelo = m_helo;
    m_heloSpf = std::make_shared<Eventual<verdict::SpfFinding>>();
    const std::weak_ptr asked = m_heloSpf;
    m_context.m_spf.check(m_client, m_helo, {"postmaster", m_helo, true}, m_lifetime.get(),
                          [asked](verdict::SpfFinding finding) {
                              if (const auto waiting = asked.lock()) {
                                  waiting->set(std::move(finding));
                              }
                          });
}

void GatewayPolicy::atRcpt(const SessionFacts &facts, Done done)
{
    m_recipient = facts.recipient->address;
    m_done = std::move(done);
    m_steps.clear();
    if (!m_isExempt) {
        m_steps = {&GatewayPolicy::checkAllowList,   &GatewayPolicy::checkDnsbl,
                   &GatewayPolicy::checkReverseName, &GatewayPolicy::checkSenderDomain,
                   &GatewayPolicy::checkEnvelope,    &GatewayPolicy::checkReceiver,
                   &GatewayPolicy::awaitHelo};
    }
    next();
}

void GatewayPolicy::next()
{
    if (m_steps.empty()) {
        m_recipients.push_back(m_recipient);
        finish(std::nullopt);
        return;
    }
    const Step step = m_steps.front();
    m_steps.pop_front();
    (this->*step)();
}

void GatewayPolicy::finish(std::optional<Refusal> refusal)
{
    m_steps.clear();
    std::exchange(m_done, nullptr)(std::move(refusal));
}

void GatewayPolicy::checkAllowList()
{
    if (auto entry = m_context.m_envelope.allowEntry(m_client, m_sender, m_recipient)) {
        m_evidence.allowedBy = *entry;
        m_steps.clear();
    }
    next();
}

void GatewayPolicy::checkDnsbl()
{
    if (m_settings->dnsblSites->isEmpty()) {
        next();
        return;
    }
    m_dnsbl->when([this](const std::shared_ptr<const DnsblOutcome> &outcome) {
        m_evidence.dnsbl = outcome->findings;
        m_evidence.dnsblScore = outcome->score;
        auto refusal = outcome->refusal(m_client);
        refusal ? finish(std::move(refusal)) : next();
    });
}

void GatewayPolicy::checkReverseName()
{
    if (!mail().rejectUnknown) {
        next();
        return;
    }
    m_reverseName->when([this](const ReverseNameResult &result) {
        auto refusal = result.refusal(m_client);
        refusal ? finish(std::move(refusal)) : next();
    });
}

void GatewayPolicy::checkSenderDomain()
{
    if (!m_senderDomain) {
        next();
        return;
    }
    m_senderDomain->when([this](const SenderDomainResult &result) {
        auto refusal = result.refusal(m_sender);
        refusal ? finish(std::move(refusal)) : next();
    });
}

void GatewayPolicy::checkEnvelope()
{
    m_context.m_envelope.check({m_client, m_helo, m_sender, m_recipient, m_evidence.spf},
                               {mail().spf, mail().greylist}, m_lifetime.get(),
                               [this](EnvelopeOutcome outcome) {
                                   m_evidence.spf = std::move(outcome.spf);
                                   m_evidence.greylist = outcome.greylist;
                                   outcome.refusal ? finish(std::move(outcome.refusal)) : next();
                               });
}

void GatewayPolicy::checkReceiver()
{
    if (mail().verifyReceivers == 0) {
        next();
        return;
    }
    m_context.m_services.receiverCheck.verify(m_recipient, m_lifetime.get(),
                                              [this](const ReceiverState &state) {
                                                  auto refusal = receiverRefusal(state);
                                                  refusal ? finish(std::move(refusal)) : next();
                                              });
}

/// Begun at MAIL, so seldom waited for.
void GatewayPolicy::awaitHelo()
{
    if (!m_heloSpf) {
        next();
        return;
    }
    m_heloSpf->when([this](const verdict::SpfFinding &finding) {
        m_evidence.heloSpf = finding;
        next();
    });
}

std::optional<Refusal> GatewayPolicy::receiverRefusal(const ReceiverState &state) const
{
    if (state.kind == ReceiverState::Kind::Exists) {
        return std::nullopt;
    }
    const bool isKnownBad = state.kind == ReceiverState::Kind::Unknown;
    const bool isFinal = isKnownBad && mail().verifyReceivers == 550;
    QByteArray text = isKnownBad ? "Recipient is not known at its mail server"
                                 : "Recipient cannot be verified now, try again later";
    // What the server behind us says of itself is nobody's business where Received fields are not.
    if (!mail().hideReceived && !state.reply.isEmpty()) {
        text += ": " + state.reply;
    }
    return Refusal{isFinal ? 550 : 450, isFinal ? "5.1.1" : "4.1.1", text, "receiver",
                   QJsonObject{{QLatin1String("next_hop"), QString::fromUtf8(state.reply)}}};
}

void GatewayPolicy::onReset()
{
    m_senderDomain.reset();
    m_recipients.clear();
    m_evidence.spf.reset();
    m_evidence.heloSpf.reset();
    m_evidence.allowedBy.clear();
    m_evidence.greylist.clear();
    m_steps.clear();
}

void GatewayPolicy::onAccepted()
{
    PolicyServices &services = m_context.m_services;
    if (m_direction == mail::Direction::Out && mail().greylist) {
        services.greylisting.learnOutgoing(m_sender, m_recipients, services.clock.wall());
    }
}

void GatewayPolicy::onViolation()
{
    m_context.m_services.clientMemory.forget(m_client);
}

QByteArray GatewayPolicy::clientName() const
{
    if (!m_reverseName || !m_reverseName->value()) {
        return {};
    }
    return m_reverseName->value()->confirmedName();
}

QByteArray GatewayPolicy::headerFields() const
{
    if (!m_evidence.spf) {
        return {};
    }
    return spf::receivedSpfField(*m_evidence.spf, m_client, m_settings->config->fqdn, m_helo,
                                 m_sender.toString());
}

}  // namespace portcullis::policy
