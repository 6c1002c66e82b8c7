// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/BayesModule.h"

#include "appliance/base/Log.h"
#include "appliance/spam/bayes/AutoLearn.h"
#include "appliance/spam/bayes/SnapshotTokens.h"
#include "appliance/spam/learning/LearnJournal.h"
#include "appliance/spam/learning/LearnPaths.h"

#include <QtCore/QDateTime>

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr qint64 touchAge = 86'400;  ///< Uses are told once a day and token.
constexpr qsizetype shownClues = 5;  ///< In SPAMMYTOKENS and HAMMYTOKENS.

QByteArray fixedNumber(double value, int digits)
{
    return QByteArray::number(value, 'f', digits);
}

/// "*" and "?" as in welcomelist_from.
bool matchesGlob(QByteArrayView text, QByteArrayView glob)
{
    qsizetype at = 0;
    qsizetype in = 0;
    qsizetype star = -1;
    qsizetype resume = 0;
    while (at < text.size()) {
        if (in < glob.size() && glob[in] == '*') {
            star = in++;
            resume = at;
        } else if (in < glob.size() && (glob[in] == '?' || glob[in] == text[at])) {
            ++in;
            ++at;
        } else if (star >= 0) {
            in = star + 1;
            at = ++resume;
        } else {
            return false;
        }
    }
    while (in < glob.size() && glob[in] == '*') {
        ++in;
    }
    return in == glob.size();
}

bool hasListedAddress(Scan &scan, const char *query, const std::vector<QByteArray> &globs)
{
    const auto &addresses = scan.text().headerList(query);
    return std::any_of(addresses.begin(), addresses.end(), [&globs](const QByteArray &address) {
        const QByteArray lower = address.toLower();
        return std::any_of(globs.begin(), globs.end(),
                           [&lower](const QByteArray &glob) { return matchesGlob(lower, glob); });
    });
}

std::vector<QByteArray> globsOf(const RuleSet &rules, const char *directive)
{
    std::vector<QByteArray> globs;
    for (const Directive &line : rules.directive(directive)) {
        for (const QByteArray &glob : line.value.toLower().simplified().split(' ')) {
            globs.push_back(glob);
        }
    }
    return globs;
}

qint64 currentSeconds()
{
    return QDateTime::currentSecsSinceEpoch();
}

}  // namespace

struct BayesModule::Finding final : Scan::Memory {
    bool isDone = false;
    bool isTokenized = false;
    TokenSet tokens;
    std::optional<Classification> classification;
};

BayesModule::BayesModule(BayesLinks links)
    : m_links(std::move(links))
{
}

BayesModule::~BayesModule() = default;

QByteArray BayesModule::plugin() const
{
    return "Mail::SpamAssassin::Plugin::Bayes";
}

void BayesModule::configure(const RuleSet &rules, ProblemSink &problems)
{
    m_settings = BayesSettings::of(rules, problems);
    m_ignoredFrom = globsOf(rules, "bayes_ignore_from");
    m_ignoredTo = globsOf(rules, "bayes_ignore_to");
    m_tokenizer = std::make_unique<Tokenizer>(m_settings);
}

std::vector<EvalModule::Entry> BayesModule::functions() const
{
    return {{"check_bayes",
             [this](Scan &scan, const EvalCall &call) { return checkBayes(scan, call); }}};
}

bool BayesModule::isIgnored(Scan &scan) const
{
    return (!m_ignoredFrom.empty()
            && (hasListedAddress(scan, "From:addr", m_ignoredFrom)
                || hasListedAddress(scan, "EnvelopeFrom:addr", m_ignoredFrom)))
           || (!m_ignoredTo.empty() && hasListedAddress(scan, "ToCc:addr", m_ignoredTo));
}

BayesModule::Finding &BayesModule::finding(Scan &scan) const
{
    auto &finding = scan.memory<Finding>(this);
    if (!finding.isDone) {
        finding.isDone = true;
        classifyMessage(scan, finding);
    }
    return finding;
}

