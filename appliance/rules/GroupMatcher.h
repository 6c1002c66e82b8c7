// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/ObjectMatcher.h"

#include <QtCore/QJsonArray>

namespace portcullis::rules {

/// The result of one group, kept for all rules that use it.
struct GroupResult {
    MatchSet set;       ///< What groups; for the others isWholeMail stands for true.
    QString evidence;   ///< Of the first object that matched.
    QJsonObject trace;  ///< Only when explaining.

    [[nodiscard]] bool isMatch() const { return set.isMatch(); }
};

/// Judges groups of objects, each at most once for a mail (To groups: once for a recipient; groups
/// with a spam level: once for each standing of the sender). Used for one evaluation.
class GroupMatcher
{
public:
    GroupMatcher(const RuleSet::Compiled &compiled,
                 MailFacts &mail,
                 const EvaluationOptions &options,
                 Evaluation &evaluation);

    const GroupResult &from(size_t group);
    const GroupResult &to(size_t group, size_t recipient);
    const GroupResult &when(size_t group);
    Result<const GroupResult *> what(size_t group, SenderStanding standing);

private:
    struct Cached {
        std::array<std::optional<GroupResult>, 3> what;  ///< By standing.
        std::optional<GroupResult> from;
        std::optional<GroupResult> when;
        std::vector<std::optional<GroupResult>> to;  ///< By recipient.
    };
    GroupResult judgeWho(const CompiledGroup &group,
                         const mail::Address &address,
                         const QHostAddress *client);
    GroupResult judgeLists(const CompiledGroup &group, const mail::Address &address);
    GroupResult judgeWhen(const CompiledGroup &group);
    Result<GroupResult> judgeWhat(const CompiledGroup &group, SenderStanding standing);
    MatchSet complement(const CompiledGroup &group, const MatchSet &set) const;
    void traceObject(QJsonArray &trace,
                     const CompiledObject &object,
                     bool isMatch,
                     const QString &why);
    void finishTrace(GroupResult &result, const CompiledGroup &group, const QJsonArray &objects);

    const RuleSet::Compiled &m_compiled;
    MailFacts &m_mail;
    const bool m_isExplaining;
    ObjectMatcher m_objects;
    std::vector<Cached> m_cache;
};

QString modeName(MatchMode mode);  ///< "any", "all", "none", "not all"

}  // namespace portcullis::rules
