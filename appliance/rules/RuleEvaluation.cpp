// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/GroupMatcher.h"

#include <algorithm>
#include <functional>
#include <map>

namespace portcullis::rules {

namespace {

/// One evaluation: all rules in order, for all recipients that no final action has decided yet.
class EvaluationRun
{
public:
    EvaluationRun(const RuleSet::Compiled &compiled,
                  MailFacts &mail,
                  const EvaluationOptions &options)
        : m_compiled(compiled)
        , m_mail(mail)
        , m_isExplaining(options.explain)
        , m_groups(compiled, mail, options, m_evaluation)
    {
    }

    Result<Evaluation> run();

private:
    struct CategoryResult {
        bool isMatch = true;  ///< A category without groups always matches.
        MatchSet set{true, {}};
        QString evidence;
        QJsonObject trace;
    };
    using GroupJudge = std::function<Result<const GroupResult *>(size_t)>;

    Result<CategoryResult> judge(const CompiledRule &rule,
                                 Category category,
                                 const GroupJudge &judgeGroup);
    Status tryRule(const CompiledRule &rule);
    Status tryWhat(const CompiledRule &rule,
                   const std::vector<size_t> &targets,
                   const QString &evidence,
                   const QJsonArray &trace);
    void accept(const CompiledRule &rule, MatchedRule matched);
    SenderStanding standingOf(size_t recipient);

    void explain(const CompiledRule &rule,
                 size_t recipient,
                 const char *result,
                 const QString &why,
                 const QJsonArray &categories = {});
    void explainAll(const CompiledRule &rule,
                    const std::vector<size_t> &recipients,
                    const QString &why,
                    const QJsonArray &categories);
    void explainSkipped(const CompiledRule &rule);
    void finishExplanation();

