// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/reputation/ReputationModule.h"

#include "appliance/base/Log.h"
#include "appliance/spam/learning/LearnJournal.h"
#include "appliance/spam/learning/LearnPaths.h"
#include "appliance/spam/learning/Snapshot.h"
#include "appliance/spam/reputation/ReputationSink.h"

#include <QtCore/QDateTime>

#include <cmath>

namespace portcullis::spam {

namespace {

double threeDigits(double value)
{
    return std::round(value * 1000) / 1000;
}

QByteArray oneDigit(double value)
{
    return QByteArray::number(value, 'f', 1);
}

/// Where the message began: the oldest hop with an address that is routed.
QByteArray originOf(const RelayChain &relays)
{
    for (const std::vector<Relay> *hops : {&relays.untrusted, &relays.trusted}) {
        for (auto relay = hops->rbegin(); relay != hops->rend(); ++relay) {
            if (!relay->isPrivate && !relay->ip.isEmpty()) {
                return relay->ip;
            }
        }
    }
    return {};
}

/// Score of what has hit so far, without what must not be learnt from; nothing: a test says that this
/// message is to be left alone.
std::optional<double> pointsOf(const Scan &scan)
{
    double points = 0;
    for (const Scan::Hit &hit : scan.hits()) {
        const double score = hit.test->scores[size_t(scan.scoreSet())];
        if (hit.test->isSubRule() || score == 0 || hit.test->hasFlag("noautolearn")) {
            continue;
        }
        if (hit.test->hasFlag("noawl")) {
            return std::nullopt;
        }
        points += score;
    }
    return threeDigits(points);
}

}  // namespace

ReputationModule::ReputationModule(ReputationLinks links)
    : m_links(std::move(links))
{
}

QByteArray ReputationModule::plugin() const
{
    return "Mail::SpamAssassin::Plugin::AWL";
}

void ReputationModule::configure(const RuleSet &rules, ProblemSink &)
{
    const auto value = [&rules](const char *now, const char *before, double fallback) {
        return rules.number(now, rules.number(before, fallback));
    };
    m_settings.isOn = value("use_auto_welcomelist", "use_auto_whitelist", 1) != 0;
    m_settings.factor = value("auto_welcomelist_factor", "auto_whitelist_factor", 0.5);
    m_settings.masks.ipv4Bits = int(
        value("auto_welcomelist_ipv4_mask_len", "auto_whitelist_ipv4_mask_len", 16));
    m_settings.masks.ipv6Bits = int(
        value("auto_welcomelist_ipv6_mask_len", "auto_whitelist_ipv6_mask_len", 48));
    m_settings.distinguishesSigned = value("auto_welcomelist_distinguish_signed",
                                           "auto_whitelist_distinguish_signed", 0)
                                     != 0;
}

std::vector<EvalModule::Entry> ReputationModule::functions() const
{
    const auto function = [this](Scan &scan, const EvalCall &) { return check(scan); };
    return {{"check_from_in_auto_welcomelist", function},
            {"check_from_in_auto_whitelist", function}};
}

int ReputationModule::check(Scan &scan) const
{
    const QByteArray from = scan.text().headerText("From:addr").toLower();
    if (!m_settings.isOn || from.trimmed().isEmpty()) {
        return 0;
    }
    const std::optional<double> points = pointsOf(scan);
    if (!points) {
        return 0;
    }
    const std::vector<QByteArray> &domains = scan.tag("DKIMDOMAIN");
    const QByteArray signedBy = m_settings.distinguishesSigned && !domains.empty() ? domains.front()
                                                                                   : QByteArray();
    const QByteArray origin = originOf(scan.text().relays());
    const QByteArray key = reputationKey(
        from, origin.isEmpty() ? QByteArray() : reputationNetwork(origin, m_settings.masks),
        signedBy);
    std::optional<Reputation> known = m_links.find ? m_links.find(key) : std::nullopt;
    if (!known && m_links.find && !origin.isEmpty()) {
        // What an administrator said of the address alone.
        known = m_links.find(reputationKey(from, {}));
    }
    if (known && known->messages > 0) {
        const double delta = threeDigits((known->mean() - *points) * m_settings.factor);
        scan.setTag("AWL", {oneDigit(delta)});
        scan.setTag("AWLMEAN", {oneDigit(known->mean())});
        scan.setTag("AWLCOUNT", {oneDigit(double(known->messages))});
        scan.setTag("AWLPRESCORE", {oneDigit(scan.scoreSoFar())});
        if (delta != 0) {
            scan.hitWithScore("AWL", delta);
        }
    }
    // Told after it was asked about: a first message of high score must not count against itself.
    if (m_links.learn) {
        m_links.learn(AddReputation{key, *points, QDateTime::currentSecsSinceEpoch()});
    }
    return 0;
}

ReputationLinks workerReputationLinks(const QString &folder)
{
    const auto reader = std::make_shared<SnapshotReader>(reputationSnapshotFile(folder),
                                                         SnapshotKind::Reputation);
    const auto journal = std::make_shared<LearnJournal>(folder);
    ReputationLinks links;
    links.find = [reader](const QByteArray &key) -> std::optional<Reputation> {
        const SnapshotView *view = reader->current();
        const SnapshotSlot *slot = view == nullptr ? nullptr : view->find(reputationHash(key));
        return slot == nullptr ? std::nullopt : std::optional(reputationOfSlot(*slot));
    };
    links.learn = [journal](const LearnRequest &request) {
        if (const Status status = journal->append(encodeLearnRequest(request)); !status) {
            log::write(log::Severity::Warning, "learn.lost", {},
                       {{"id", status.error().id}, {"reason", status.error().detail.toUtf8()}});
        }
    };
    return links;
}

}  // namespace portcullis::spam
