// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/ObjectMatcher.h"

#include "appliance/rules/NameReadings.h"

#include <algorithm>

namespace portcullis::rules {

namespace {

/// Subjects on which patterns of one mail may run into their step limit. Beyond it they are not tried
/// any more, so that a mail of a thousand hostile headers costs no more than one of a few (C7).
constexpr int maxLimitHits = 32;
constexpr size_t maxProblems = 100;

/// For evidence: mail text, shortened; whoever shows it escapes it.
QString shown(QByteArrayView bytes)
{
    constexpr qsizetype limit = 80;
    const QString text = QString::fromUtf8(bytes.first(std::min(bytes.size(), limit * 2)));
    return text.size() > limit ? text.left(limit) + QChar(0x2026) : text;
}

void setEvidence(QString *evidence, const QString &text)
{
    if (evidence != nullptr && evidence->isEmpty()) {
        *evidence = text;
    }
}

}  // namespace

void MatchSet::add(int part)
{
    const auto place = std::lower_bound(parts.begin(), parts.end(), part);
    if (place == parts.end() || *place != part) {
        parts.insert(place, part);
    }
}

MatchSet united(const MatchSet &a, const MatchSet &b)
{
    MatchSet set{a.isWholeMail || b.isWholeMail, {}};
    std::set_union(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                   std::back_inserter(set.parts));
    return set;
}

MatchSet intersected(const MatchSet &a, const MatchSet &b)
{
    if (a.isWholeMail && b.isWholeMail) {
        return united(a, b);
    }
    if (a.isWholeMail || b.isWholeMail) {
        return {false, a.isWholeMail ? b.parts : a.parts};
    }
    MatchSet set;
    std::set_intersection(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                          std::back_inserter(set.parts));
    return set;
}

ObjectMatcher::ObjectMatcher(MailFacts &mail,
                             const EvaluationOptions &options,
                             Evaluation &evaluation)
    : m_mail(mail)
    , m_options(options)
    , m_evaluation(evaluation)
{
}

void ObjectMatcher::report(const char *id, const QString &detail)
{
    if (m_evaluation.problems.size() < maxProblems) {
        m_evaluation.problems.push_back({id, detail});
    }
}

bool ObjectMatcher::matches(const CompiledObject &object, QByteArrayView subject)
{
    if (m_limitHits >= maxLimitHits) {
        return false;
    }
    const MatchOutcome outcome = object.pattern->match(subject);
    if (outcome == MatchOutcome::Limit) {
        ++m_limitHits;
        report("rules.match-limit", QStringLiteral("object %1 (%2): a text of %3 bytes needs too "
                                                   "many steps; the mail counts as unscannable")
                                        .arg(object.id)
                                        .arg(object.description)
                                        .arg(subject.size()));
    }
    return outcome == MatchOutcome::Match;
}

bool ObjectMatcher::matchesDirectory(const CompiledObject &object, const QByteArray &address)
{
    if (m_options.directory == nullptr) {
        report("directory.unavailable", QStringLiteral("object %1 (%2): no directory is configured")
                                            .arg(object.id)
                                            .arg(object.description));
        return false;
    }
    DirectoryLookup &directory = *m_options.directory;
    const bool isNegated = object.ldapMode == QLatin1String("none");
    const auto found = object.type == ObjectType::WhoLdapUser
                           ? directory.isAccount(address, object.profile, object.ldapName)
                           : (object.ldapMode == QLatin1String("group")
                                  ? directory.isMember(address, object.profile, object.ldapName)
                                  : directory.isKnown(address, object.profile));
    if (!found) {
        report("directory.unavailable", QStringLiteral("object %1 (%2): %3")
                                            .arg(object.id)
                                            .arg(object.description, found.error().detail));
        return false;
    }
    return *found != isNegated;
}

bool ObjectMatcher::matchesWho(const CompiledObject &object,
                               const mail::Address &address,
                               const QHostAddress *client,
                               QString *evidence)
{
    const auto because = [evidence](bool isMatch, const QString &text) {
        if (isMatch) {
            setEvidence(evidence, text);
        }
        return isMatch;
    };
    switch (object.type) {
    case ObjectType::WhoAddress:
        return because(address.key() == object.key, shown(object.key));
    case ObjectType::WhoDomain:
        return because(address.domain() == object.key, shown(object.key));
    case ObjectType::WhoRegex:
        return because(
            matches(object, address.toString()),
            QStringLiteral("%1 matches %2").arg(shown(address.toString()), object.description));
    case ObjectType::WhoIp:
        return because(client != nullptr && plainAddress(*client) == object.address,
                       object.description);
    case ObjectType::WhoNetwork:
        return because(
            client != nullptr
                && plainAddress(*client).isInSubnet(object.address, object.prefixLength),
            QStringLiteral("%1 is in %2")
                .arg(client == nullptr ? QString() : client->toString(), object.description));
    case ObjectType::WhoLdapGroup:
    case ObjectType::WhoLdapUser:
        return because(matchesDirectory(object, address.key()), object.description);
    default:
        return false;
    }
}

bool ObjectMatcher::matchesWhen(const CompiledObject &object) const
{
    const QTime now = m_mail.localTime();
    const int minute = now.hour() * 60 + now.minute();
    if (object.firstMinute <= object.lastMinute) {
        return minute >= object.firstMinute && minute <= object.lastMinute;
    }
    return minute >= object.firstMinute || minute <= object.lastMinute;
}

Result<ObjectResult> ObjectMatcher::matchWhat(const CompiledObject &object, SenderStanding standing)
{
    switch (object.type) {
    case ObjectType::SpamLevel:
        return matchSpam(object, standing);
    case ObjectType::Virus:
        return ObjectResult{{!m_mail.virus().isEmpty(), {}}, m_mail.virus()};
    case ObjectType::MatchField:
        return matchField(object);
    case ObjectType::ContentType:
        return matchContentType(object);
    case ObjectType::FileName:
        return matchFileName(object);
    case ObjectType::ArchiveContentType:
        return matchInArchives(object, matchContentType(object));
    case ObjectType::ArchiveFileName:
        return matchInArchives(object, matchFileName(object));
    case ObjectType::Unscannable:
        return matchState(MailState::Unscannable);
    case ObjectType::Encrypted:
        return matchState(MailState::Encrypted);
    case ObjectType::Ambiguous:
        return matchState(MailState::Ambiguous);
    default:
        return ObjectResult{};
    }
}

Result<ObjectResult> ObjectMatcher::matchSpam(const CompiledObject &object, SenderStanding standing)
{
    if (!m_evaluation.spam) {
        m_evaluation.spam = TRY(m_mail.spam());
    }
    const int level = m_evaluation.spam->level;
    const bool isReached = level >= object.level;
    const QString compared = QStringLiteral("spam level %1 %2 %3")
                                 .arg(level)
                                 .arg(isReached ? QStringLiteral("reaches")
                                                : QStringLiteral("is below"))
                                 .arg(object.level);
    if (isReached && standing == SenderStanding::Allowed) {
        return ObjectResult{{},
                            compared + QStringLiteral(", but the recipient allows this sender")};
    }
    if (!isReached && standing == SenderStanding::Blocked) {
        return ObjectResult{{true, {}},
                            compared + QStringLiteral(", but the recipient blocks this sender")};
    }
    return ObjectResult{{isReached, {}}, compared};
}

ObjectResult ObjectMatcher::matchField(const CompiledObject &object)
{
    ObjectResult result;
    for (const PartFacts &part : m_mail.parts()) {
        const bool isTop = part.id == MailFacts::topPart;
        if (object.isRestricted && !isTop) {
            continue;
        }
        for (const FieldFacts &field : part.fields) {
            if (field.name.compare(object.key, Qt::CaseInsensitive) != 0
                || !matches(object, field.value)) {
                continue;
            }
            setEvidence(&result.evidence,
                        QStringLiteral("%1: %2").arg(shown(field.name), shown(field.value)));
            if (isTop) {
                result.set.isWholeMail = true;
            } else {
                result.set.add(part.id);
            }
        }
    }
    return result;
}

bool ObjectMatcher::matchesAnyType(const CompiledObject &object,
                                   const std::vector<QByteArray> &types,
                                   QString *evidence)
{
    for (const QByteArray &type : types) {
        if (matches(object, type)) {
            setEvidence(evidence, shown(type));
            return true;
        }
    }
    return false;
}

ObjectResult ObjectMatcher::matchContentType(const CompiledObject &object)
{
    ObjectResult result;
    for (const PartFacts &part : m_mail.parts()) {
        QString type;
        const bool isMatch = matchesAnyType(object, part.detectedTypes, &type)
                             || (!object.isRestricted
                                 && (matchesAnyType(object, part.declaredTypes, &type)
                                     || matchesAnyType(object, part.nameTypes, &type)));
        if (isMatch) {
            result.set.add(part.id);
            setEvidence(&result.evidence, QStringLiteral("part %1 is %2").arg(part.id).arg(type));
        }
    }
    return result;
}

bool ObjectMatcher::matchesAnyName(const CompiledObject &object,
                                   const std::vector<QByteArray> &names,
                                   QString *evidence)
{
    for (const QByteArray &name : names) {
        for (const QByteArray &reading : nameReadings(name)) {
            if (matches(object, reading)) {
                setEvidence(evidence, shown(name));
                return true;
            }
        }
    }
    return false;
}

ObjectResult ObjectMatcher::matchFileName(const CompiledObject &object)
{
    ObjectResult result;
    for (const PartFacts &part : m_mail.parts()) {
        QString name;
        if (matchesAnyName(object, part.names, &name)) {
            result.set.add(part.id);
            setEvidence(&result.evidence,
                        QStringLiteral("part %1 is named '%2'").arg(part.id).arg(name));
        }
    }
    return result;
}

Status ObjectMatcher::loadArchives()
{
    if (!m_evaluation.archives) {
        m_evaluation.archives = TRY(m_mail.archives());
    }
    return ok();
}

Result<ObjectResult> ObjectMatcher::matchInArchives(const CompiledObject &object,
                                                    ObjectResult result)
{
    TRY(loadArchives());
    const bool isAboutNames = object.type == ObjectType::ArchiveFileName;
    for (const ArchiveFacts &archive : *m_evaluation.archives) {
        for (const ArchiveMember &member : archive.members) {
            QString what;
            const bool isMatch = isAboutNames
                                     ? matchesAnyName(object, member.names, &what)
                                           || matchesAnyName(object, lastComponents(member.names),
                                                             &what)
                                     : matchesAnyType(object, member.detectedTypes, &what)
                                           || (!object.isRestricted
                                               && matchesAnyType(object, member.nameTypes, &what));
            if (isMatch) {
                result.set.add(archive.part);
                setEvidence(&result.evidence, QStringLiteral("'%1' inside the archive in part %2")
                                                  .arg(what)
                                                  .arg(archive.part));
                break;
            }
        }
    }
    return result;
}

Result<ObjectResult> ObjectMatcher::matchState(MailState state)
{
    ObjectResult result;
    const auto add = [&result](int part, const QString &reason) {
        setEvidence(&result.evidence, reason);
        if (part == 0) {
            result.set.isWholeMail = true;
        } else {
            result.set.add(part);
        }
    };
    for (const StateFinding &finding : m_mail.states()) {
        if (finding.state == state) {
            add(finding.part, finding.reason);
        }
    }
    if (state == MailState::Ambiguous) {
        return result;
    }
    TRY(loadArchives());
    for (const ArchiveFacts &archive : *m_evaluation.archives) {
        const bool isFound = state == MailState::Encrypted ? archive.isEncrypted
                                                           : archive.isUnscannable;
        if (isFound) {
            add(archive.part, QStringLiteral("the archive in part %1").arg(archive.part));
        }
    }
    if (state == MailState::Unscannable && m_limitHits > 0) {
        add(0, QStringLiteral("a pattern ran into its step limit"));
    }
    return result;
}

std::vector<int> ObjectMatcher::allParts() const
{
    std::vector<int> ids;
    for (const PartFacts &part : m_mail.parts()) {
        ids.push_back(part.id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

}  // namespace portcullis::rules
