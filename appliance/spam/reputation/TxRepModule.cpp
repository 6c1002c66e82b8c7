// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/reputation/TxRepModule.h"

#include <QtCore/QDateTime>

#include <algorithm>
#include <cmath>

namespace portcullis::spam {

namespace {

constexpr double lowPoints = 2;  ///< Below, Received fields of strangers are believed.

double txRepDigits(double value)
{
    return std::round(value * 1000) / 1000;
}

QByteArray txRepTagNumber(double value)
{
    return QByteArray::number(value, 'f', 1);
}

/// Apart from the keys of AWL, whose names never have a '!'.
QByteArray txRepKey(const QByteArray &name,
                    const QByteArray &network,
                    const QByteArray &signedBy = {})
{
    return "txrep!" + reputationKey(name, network, signedBy);
}

/// What the Received fields tell.
struct TxRepOrigin {
    QByteArray ip;
    QByteArray helo;
};

TxRepOrigin txRepOriginOf(const RelayChain &relays,
                          const QByteArray &from,
                          const QByteArray &domain,
                          double points)
{
    TxRepOrigin origin;
    std::vector<const Relay *> hops;
    for (const auto *list : {&relays.trusted, &relays.untrusted}) {
        for (const Relay &relay : *list) {
            hops.push_back(&relay);
        }
    }
    for (size_t i = 0; i < hops.size(); ++i) {
        const Relay &relay = *hops[i];
        const QByteArray helo = relay.helo.toLower();
        const bool saysMore = !helo.isEmpty() && helo != relay.ip && helo != '[' + relay.ip + ']'
                              && helo != domain && helo != from;
        origin.helo = saysMore ? relay.helo : origin.helo;
        // Trusted hops and the first behind them are as they say.
        const bool isSure = i <= relays.trusted.size() || points < lowPoints;
        if (isSure && !relay.isPrivate && !relay.ip.isEmpty()) {
            origin.ip = relay.ip;
        } else if (i < relays.trusted.size() && origin.ip.isEmpty() && relay.isPrivate
                   && !relay.ip.isEmpty()) {
            origin.ip = "127.0.0.1";
        }
    }
    return origin;
}

QByteArray domainOf(const QByteArray &address)
{
    return address.mid(address.lastIndexOf('@') + 1);
}

/// The mean with this message, less its points. A message that is on the same side as its history is
/// never moved to the other by it.
double deltaTo(const Reputation &known, double points)
{
    const double count = double(known.messages) + 1;
    const double delta = (known.score + points) / count - points;
    const bool isOdd = (known.score > 0 && points > 0 && delta < 0)
                       || (known.score < 0 && points < 0 && delta > 0);
    return isOdd ? known.score / count : delta;
}

}  // namespace

TxRepModule::TxRepModule(ReputationLinks links, std::function<double(const Scan &scan)> points)
    : m_links(std::move(links))
    , m_points(std::move(points))
{
}

QByteArray TxRepModule::plugin() const
{
    return "Mail::SpamAssassin::Plugin::TxRep";
}

void TxRepModule::configure(const RuleSet &rules, ProblemSink &problems)
{
    const auto isAwlOn = [&rules] {
        return rules.hasPlugin("AWL") && rules.isOn("use_auto_welcomelist", true);
    };
    const bool isWanted = rules.hasPlugin("TxRep") && rules.isOn("use_txrep", false);
    m_settings.isOn = isWanted && !isAwlOn();
    if (isWanted && !m_settings.isOn) {
        const auto &said = rules.directive("use_txrep");
        problems.report({Problem::Severity::Warning,
                         said.empty() ? spam::Origin() : said.back().origin, "use_txrep",
                         "has no effect while use_auto_welcomelist is on"});
    }
    const auto number = [&rules](const char *name, double &value) {
        value = rules.number(name, value);
    };
    number("txrep_factor", m_settings.factor);
    number("txrep_welcomelist_out", m_settings.welcomePoints);
    number("txrep_weight_email", m_settings.emailWeight);
    number("txrep_weight_email_ip", m_settings.emailAndIpWeight);
    number("txrep_weight_domain", m_settings.domainWeight);
    number("txrep_weight_ip", m_settings.ipWeight);
    number("txrep_weight_helo", m_settings.heloWeight);
    m_settings.masks.ipv4Bits = int(rules.number("txrep_ipv4_mask_len", m_settings.masks.ipv4Bits));
    m_settings.masks.ipv6Bits = int(rules.number("txrep_ipv6_mask_len", m_settings.masks.ipv6Bits));
    m_settings.trustsSpf = rules.isOn("txrep_spf", m_settings.trustsSpf);
    m_settings.distinguishesSigned = rules.isOn("auto_welcomelist_distinguish_signed",
                                                m_settings.distinguishesSigned);
}

std::vector<EvalModule::Entry> TxRepModule::functions() const
{
    return {
        {"check_senders_reputation", [this](Scan &scan, const EvalCall &) { return check(scan); }}};
}

std::vector<TxRepIdentity> TxRepModule::identitiesOf(Scan &scan, double points) const
{
    QByteArray from = scan.text().headerText("From:addr").toLower().trimmed();
    if (from.isEmpty()) {
        from = scan.text().headerText("EnvelopeFrom:addr").toLower().trimmed();
    }
    if (from.isEmpty()) {
        return {};
    }
    QByteArray domain = domainOf(from);
    const TxRepOrigin origin = txRepOriginOf(scan.text().relays(), from, domain, points);
    QByteArray network = origin.ip.isEmpty() ? QByteArray()
                                             : reputationNetwork(origin.ip, m_settings.masks);
    const std::vector<QByteArray> &signers = scan.tag("DKIMDOMAIN");
    QByteArray signedBy;
    if (m_settings.distinguishesSigned && !signers.empty() && !signers.front().isEmpty()) {
        signedBy = signers.front();
        domain = signedBy;
    } else if (m_settings.trustsSpf && scan.valueOf("SPF_PASS") > 0) {
        const QByteArray sender = domainOf(scan.text().headerText("EnvelopeFrom:addr"));
        signedBy = sender.isEmpty() ? QByteArray("spf") : "spf-" + sender;
    }
    if (!signedBy.isEmpty()) {
        network.clear();
    }
    std::vector<TxRepIdentity> all{
        {"EMAILIP", txRepKey(from, network, signedBy), m_settings.emailAndIpWeight},
        {"DOMAIN", txRepKey(domain, network, signedBy), m_settings.domainWeight}};
    if (!origin.helo.isEmpty()) {
        all.push_back({"HELO", txRepKey(origin.helo, {}, "HELO"), m_settings.heloWeight});
    }
    if (!origin.ip.isEmpty()) {
        if (signedBy.isEmpty()) {
            all.push_back({"EMAIL", txRepKey(from, {}), m_settings.emailWeight});
        }
        all.push_back({"IP", txRepKey(origin.ip, {}), m_settings.ipWeight});
    }
    std::erase_if(all, [](const TxRepIdentity &identity) { return identity.weight == 0; });
    return all;
}

double TxRepModule::deltaOf(Scan &scan, const TxRepIdentity &identity, double points) const
{
    const std::optional<Reputation> found = m_links.find ? m_links.find(identity.key)
                                                         : std::nullopt;
    const Reputation known = found.value_or(Reputation());
    const double delta = deltaTo(known, points);
    const QByteArray tag = QByteArray("TXREP") + identity.tag;
    scan.setTag(tag, {txRepTagNumber(delta)});
    if (known.messages > 0) {
        scan.setTag(tag + "MEAN", {txRepTagNumber(known.mean())});
    }
    scan.setTag(tag + "COUNT", {txRepTagNumber(double(known.messages))});
    scan.setTag(tag + "PRESCORE", {txRepTagNumber(scan.scoreSoFar())});
    return delta;
}

/// Whom our own people write to is expected to answer.
void TxRepModule::welcomeRecipients(Scan &scan) const
{
    const RelayChain &relays = scan.text().relays();
    if (m_settings.welcomePoints <= 0 || !m_links.learn || relays.internal.empty()
        || !relays.external.empty()) {
        return;
    }
    for (const QByteArray &address : scan.text().headerList("ToCc:addr")) {
        m_links.learn(AddReputation{txRepKey(address, {}), -m_settings.welcomePoints,
                                    QDateTime::currentSecsSinceEpoch()});
    }
}

int TxRepModule::check(Scan &scan) const
{
    if (!m_settings.isOn) {
        return 0;
    }
    const double points = m_points(scan);
    const std::vector<TxRepIdentity> identities = identitiesOf(scan, points);
    if (identities.empty()) {
        return 0;
    }
    welcomeRecipients(scan);
    double sum = 0;
    double weights = 0;
    for (const TxRepIdentity &identity : identities) {
        sum += identity.weight * deltaOf(scan, identity, points);
        weights += identity.weight;
    }
    if (const double delta = txRepDigits(m_settings.factor * sum / weights); delta != 0) {
        scan.hitWithScore("TXREP", delta);
    }
    if (m_links.learn) {
        for (const TxRepIdentity &identity : identities) {
            m_links.learn(AddReputation{identity.key, points, QDateTime::currentSecsSinceEpoch()});
        }
    }
    return 0;
}

}  // namespace portcullis::spam
