// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/Check.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/spam/assembly/RuleEngine.h"

#include <QtCore/QJsonArray>
#include <QtCore/QJsonObject>

#include <algorithm>

namespace portcullis::cli::spamrules {

namespace {

constexpr double defaultThreshold = 5;
constexpr int leastNames = 22;  ///< Columns for names, as SpamAssassin's report has.
constexpr int mostNames = 40;
constexpr int textColumn = 50;  ///< Of descriptions, so that a line fits a terminal.

/// A scan that has run, and what is told of it.
struct Trial {
    spam::RuleScan &scan;
    const spam::RuleSet &rules;
    double threshold;
    QString conditions;  ///< "network tests and Bayes", as scores were chosen.
};

QJsonObject jsonOf(const spam::SpamHit &hit)
{
    return {{QStringLiteral("test"), QString::fromUtf8(hit.test)},
            {QStringLiteral("score"), hit.score},
            {QStringLiteral("description"), hit.description}};
}

QJsonObject jsonOf(const spam::Evidence &evidence)
{
    QJsonObject object{{QStringLiteral("view"), QString::fromUtf8(evidence.view)},
                       {QStringLiteral("text"), QString::fromUtf8(evidence.text)}};
    if (evidence.hasPlace()) {
        object.insert(QStringLiteral("line"), evidence.line + 1);
        object.insert(QStringLiteral("offset"), evidence.offset);
    }
    return object;
}

/// In lines of at most `width` characters, broken between words.
QStringList wrapped(const QString &text, int width)
{
    QStringList lines;
    for (const QString &word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        if (lines.isEmpty() || lines.back().size() + 1 + word.size() > width) {
            lines.append(word);
        } else {
            lines.back() += QLatin1Char(' ') + word;
        }
    }
    return lines.isEmpty() ? QStringList(QString()) : lines;
}

/// What counts most comes first; of equal points, as they hit.
std::vector<spam::SpamHit> byWeight(std::vector<spam::SpamHit> hits)
{
    std::stable_sort(hits.begin(), hits.end(),
                     [](const spam::SpamHit &left, const spam::SpamHit &right) {
                         return std::abs(left.score) > std::abs(right.score);
                     });
    return hits;
}

/// Columns of points, names and descriptions; these in as many lines as they need.
void printTests(const std::vector<spam::SpamHit> &hits)
{
    int width = leastNames;
    for (const spam::SpamHit &hit : hits) {
        width = std::clamp(static_cast<int>(hit.test.size()), width, mostNames);
    }
    print(QStringLiteral(" pts  %1 description\n").arg(QStringLiteral("rule"), -width));
    print(QStringLiteral("----- %1 %2\n")
              .arg(QString(width, QLatin1Char('-')), QString(textColumn, QLatin1Char('-'))));
    for (const spam::SpamHit &hit : hits) {
        const QString words = hit.description.isEmpty() ? QStringLiteral("(not described)")
                                                        : printable(hit.description, 400);
        const QStringList lines = wrapped(words, textColumn);
        print(QStringLiteral("%1 %2 %3\n")
                  .arg(hit.score, 5, 'f', std::abs(hit.score) < 0.1 ? 2 : 1)
                  .arg(printable(QString::fromUtf8(hit.test)), -width)
                  .arg(lines.front()));
        for (const QString &line : lines.mid(1)) {
            print(QString(width + 7, QLatin1Char(' ')) + line + QLatin1Char('\n'));
        }
    }
}

void printReport(const Trial &trial)
{
    const spam::SpamFinding finding = trial.scan.finding();
    print(QStringLiteral("%1: %2 points, %3 required (%4)\n\n")
              .arg(finding.score() >= trial.threshold ? QStringLiteral("Spam")
                                                      : QStringLiteral("Not spam"))
              .arg(finding.score(), 0, 'f', 1)
              .arg(trial.threshold, 0, 'f', 1)
              .arg(trial.conditions));
    printTests(byWeight(finding.hits));
    if (trial.scan.isShortCircuited()) {
        print(QStringLiteral("\nA rule ended the scan early (shortcircuit).\n"));
    } else if (trial.scan.isLate()) {
        print(QStringLiteral("\nThe time limit ended the scan early.\n"));
    }
}

/// Why a test may have nothing to say.
QString silenceOf(const spam::Test &test, const Trial &trial)
{
    if (trial.scan.isActive(test)) {
        return QStringLiteral("did not hit");
    }
    if (test.scores[static_cast<size_t>(trial.scan.scoreSet())] == 0 && !test.isSubRule()) {
        return QStringLiteral("does not run: its score is 0 here (%1)").arg(trial.conditions);
    }
    return QStringLiteral("does not run here (%1)").arg(trial.conditions);
}

void printEvidence(const spam::Evidence &evidence)
{
    const QString text = printable(QString::fromUtf8(evidence.text), 500);
    if (evidence.hasPlace()) {
        print(QStringLiteral("  %1, line %2, octet %3: \"%4\"\n")
                  .arg(QString::fromUtf8(evidence.view))
                  .arg(evidence.line + 1)
                  .arg(evidence.offset)
                  .arg(text));
    } else {
        const bool isPart = evidence.view == "part";
        print(QStringLiteral("  %1%2\n")
                  .arg(isPart ? QStringLiteral("  ")
                              : QString::fromUtf8(evidence.view) + QStringLiteral(": "),
                       text));
    }
}

void printExplanation(const QString &name, const Trial &trial)
{
    const spam::Test *test = trial.rules.find(name.toUtf8());
    if (!test) {
        return print(QStringLiteral("\n%1: there is no such test\n").arg(printable(name)));
    }
    const double value = trial.scan.valueOf(test->name);
    QString state = silenceOf(*test, trial);
    if (value != 0) {
        state = value == 1 ? QStringLiteral("hit") : QStringLiteral("hit %1 times").arg(value);
    }
    print(QStringLiteral("\n%1 (%2:%3): %4\n")
              .arg(name, QString::fromUtf8(test->origin.file))
              .arg(test->origin.line)
              .arg(state));
    for (const spam::Evidence &evidence : trial.scan.explain(test->name)) {
        printEvidence(evidence);
    }
}

void printAsJson(const CheckArguments &arguments, const Trial &trial)
{
    const spam::SpamFinding finding = trial.scan.finding();
    QJsonArray hits;
    for (const spam::SpamHit &hit : finding.hits) {
        hits.append(jsonOf(hit));
    }
    QJsonObject result{{QStringLiteral("score"), finding.score()},
                       {QStringLiteral("threshold"), trial.threshold},
                       {QStringLiteral("score_set"), trial.scan.scoreSet()},
                       {QStringLiteral("tests"), hits}};
    QJsonObject explained;
    for (const QString &name : arguments.explained) {
        QJsonArray matches;
        for (const spam::Evidence &evidence : trial.scan.explain(name.toUtf8())) {
            matches.append(jsonOf(evidence));
        }
        explained.insert(name, matches);
    }
    if (!explained.isEmpty()) {
        result.insert(QStringLiteral("explained"), explained);
    }
    printJson(result);
}

QString conditionsOf(const spam::EngineSettings &settings, const TrialRules &rules)
{
    QString text = settings.usesNetwork ? QStringLiteral("with network tests")
                                        : QStringLiteral("without network tests");
    text += settings.usesBayes ? QStringLiteral(", with Bayes") : QStringLiteral(", without Bayes");
    return rules.reason.isEmpty() ? text : text + QStringLiteral(": ") + rules.reason;
}

}  // namespace

Status check(const CheckArguments &arguments, const TrialRules &trialRules)
{
    const CheckedMail mail = TRY(readCheckedMail(arguments.file, arguments.arrival));
    const auto rules = spam::loadRules(trialRules.origin);
    spam::SenderEvidence evidence;
    if (rules->settings().usesNetwork) {
        evidence = senderEvidence(mail, trialRules.config, trialRules.resolverSocket);
    }
    const spam::SpamContext context{mail::Direction::In, mail.envelope, mail.client,
                                    trialRules.maxBytes, &evidence};
    spam::MessageText text(spam::cutForSpam(mail.content, context.maxBytes), rules->textSettings(),
                           rules->domains());
    // Without a word about the way it came, the message's own fields tell.
    if (mail.hasArrival) {
        text.setArrival(spam::arrivalOf(context));
    }
    spam::RuleScan scan(*rules, text, context, spam::ScanDepth::Complete);
    scan.run();
    const Trial trial{scan, rules->rules(),
                      rules->rules().number("required_score", defaultThreshold),
                      conditionsOf(rules->settings(), trialRules)};
    if (arguments.isJson) {
        printAsJson(arguments, trial);
        return ok();
    }
    printReport(trial);
    for (const QString &name : arguments.explained) {
        printExplanation(name, trial);
    }
    return ok();
}

}  // namespace portcullis::cli::spamrules
