// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/BayesSettings.h"

#include <map>

namespace portcullis::spam {

namespace {

void reportProblem(ProblemSink &problems,
                   const Directive &directive,
                   const char *subject,
                   const QByteArray &reason)
{
    problems.report({Problem::Severity::Error, directive.origin, subject, reason});
}

QByteArrayList wordsOf(const QByteArray &value)
{
    QByteArrayList words = value.simplified().split(' ');
    words.removeAll(QByteArray());
    return words;
}

bool setSource(TokenSourceSettings &sources, const QByteArray &word)
{
    const std::map<QByteArray, bool TokenSourceSettings::*> members{
        {"header", &TokenSourceSettings::header},       {"visible", &TokenSourceSettings::visible},
        {"invisible", &TokenSourceSettings::invisible}, {"uri", &TokenSourceSettings::uri},
        {"mimepart", &TokenSourceSettings::mimePart},
    };
    const bool isAll = word == "all";
    if (isAll || word == "none" || word == "noall") {
        for (const auto &[name, member] : members) {
            sources.*member = isAll;
        }
        return true;
    }
    const bool isNot = word.startsWith("no");
    const auto found = members.find(isNot ? word.sliced(2) : word);
    if (found == members.end()) {
        return false;
    }
    sources.*found->second = !isNot;
    return true;
}

void readSources(BayesSettings &settings, const RuleSet &rules, ProblemSink &problems)
{
    for (const Directive &directive : rules.directive("bayes_token_sources")) {
        for (const QByteArray &word : wordsOf(directive.value.toLower())) {
            if (!setSource(settings.sources, word)) {
                reportProblem(problems, directive, "bayes_token_sources",
                              "unknown source '" + word + '\'');
            }
        }
    }
}

void readStopWords(BayesSettings &settings, const RuleSet &rules, ProblemSink &problems)
{
    QByteArray languages = rules.value("bayes_stopword_languages", "en").toLower();
    if (languages == "disable") {
        return;
    }
    for (const QByteArray &language : wordsOf(languages.replace(',', ' '))) {
        const QByteArray name = "bayes_stopword_" + language;
        const auto &directives = rules.directive(name);
        // Several expressions in one line: the last counts, as there.
        const QByteArrayList expressions = directives.empty() ? QByteArrayList()
                                                              : wordsOf(directives.back().value);
        if (expressions.isEmpty()) {
            continue;
        }
        if (const Status status = settings.stopWords.add(expressions.last()); !status) {
            reportProblem(problems, directives.back(), name.constData(),
                          status.error().detail.toUtf8());
        }
    }
}

/// The switches, and what has to be learnt first.
void readBasics(BayesSettings &settings, const RuleSet &rules)
{
    settings.isOn = rules.isOn("use_bayes", true) && rules.isOn("use_learner", true);
    settings.areRulesOn = rules.isOn("use_bayes_rules", true);
    settings.minSpam = qint64(rules.number("bayes_min_spam_num", double(settings.minSpam)));
    settings.minHam = qint64(rules.number("bayes_min_ham_num", double(settings.minHam)));
}

void readExpiry(ExpirySettings &expiry, const RuleSet &rules)
{
    expiry.maxTokens = qint64(rules.number("bayes_expiry_max_db_size", double(expiry.maxTokens)));
    expiry.isAutomatic = rules.isOn("bayes_auto_expire", expiry.isAutomatic);
}

}  // namespace

BayesSettings BayesSettings::of(const RuleSet &rules, ProblemSink &problems)
{
    BayesSettings settings;
    readBasics(settings, rules);
    settings.usesHapaxes = rules.isOn("bayes_use_hapaxes", true);
    settings.maxTokenLength = qsizetype(
        rules.number("bayes_max_token_length", double(settings.maxTokenLength)));
    settings.autoLearns = rules.isOn("bayes_auto_learn", true);
    settings.autoLearnHam = rules.number("bayes_auto_learn_threshold_nonspam",
                                         settings.autoLearnHam);
    settings.autoLearnSpam = rules.number("bayes_auto_learn_threshold_spam",
                                          settings.autoLearnSpam);
    settings.autoLearnsOnErrorOnly = rules.isOn("bayes_auto_learn_on_error", false);
    settings.requiredScore = rules.number("required_score", settings.requiredScore);
    for (const Directive &directive : rules.directive("bayes_ignore_header")) {
        for (const QByteArray &name : wordsOf(directive.value.toLower())) {
            settings.ignoredHeaders.insert(name);
        }
    }
    readSources(settings, rules, problems);
    readStopWords(settings, rules, problems);
    readExpiry(settings.expiry, rules);
    return settings;
}

bool hasBayesASay(const RuleSet &rules, const LearntMessages &learnt)
{
    BayesSettings settings;
    readBasics(settings, rules);
    return settings.isOn && settings.areRulesOn && learnt.spam >= settings.minSpam
           && learnt.ham >= settings.minHam;
}

}  // namespace portcullis::spam
