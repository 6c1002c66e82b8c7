// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/GroupMatcher.h"

#include <algorithm>

namespace portcullis::rules {

namespace {

/// Lists may be long; an explanation shows this many objects of one group.
constexpr qsizetype maxTracedObjects = 50;

/// Combines yes and no as MatchMode says, telling when the rest cannot change the value any more.
class Combination
{
public:
    explicit Combination(MatchMode mode)
        : m_mode(mode)
        , m_value(mode.all)
    {
    }
    void add(bool isMatch) { m_value = m_mode.all ? m_value && isMatch : m_value || isMatch; }
    [[nodiscard]] bool isDecided() const { return m_value != m_mode.all; }
    [[nodiscard]] bool value() const { return m_value != m_mode.invert; }

private:
    MatchMode m_mode;
    bool m_value;
};

}  // namespace

QString modeName(MatchMode mode)
{
    if (mode.all) {
        return mode.invert ? QStringLiteral("not all") : QStringLiteral("all");
    }
    return mode.invert ? QStringLiteral("none") : QStringLiteral("any");
}

GroupMatcher::GroupMatcher(const RuleSet::Compiled &compiled,
                           MailFacts &mail,
                           const EvaluationOptions &options,
                           Evaluation &evaluation)
    : m_compiled(compiled)
    , m_mail(mail)
    , m_isExplaining(options.explain)
    , m_objects(mail, options, evaluation)
    , m_cache(compiled.groups.size())
{
}

const GroupResult &GroupMatcher::from(size_t group)
{
    auto &cached = m_cache[group].from;
    if (!cached) {
        cached = judgeWho(m_compiled.groups[group], m_mail.sender(), &m_mail.clientAddress());
    }
    return *cached;
}

const GroupResult &GroupMatcher::to(size_t group, size_t recipient)
{
    auto &all = m_cache[group].to;
    if (all.empty()) {
        all.resize(m_mail.recipients().size());
    }
    if (!all[recipient]) {
        all[recipient] = judgeWho(m_compiled.groups[group], m_mail.recipients()[recipient].address,
                                  nullptr);
    }
    return *all[recipient];
}

const GroupResult &GroupMatcher::when(size_t group)
{
    auto &cached = m_cache[group].when;
    if (!cached) {
        cached = judgeWhen(m_compiled.groups[group]);
    }
    return *cached;
}

Result<const GroupResult *> GroupMatcher::what(size_t group, SenderStanding standing)
{
    const CompiledGroup &compiled = m_compiled.groups[group];
    const SenderStanding relevant = compiled.hasSpam ? standing : SenderStanding::Unlisted;
    auto &cached = m_cache[group].what[static_cast<size_t>(relevant)];
    if (!cached) {
        cached = TRY(judgeWhat(compiled, relevant));
    }
    return &*cached;
}

void GroupMatcher::traceObject(QJsonArray &trace,
                               const CompiledObject &object,
                               bool isMatch,
                               const QString &why)
{
    if (!m_isExplaining || trace.size() >= maxTracedObjects) {
        return;
    }
    QJsonObject entry{{QStringLiteral("id"), object.id},
                      {QStringLiteral("object"), object.description},
                      {QStringLiteral("matched"), isMatch}};
    if (!why.isEmpty()) {
        entry.insert(QStringLiteral("why"), why);
    }
    trace.append(entry);
}

void GroupMatcher::finishTrace(GroupResult &result,
                               const CompiledGroup &group,
                               const QJsonArray &objects)
{
    if (!m_isExplaining) {
        return;
    }
    result.trace = {{QStringLiteral("id"), group.id},
                    {QStringLiteral("group"), group.name},
                    {QStringLiteral("mode"), modeName(group.mode)},
                    {QStringLiteral("count"), static_cast<qint64>(group.objects.size())},
                    {QStringLiteral("matched"), result.isMatch()},
                    {QStringLiteral("objects"), objects}};
    if (!result.set.parts.empty()) {
        QJsonArray parts;
        for (const int part : result.set.parts) {
            parts.append(part);
        }
        result.trace.insert(QStringLiteral("parts"), parts);
    }
}

/// Addresses and domains of a list by hash: allow and block lists may hold a hundred thousand.
GroupResult GroupMatcher::judgeLists(const CompiledGroup &group, const mail::Address &address)
{
    GroupResult result;
    auto found = group.addresses.constFind(address.key());
    const bool isAddress = found != group.addresses.constEnd();
    if (!isAddress) {
        found = group.domains.constFind(address.domain());
    }
    if (isAddress || found != group.domains.constEnd()) {
        result.set.isWholeMail = true;
        result.evidence = group.objects[*found].description;
    }
    return result;
}

GroupResult GroupMatcher::judgeWho(const CompiledGroup &group,
                                   const mail::Address &address,
                                   const QHostAddress *client)
{
    const bool canUseLists = !group.mode.all && !m_isExplaining;
    GroupResult result = canUseLists ? judgeLists(group, address) : GroupResult{};
    Combination combination(group.mode);
    if (canUseLists && result.isMatch()) {
        combination.add(true);
    }
    QJsonArray trace;
    const auto judge = [&](const CompiledObject &object) {
        QString evidence;
        const bool isMatch = m_objects.matchesWho(object, address, client, &evidence);
        combination.add(isMatch);
        result.evidence = result.evidence.isEmpty() ? evidence : result.evidence;
        traceObject(trace, object, isMatch, evidence);
    };
    if (canUseLists) {
        for (size_t i = 0; i < group.remaining.size() && !combination.isDecided(); ++i) {
            judge(group.objects[group.remaining[i]]);
        }
    } else {
        for (size_t i = 0; i < group.objects.size() && !combination.isDecided(); ++i) {
            judge(group.objects[i]);
        }
    }
    result.set.isWholeMail = combination.value();
    finishTrace(result, group, trace);
    return result;
}

GroupResult GroupMatcher::judgeWhen(const CompiledGroup &group)
{
    GroupResult result;
    Combination combination(group.mode);
    QJsonArray trace;
    const QString now = m_mail.localTime().toString(QStringLiteral("HH:mm"));
    for (size_t i = 0; i < group.objects.size() && !combination.isDecided(); ++i) {
        const CompiledObject &object = group.objects[i];
        const bool isMatch = m_objects.matchesWhen(object);
        combination.add(isMatch);
        if (isMatch && result.evidence.isEmpty()) {
            result.evidence = QStringLiteral("%1 is within %2").arg(now, object.description);
        }
        traceObject(trace, object, isMatch, QStringLiteral("it is %1").arg(now));
    }
    result.set.isWholeMail = combination.value();
    finishTrace(result, group, trace);
    return result;
}

/// The parts that are not in the set. What is left of nothing: all parts, or the whole mail if the
/// group has no objects that point at parts ("not a virus" names no part to remove).
MatchSet GroupMatcher::complement(const CompiledGroup &group, const MatchSet &set) const
{
    if (set.isWholeMail) {
        return {};
    }
    const std::vector<int> all = m_objects.allParts();
    if (set.parts.empty() && (!group.hasPartObjects || all.empty())) {
        return {true, {}};
    }
    MatchSet rest;
    std::set_difference(all.begin(), all.end(), set.parts.begin(), set.parts.end(),
                        std::back_inserter(rest.parts));
    return rest;
}

Result<GroupResult> GroupMatcher::judgeWhat(const CompiledGroup &group, SenderStanding standing)
{
    GroupResult result;
    QJsonArray trace;
    // All over nothing is the whole mail, any over nothing is nothing.
    MatchSet set{group.mode.all, {}};
    for (const CompiledObject &object : group.objects) {
        const ObjectResult one = TRY(m_objects.matchWhat(object, standing));
        set = group.mode.all ? intersected(set, one.set) : united(set, one.set);
        if (one.set.isMatch() && result.evidence.isEmpty()) {
            result.evidence = one.evidence;
        }
        traceObject(trace, object, one.set.isMatch(), one.evidence);
        if (group.mode.all && !set.isMatch()) {
            break;
        }
    }
    result.set = group.mode.invert ? complement(group, set) : std::move(set);
    finishTrace(result, group, trace);
    return result;
}

}  // namespace portcullis::rules