    const RuleSet::Compiled &m_compiled;
    MailFacts &m_mail;
    const bool m_isExplaining;
    Evaluation m_evaluation;
    GroupMatcher m_groups;
    std::vector<size_t> m_undecided;
    std::vector<bool> m_hasStanding;
    std::vector<QJsonArray> m_explained;  ///< By recipient.
};

bool usesSpam(const RuleSet::Compiled &compiled, const CompiledRule &rule)
{
    const auto &groups = rule.groupsOf(Category::What);
    return std::any_of(groups.begin(), groups.end(),
                       [&](size_t group) { return compiled.groups[group].hasSpam; });
}

QString joined(const QString &a, const QString &b)
{
    return a.isEmpty() || b.isEmpty() ? a + b : a + QStringLiteral("; ") + b;
}

QJsonArray with(QJsonArray array, const QJsonObject &entry)
{
    if (!entry.isEmpty()) {
        array.append(entry);
    }
    return array;
}

Result<Evaluation> EvaluationRun::run()
{
    const size_t count = m_mail.recipients().size();
    m_evaluation.recipients.resize(count);
    m_hasStanding.assign(count, false);
    m_explained.resize(count);
    for (size_t i = 0; i < count; ++i) {
        m_undecided.push_back(i);
    }
    for (const CompiledRule &rule : m_compiled.rules) {
        if (m_undecided.empty() && !m_isExplaining) {
            break;
        }
        explainSkipped(rule);
        if (rule.appliesTo(m_mail.direction()) && !m_undecided.empty()) {
            TRY(tryRule(rule));
        }
    }
    finishExplanation();
    return std::move(m_evaluation);
}

Result<EvaluationRun::CategoryResult> EvaluationRun::judge(const CompiledRule &rule,
                                                           Category category,
                                                           const GroupJudge &judgeGroup)
{
    CategoryResult result;
    const auto &groups = rule.groupsOf(category);
    if (groups.empty()) {
        return result;
    }
    const MatchMode mode = rule.modeOf(category);
    const QString name = QString::fromLatin1(nameOf(category));
    result.set = {};
    bool value = mode.all;
    QJsonArray traces;
    for (const size_t index : groups) {
        const GroupResult &group = *TRY(judgeGroup(index));
        const bool isMatch = group.isMatch();
        value = mode.all ? value && isMatch : value || isMatch;
        if (isMatch) {
            // Between groups it is yes or no; the parts of all that matched are kept for Remove.
            result.set = united(result.set, group.set);
            if (result.evidence.isEmpty()) {
                result.evidence = QStringLiteral("%1 '%2'").arg(name, m_compiled.groups[index].name)
                                  + (group.evidence.isEmpty()
                                         ? QString()
                                         : QStringLiteral(": ") + group.evidence);
            }
        }
        if (m_isExplaining) {
            traces.append(group.trace);
        }
        if (category != Category::What && value != mode.all) {
            break;
        }
    }
    result.isMatch = value != mode.invert;
    if (mode.invert) {
        result.set = {result.isMatch, {}};
        result.evidence = QStringLiteral("%1: %2 of its groups").arg(name, modeName(mode));
    }
    if (m_isExplaining) {
        result.trace = {{QStringLiteral("category"), name},
                        {QStringLiteral("mode"), modeName(mode)},
                        {QStringLiteral("matched"), result.isMatch},
                        {QStringLiteral("groups"), traces}};
    }
    return result;
}

Status EvaluationRun::tryRule(const CompiledRule &rule)
{
    const auto from = TRY(judge(rule, Category::From, [this](size_t group) {
        return Result<const GroupResult *>(&m_groups.from(group));
    }));
    if (!from.isMatch) {
        explainAll(rule, m_undecided, QStringLiteral("the sender does not match"),
                   with({}, from.trace));
        return ok();
    }
    const auto when = TRY(judge(rule, Category::When, [this](size_t group) {
        return Result<const GroupResult *>(&m_groups.when(group));
    }));
    QJsonArray trace = with(with({}, from.trace), when.trace);
    if (!when.isMatch) {
        explainAll(rule, m_undecided, QStringLiteral("the time does not match"), trace);
        return ok();
    }
    // To before What, though the guides name it last: it is cheap, and What may cost a spam test.
    std::vector<size_t> targets;
    QString toEvidence;
    for (const size_t recipient : m_undecided) {
        const auto to = TRY(judge(rule, Category::To, [this, recipient](size_t group) {
            return Result<const GroupResult *>(&m_groups.to(group, recipient));
        }));
        if (to.isMatch) {
            targets.push_back(recipient);
            toEvidence = to.evidence;
        } else {
            explain(rule, recipient, "no match", QStringLiteral("the recipient does not match"),
                    with(trace, to.trace));
        }
    }
    if (targets.empty()) {
        return ok();
    }
    return tryWhat(rule, targets, joined(joined(from.evidence, when.evidence), toEvidence), trace);
}

/// Recipients whose own lists lead to different parts get the rule once for each outcome.
Status EvaluationRun::tryWhat(const CompiledRule &rule,
                              const std::vector<size_t> &targets,
                              const QString &evidence,
                              const QJsonArray &trace)
{
    std::map<SenderStanding, std::vector<size_t>> byStanding;
    const bool isPersonal = usesSpam(m_compiled, rule);
    for (const size_t recipient : targets) {
        byStanding[isPersonal ? standingOf(recipient) : SenderStanding::Unlisted].push_back(
            recipient);
    }
    std::vector<MatchedRule> outcomes;
    for (const auto &[standing, recipients] : byStanding) {
        const auto what = TRY(
            judge(rule, Category::What, [this, standing = standing](size_t group) {
                return m_groups.what(group, standing);
            }));
        const QJsonArray whole = with(trace, what.trace);
        if (!what.isMatch) {
            explainAll(rule, recipients, QStringLiteral("the content does not match"), whole);
            continue;
        }
        const QString why = joined(evidence, what.evidence);
        const MatchedParts parts{what.set.isWholeMail, what.set.parts};
        const auto same = std::find_if(outcomes.begin(), outcomes.end(),
                                       [&](const MatchedRule &m) { return m.parts == parts; });
        MatchedRule &matched = same != outcomes.end() ? *same : outcomes.emplace_back();
        matched.parts = parts;
        matched.reason = why.isEmpty() ? QStringLiteral("applies to every message") : why;
        matched.targets.insert(matched.targets.end(), recipients.begin(), recipients.end());
        for (const size_t recipient : recipients) {
            explain(rule, recipient, "match", matched.reason, whole);
        }
    }
    for (MatchedRule &matched : outcomes) {
        std::sort(matched.targets.begin(), matched.targets.end());
        accept(rule, std::move(matched));
    }
    return ok();
}

void EvaluationRun::accept(const CompiledRule &rule, MatchedRule matched)
{
    matched.id = rule.id;
    matched.name = rule.name;
    matched.priority = rule.priority;
    matched.actions = rule.actions;
    matched.isFinal = rule.isFinal;
    const size_t index = m_evaluation.rules.size();
    QString info = QStringLiteral("Rule: %1\n").arg(rule.name);
    for (const size_t recipient : matched.targets) {
        RecipientOutcome &outcome = m_evaluation.recipients[recipient];
        outcome.rules.push_back(index);
        if (rule.isFinal) {
            outcome.deciding = index;
            std::erase(m_undecided, recipient);
        }
        info += QStringLiteral("  Receiver: %1\n")
                    .arg(QString::fromUtf8(m_mail.recipients()[recipient].address.toString()));
    }
    for (const ActionPointer &action : rule.actions) {
        info += QStringLiteral("  Action: %1\n").arg(action->description);
    }
    m_evaluation.ruleInfo += info;
    if (m_evaluation.hits.empty() || m_evaluation.hits.back() != rule.id) {
        m_evaluation.hits.push_back(rule.id);
    }
    m_evaluation.rules.push_back(std::move(matched));
}

SenderStanding EvaluationRun::standingOf(size_t recipient)
{
    if (!m_hasStanding[recipient]) {
        m_hasStanding[recipient] = true;
        m_evaluation.recipients[recipient].standing = m_mail.standing(recipient);
    }
    return m_evaluation.recipients[recipient].standing;
}

void EvaluationRun::explain(const CompiledRule &rule,
                            size_t recipient,
                            const char *result,
                            const QString &why,
                            const QJsonArray &categories)
{
    if (!m_isExplaining) {
        return;
    }
    QJsonObject entry{{QStringLiteral("id"), rule.id},
                      {QStringLiteral("rule"), rule.name},
                      {QStringLiteral("priority"), rule.priority},
                      {QStringLiteral("result"), QString::fromLatin1(result)},
                      {QStringLiteral("why"), why}};
    if (!categories.isEmpty()) {
        entry.insert(QStringLiteral("categories"), categories);
    }
    m_explained[recipient].append(entry);
}

void EvaluationRun::explainAll(const CompiledRule &rule,
                               const std::vector<size_t> &recipients,
                               const QString &why,
                               const QJsonArray &categories)
{
    if (!m_isExplaining) {
        return;
    }
    for (const size_t recipient : recipients) {
        explain(rule, recipient, "no match", why, categories);
    }
}

/// Rules that are not tried at all, for the direction or because a final action has come before.
void EvaluationRun::explainSkipped(const CompiledRule &rule)
{
    if (!m_isExplaining) {
        return;
    }
    for (size_t i = 0; i < m_explained.size(); ++i) {
        const auto &deciding = m_evaluation.recipients[i].deciding;
        if (deciding) {
            explain(
                rule, i, "not tried",
                QStringLiteral("rule '%1' has decided").arg(m_evaluation.rules[*deciding].name));
        } else if (!rule.appliesTo(m_mail.direction())) {
            explain(rule, i, "not tried", QStringLiteral("it is for the other direction"));
        }
    }
}

void EvaluationRun::finishExplanation()
{
    if (!m_isExplaining) {
        return;
    }
    QJsonArray recipients;
    for (size_t i = 0; i < m_explained.size(); ++i) {
        const auto &deciding = m_evaluation.recipients[i].deciding;
        QJsonArray actions;
        for (const size_t rule : m_evaluation.recipients[i].rules) {
            for (const ActionPointer &action : m_evaluation.rules[rule].actions) {
                actions.append(action->description);
            }
        }
        recipients.append(QJsonObject{
            {QStringLiteral("recipient"),
             QString::fromUtf8(m_mail.recipients()[i].address.toString())},
            {QStringLiteral("rules"), m_explained[i]},
            {QStringLiteral("actions"), actions},
            {QStringLiteral("decided-by"), deciding ? m_evaluation.rules[*deciding].name
                                                    : QString::fromLatin1(defaultAcceptRule)}});
    }
    m_evaluation.explanation = {{QStringLiteral("recipients"), recipients}};
}

}  // namespace

Result<Evaluation> RuleSet::evaluate(MailFacts &mail, const EvaluationOptions &options) const
{
    return EvaluationRun(*m_compiled, mail, options).run();
}

}  // namespace portcullis::rules