void BayesModule::classifyMessage(Scan &scan, Finding &finding) const
{
    const TokenSource *source = m_links.source && !isIgnored(scan) ? m_links.source() : nullptr;
    if (source == nullptr || source->messages().spam < m_settings.minSpam
        || source->messages().ham < m_settings.minHam) {
        return;
    }
    ClassifierSettings classifier;
    classifier.minSpam = m_settings.minSpam;
    classifier.minHam = m_settings.minHam;
    classifier.usesHapaxes = m_settings.usesHapaxes;
    finding.tokens = m_tokenizer->tokenize(tokenSourcesOf(scan.text(), m_settings.sources));
    finding.isTokenized = true;
    finding.classification = classify(finding.tokens.tokens(), *source, classifier);
    if (!finding.classification) {
        return;
    }
    const Classification &result = *finding.classification;
    QByteArrayList spammy;
    QByteArrayList hammy;
    qsizetype spamClues = 0;
    for (const Clue &clue : result.clues) {
        const bool isSpammy = clue.probability >= 0.5;
        spamClues += isSpammy ? 1 : 0;
        QByteArrayList &list = isSpammy ? spammy : hammy;
        if (list.size() < shownClues) {
            const auto &entry = finding.tokens.entries()[size_t(clue.index)];
            list.append(fixedNumber(clue.probability, 3) + "--"
                        + finding.tokens.text(entry).toByteArray());
        }
    }
    const qsizetype hamClues = qsizetype(result.clues.size()) - spamClues;
    const auto setCount = [&scan](const char *name, qsizetype count) {
        scan.setTag(name, {QByteArray::number(count)});
    };
    scan.setTag("BAYES", {fixedNumber(result.probability, 4)});
    setCount("BAYESTC", finding.tokens.size());
    setCount("BAYESTCLEARNED", result.known);
    setCount("BAYESTCSPAMMY", spamClues);
    setCount("BAYESTCHAMMY", hamClues);
    scan.setTag("SPAMMYTOKENS", {spammy.join(", ")});
    scan.setTag("HAMMYTOKENS", {hammy.join(", ")});
    scan.setTag("TOKENSUMMARY",
                {"Tokens: new, " + QByteArray::number(finding.tokens.size() - result.known)
                 + "; hammy, " + QByteArray::number(hamClues) + "; neutral, "
                 + QByteArray::number(result.known - hamClues - spamClues) + "; spammy, "
                 + QByteArray::number(spamClues) + '.'});
}

int BayesModule::checkBayes(Scan &scan, const EvalCall &call) const
{
    if (!m_settings.isOn || !m_settings.areRulesOn || call.arguments.size() < 2) {
        return 0;
    }
    const auto &classification = finding(scan).classification;
    if (!classification) {
        return 0;
    }
    const double least = call.arguments[0].toDouble();
    const bool isOpen = call.arguments[1] == "undef";
    const double most = call.arguments[1].toDouble();
    const double probability = classification->probability;
    if ((least != 0 && probability <= least) || (!isOpen && probability > most)) {
        return 0;
    }
    scan.note("score: " + fixedNumber(probability, 4));
    return 1;
}

void BayesModule::conclude(Scan &scan) const
{
    if (!m_links.learn || !m_settings.isOn || isIgnored(scan)) {
        return;
    }
    Finding &found = finding(scan);
    const qint64 now = currentSeconds();
    if (found.classification) {
        TouchTokens touch{now, {}};
        for (const Clue &clue : found.classification->clues) {
            if (now - clue.counts.seconds > touchAge) {
                touch.tokens.push_back(clue.token);
            }
        }
        if (!touch.tokens.empty()) {
            m_links.learn(touch);
        }
    }
    const auto as = autoLearnAs(scan.hits(), scan.rules(), scan.scoreSet(), scan.scoreSoFar(),
                                m_settings);
    scan.setTag("AUTOLEARN", {!as ? "no" : *as == LearnAs::Spam ? "spam" : "ham"});
    if (!as) {
        return;
    }
    LearnTokens learn;
    learn.as = *as;
    learn.isAutomatic = true;
    learn.ids = messageIdsOf(scan.text());
    learn.seconds = receivedAt(scan.text(), now);
    if (!found.isTokenized) {
        found.tokens = m_tokenizer->tokenize(tokenSourcesOf(scan.text(), m_settings.sources));
    }
    learn.tokens = found.tokens.tokens();
    m_links.learn(learn);
}

BayesLinks workerLinks(const QString &folder)
{
    const auto tokens = std::make_shared<SnapshotTokens>(bayesSnapshotFile(folder));
    const auto journal = std::make_shared<LearnJournal>(folder);
    BayesLinks links;
    links.source = [tokens]() -> const TokenSource * {
        return tokens->refresh() ? tokens.get() : nullptr;
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
