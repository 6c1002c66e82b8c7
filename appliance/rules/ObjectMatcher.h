// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/CompiledRules.h"

namespace portcullis::rules {

/// What an object, a group or the What category as a whole matched (facts/behaviour.md §3.2): nothing,
/// the whole mail, some parts, or both.
struct MatchSet {
    bool isWholeMail = false;
    std::vector<int> parts;  ///< Rising.

    [[nodiscard]] bool isMatch() const { return isWholeMail || !parts.empty(); }
    void add(int part);
};
MatchSet united(const MatchSet &a, const MatchSet &b);
MatchSet intersected(const MatchSet &a,
                     const MatchSet &b);  ///< The whole mail counts as all parts.

struct ObjectResult {
    MatchSet set;
    QString evidence;  ///< Why it matched; why not, where that is worth a word.
};

/// Asks the objects about one mail. Keeps what is expensive. Used for one evaluation.
class ObjectMatcher
{
public:
    ObjectMatcher(MailFacts &mail, const EvaluationOptions &options, Evaluation &evaluation);

    /// From: the sender and the client. To: one recipient, which has no client address.
    bool matchesWho(const CompiledObject &object,
                    const mail::Address &address,
                    const QHostAddress *client,
                    QString *evidence);
    [[nodiscard]] bool matchesWhen(const CompiledObject &object) const;

    /// Fails only where MailFacts fails. `standing` matters to spam levels alone.
    Result<ObjectResult> matchWhat(const CompiledObject &object, SenderStanding standing);

    [[nodiscard]] std::vector<int> allParts() const;

private:
    bool matches(const CompiledObject &object, QByteArrayView subject);
    bool matchesDirectory(const CompiledObject &object, const QByteArray &address);
    Result<ObjectResult> matchSpam(const CompiledObject &object, SenderStanding standing);
    ObjectResult matchField(const CompiledObject &object);
    ObjectResult matchContentType(const CompiledObject &object);
    ObjectResult matchFileName(const CompiledObject &object);
    Result<ObjectResult> matchInArchives(const CompiledObject &object, ObjectResult result);
    Result<ObjectResult> matchState(MailState state);
    bool matchesAnyType(const CompiledObject &object,
                        const std::vector<QByteArray> &types,
                        QString *evidence);
    bool matchesAnyName(const CompiledObject &object,
                        const std::vector<QByteArray> &names,
                        QString *evidence);
    Status loadArchives();
    void report(const char *id, const QString &detail);

    MailFacts &m_mail;
    const EvaluationOptions &m_options;
    Evaluation &m_evaluation;
    int m_limitHits = 0;
};

}  // namespace portcullis::rules
