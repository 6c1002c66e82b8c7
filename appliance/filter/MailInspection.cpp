// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/MailInspection.h"

#include "appliance/authentication/AuthenticationResults.h"
#include "appliance/base/Log.h"
#include "appliance/filter/SpamEvidence.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QJsonArray>

#include <algorithm>
#include <numeric>

namespace portcullis::filter {

namespace {

using antivirus::ScanFinding;

rules::FieldFacts fieldFacts(const mail::HeaderField &field)
{
    return {field.name().toByteArray(), field.decoded().toUtf8()};
}

rules::PartFacts partFacts(const mail::Message &message, const mail::Part &part)
{
    const mail::TypeNames &types = message.typeNames(part);
    rules::PartFacts facts;
    facts.id = part.id;
    facts.detectedTypes = types.detected;
    facts.declaredTypes = types.declared;
    facts.nameTypes = types.byName;
    for (const QString &name : part.fileNames) {
        facts.names.push_back(name.toUtf8());
    }
    std::ranges::transform(part.fields, std::back_inserter(facts.fields), fieldFacts);
    return facts;
}

rules::ArchiveMember archiveMember(const archive::Entry &entry)
{
    rules::ArchiveMember member;
    member.names = {entry.path};
    if (!entry.contentType.isEmpty()) {
        member.detectedTypes = {entry.contentType};
    }
    member.nameTypes = {entry.nameType};
    return member;
}

void addListing(rules::ArchiveFacts &facts, const archive::Listing &listing)
{
    std::ranges::transform(listing.entries, std::back_inserter(facts.members), archiveMember);
    facts.isUnscannable = facts.isUnscannable || listing.isUnscannable();
    facts.isEncrypted = facts.isEncrypted || listing.isEncrypted();
}

QJsonArray toJson(const std::vector<QString> &texts)
{
    QJsonArray array;
    for (const QString &text : texts) {
        array.append(text);
    }
    return array;
}

QLatin1StringView stateName(rules::MailState state)
{
    switch (state) {
    case rules::MailState::Unscannable:
        return QLatin1StringView("unscannable");
    case rules::MailState::Encrypted:
        return QLatin1StringView("encrypted");
    case rules::MailState::Ambiguous:
        return QLatin1StringView("ambiguous");
    }
    return {};
}

}  // namespace

MailInspection::MailInspection(const verdict::FilterRequest &request,
                               const FilterSettings &settings,
                               const Engines &engines)
    : m_request(request)
    , m_settings(settings)
    , m_engines(engines)
    , m_message(mail::Message::parse(request.content, settings.mimeLimits))
    , m_localTime(QTime::currentTime())
{
}

Status MailInspection::examine()
{
    QElapsedTimer timer;
    timer.start();
    TRY(runCustomCheck());
    m_times.insert(QLatin1String("custom_ms"), timer.restart());
    if (m_virus.isEmpty()) {
        TRY(scan());
    }
    m_times.insert(QLatin1String("virus_ms"), timer.restart());
    checkSender();
    m_times.insert(QLatin1String("sender_ms"), timer.elapsed());
    takeDefects();
    return ok();
}

void MailInspection::checkSender()
{
    if (m_request.direction == mail::Direction::In && m_engines.senderCheck != nullptr) {
        m_sender = m_engines.senderCheck->check(m_request);
    }
}

std::vector<const mail::HeaderField *> MailInspection::forgedResults() const
{
    std::vector<const mail::HeaderField *> forged;
    if (m_sender) {
        const QByteArray &ourName = m_engines.senderCheck->authservId();
        for (const mail::HeaderField &field : m_message.fields()) {
            if (authentication::claimsToBeOurs(field, ourName)) {
                forged.push_back(&field);
            }
        }
    }
    return forged;
}

Status MailInspection::runCustomCheck()
{
    if (m_engines.customCheck == nullptr) {
        return ok();
    }
    const auto finding = TRY(m_engines.customCheck->check(m_request.content, m_request.queueId));
    if (!finding.virus.isEmpty()) {
        m_virus = finding.virus;
        m_scanner = QStringLiteral("custom check");
    }
    if (finding.score) {
        m_earlyHits.push_back(
            {"CustomCheck", *finding.score, QStringLiteral("Custom check script")});
    }
    return ok();
}

Status MailInspection::scan()
{
    for (const auto &scanner : m_engines.scanners) {
        ScanFinding finding = TRY(scanner->scan(m_request.content, m_request.queueId));
        if (!finding.has(ScanFinding::Kind::Virus)) {
            TRY(scanReadings(*scanner, finding));
        }
        take(*scanner, finding);
        if (!m_virus.isEmpty()) {
            break;
        }
    }
    return ok();
}

/// The scanner has its own idea of MIME. Where a message can be read in several ways, it is shown
/// every reading that we know, so that what any mail program would unpack has been looked at.
Status MailInspection::scanReadings(const antivirus::Scanner &scanner, ScanFinding &finding)
{
    for (const mail::Part &part : m_message.parts()) {
        if (!part.hasContent()) {
            continue;
        }
        const auto &readings = m_message.readings(part);
        if (part.view == 0 && part.source == 0 && part.kind == mail::PartKind::Leaf
            && readings.size() == 1 && m_message.defects().ambiguous.isEmpty()) {
            continue;
        }
        for (const QByteArrayView reading : readings) {
            if (reading.isEmpty()) {
                continue;
            }
            const mail::Content content(QByteArray::fromRawData(reading.data(), reading.size()));
            finding.add(TRY(scanner.scan(content, m_request.queueId)));
        }
    }
    return ok();
}

void MailInspection::take(const antivirus::Scanner &scanner, const ScanFinding &finding)
{
    for (const ScanFinding::Alert &alert : finding.alerts()) {
        m_alerts.push_back(alert.name);
        switch (alert.kind) {
        case ScanFinding::Kind::Virus:
            if (m_virus.isEmpty()) {
                m_virus = alert.name;
                m_scanner = QString::fromUtf8(scanner.name());
            }
            break;
        case ScanFinding::Kind::Encrypted:
            m_states.push_back({rules::MailState::Encrypted, 0, alert.name});
            break;
        case ScanFinding::Kind::LimitExceeded:
            m_states.push_back({rules::MailState::Unscannable, 0, alert.name});
            break;
        case ScanFinding::Kind::Heuristic:
        case ScanFinding::Kind::Clean:
            break;
        }
    }
    const bool isSuspicious = finding.has(ScanFinding::Kind::Heuristic)
                              || (m_settings.encryptedIsHeuristic
                                  && finding.has(ScanFinding::Kind::Encrypted));
    if (isSuspicious && m_settings.heuristicScore > 0) {
        const QString name = finding.has(ScanFinding::Kind::Heuristic)
                                 ? finding.nameOf(ScanFinding::Kind::Heuristic)
                                 : finding.nameOf(ScanFinding::Kind::Encrypted);
        m_earlyHits.push_back({"ClamAVHeuristics", static_cast<double>(m_settings.heuristicScore),
                               QStringLiteral("ClamAV heuristic tests: ") + name});
    }
}

void MailInspection::takeDefects()
{
    // Asking for the readings first: decoding a part may add to the defects.
    for (const mail::Part &part : m_message.parts()) {
        if (part.hasContent()) {
            static_cast<void>(m_message.readings(part));
        }
    }
    const auto add = [this](const QStringList &reasons, rules::MailState state) {
        for (const QString &reason : reasons) {
            m_states.push_back({state, 0, reason});
        }
    };
    const mail::Defects &defects = m_message.defects();
    add(defects.ambiguous, rules::MailState::Ambiguous);
    add(defects.encrypted, rules::MailState::Encrypted);
    add(defects.unscannable, rules::MailState::Unscannable);
}

const std::vector<rules::PartFacts> &MailInspection::parts() const
{
    if (!m_parts) {
        m_parts.emplace();
        for (const mail::Part &part : m_message.parts()) {
            m_parts->push_back(partFacts(m_message, part));
        }
    }
    return *m_parts;
}

Result<rules::ArchiveFacts> MailInspection::listArchive(const mail::Part &part)
{
    rules::ArchiveFacts facts;
    facts.part = part.id;
    for (const QByteArrayView reading : m_message.readings(part)) {
        if (!archive::ArchiveInspector::looksLikeArchive(reading, part.fileName().toUtf8(),
                                                         part.declaredType)) {
            continue;
        }
        const archive::Listing listing = TRY(m_engines.archiveInspector->inspect(reading));
        if (!listing.flags.testFlag(archive::ListingFlag::NotAnArchive)) {
            addListing(facts, listing);
        }
    }
    return facts;
}

Result<std::vector<rules::ArchiveFacts>> MailInspection::archives()
{
    std::vector<rules::ArchiveFacts> all;
    // What a virus was found in is not unpacked: the verdict stands, the risk need not be taken.
    if (!m_virus.isEmpty()) {
        return all;
    }
    for (const mail::Part &part : m_message.parts()) {
        if (!part.hasContent()) {
            continue;
        }
        rules::ArchiveFacts facts = TRY(listArchive(part));
        if (!facts.members.empty() || facts.isUnscannable || facts.isEncrypted) {
            all.push_back(std::move(facts));
        }
    }
    return all;
}

/// The line that scripts of administrators look for.
void MailInspection::logSpam(const spam::SpamFinding &finding, qint64 milliseconds) const
{
    constexpr double thousand = 1000;
    QByteArrayList hits;
    for (const spam::SpamHit &hit : finding.hits) {
        hits.append(hit.test + '(' + QByteArray::number(hit.score, 'g', 5) + ')');
    }
    log::write(log::Severity::Info, "filter.spam", m_request.queueId,
               {{"SA score", QByteArray::number(finding.level()) + '/'
                                 + QByteArray::number(m_settings.spamThreshold)},
                {"time", QByteArray::number(static_cast<double>(milliseconds) / thousand, 'f', 3)},
                {"bayes", finding.bayes ? QByteArray::number(*finding.bayes, 'f', 2) : "undefined"},
                {"autolearn", finding.autoLearned.isEmpty() ? "disabled" : finding.autoLearned},
                {"hits", hits.join(',')}});
}

Result<rules::SpamFacts> MailInspection::spam()
{
    QElapsedTimer timer;
    timer.start();
    spam::SpamFinding finding;
    finding.hits = m_earlyHits;
    if (finding.score() < m_settings.spamThreshold) {
        const spam::SenderEvidence evidence = spamEvidence(m_request.session, m_sender);
        const spam::SpamContext context{m_request.direction, m_request.envelope, m_request.client,
                                        m_settings.maxSpamSize, &evidence};
        spam::SpamFinding found = TRY(m_engines.spam->check(m_request.content, context));
        found.hits.insert(found.hits.begin(), m_earlyHits.begin(), m_earlyHits.end());
        finding = std::move(found);
    }
    m_times.insert(QLatin1String("spam_ms"), timer.elapsed());
    if (!m_request.isDryRun) {
        logSpam(finding, timer.elapsed());
    }
    rules::SpamFacts facts;
    facts.level = finding.level();
    facts.score = finding.score();
    for (const spam::SpamHit &hit : finding.hits) {
        facts.hits.push_back({QString::fromUtf8(hit.test), hit.score, hit.description});
    }
    return facts;
}

QStringList MailInspection::stateTexts() const
{
    QStringList texts;
    for (const rules::StateFinding &finding : m_states) {
        texts.append(stateName(finding.state) + QStringLiteral(": ") + finding.reason);
    }
    return texts;
}

QJsonObject MailInspection::evidence() const
{
    QJsonObject evidence;
    if (!m_virus.isEmpty()) {
        evidence.insert(QLatin1String("virus"), m_virus);
        evidence.insert(QLatin1String("scanner"), m_scanner);
    }
    if (m_sender) {
        evidence.insert(QLatin1String("authentication"), m_sender->evidence());
    }
    if (!m_alerts.empty()) {
        evidence.insert(QLatin1String("alerts"), toJson(m_alerts));
    }
    if (!m_states.empty()) {
        evidence.insert(QLatin1String("states"), QJsonArray::fromStringList(stateTexts()));
    }
    if (!m_message.defects().broken.isEmpty()) {
        evidence.insert(QLatin1String("broken_mime"),
                        QJsonArray::fromStringList(m_message.defects().broken));
    }
    evidence.insert(QLatin1String("times"), m_times);
    return evidence;
}

}  // namespace portcullis::filter
