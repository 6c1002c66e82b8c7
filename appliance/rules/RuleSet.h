// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/Actions.h"
#include "appliance/rules/MailFacts.h"
#include "appliance/rules/RuleDocument.h"

#include <QtCore/QJsonObject>

#include <memory>
#include <optional>
#include <vector>

namespace portcullis::rules {

/// What the What objects of a rule pointed at.
struct MatchedParts {
    bool isWholeMail = false;  ///< A virus, the spam level, the top header, or a rule without What.
    std::vector<int> parts;    ///< Rising; what "remove matching attachments" removes.
    friend bool operator==(const MatchedParts &, const MatchedParts &) = default;
};

/// A rule that matched, and for whom. A rule appears twice only if its parts differ by recipient.
struct MatchedRule {
    int id = 0;
    QString name;
    int priority = 0;
    std::vector<size_t> targets;  ///< Recipients, by index into MailFacts::recipients().
    MatchedParts parts;
    std::vector<ActionPointer> actions;  ///< In order of execution; ends with the first final one.
    bool isFinal = false;
    QString reason;  ///< One sentence: "Virus 'matches virus infected mail' found Eicar-Test".
};

/// The way of one recipient through the rules.
struct RecipientOutcome {
    std::vector<size_t> rules;       ///< Indexes into Evaluation::rules, in order.
    std::optional<size_t> deciding;  ///< The one whose final action decided; none: default accept.
    SenderStanding standing = SenderStanding::Unlisted;
};

/// Something an administrator should know though the mail went on: a pattern that ran into its limit,
/// a directory that did not answer. Logged by the filter as an event.
struct EvaluationProblem {
    QByteArray id;  ///< "rules.match-limit", "directory.unavailable"
    QString detail;
};

struct Evaluation {
    std::vector<MatchedRule> rules;            ///< In order of the rules.
    std::vector<RecipientOutcome> recipients;  ///< One per recipient, same order.
    std::optional<SpamFacts> spam;             ///< If a rule asked for it.
    std::optional<std::vector<ArchiveFacts>> archives;
    std::vector<int> hits;  ///< Ids of the rules that matched, once each: for the hit counters.
    QString ruleInfo;       ///< Text of __RULE_INFO__.
    std::vector<EvaluationProblem> problems;
    QJsonObject explanation;  ///< Only if asked for; see docs of `pmgrule test`.
};

/// Name of the outcome when no rule decided.
inline constexpr char defaultAcceptRule[] = "default-accept";

struct EvaluationOptions {
    bool explain = false;
    DirectoryLookup *directory = nullptr;  ///< None: LDAP objects do not match and are reported.
};

/// What some rule of a direction may ask for; lets the pipeline skip work early.
struct RuleNeeds {
    bool archives = false;
    bool spam = false;
};

/// A rule document compiled for judging mail. Immutable; safe to use from several threads at once.
/// A reload makes a new one and swaps the pointer; a running evaluation finishes on the old one.
class RuleSet
{
public:
    /// Compiles active rules only. Errors as RuleDocument::validate(), which it relies on having run
    /// (patterns are compiled but not probed again, so that a worker starts fast).
    static Result<std::shared_ptr<const RuleSet>> compile(const RuleDocument &document);
    ~RuleSet();

    /// Pass 1 of facts/behaviour.md §3.1: every rule on the unmodified mail, recipient by recipient.
    /// Nothing is carried out here. Fails only where MailFacts fails.
    [[nodiscard]] Result<Evaluation> evaluate(MailFacts &mail,
                                              const EvaluationOptions &options = {}) const;

    /// Header fields to remove before anything else: each X-… field that an active rule of this
    /// direction could write, so that senders cannot pretend (lower case).
    [[nodiscard]] const std::vector<QByteArray> &headersToStrip(mail::Direction direction) const;
    [[nodiscard]] RuleNeeds needs(mail::Direction direction) const;

    struct Compiled;  ///< CompiledRules.h; for this module alone.

private:
    explicit RuleSet(std::unique_ptr<const Compiled> compiled);
    std::unique_ptr<const Compiled> m_compiled;
};

}  // namespace portcullis::rules
