// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/language/LanguageEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/language/LanguageText.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

constexpr qsizetype leastText = 256;    // Shorter texts are not told apart well enough.
constexpr qsizetype mostText = 10'000;  // Enough to tell, and still quick.

std::vector<QByteArray> languagesOf(const QByteArray &value)
{
    std::vector<QByteArray> languages;
    for (const QByteArray &word : value.simplified().split(' ')) {
        if (!word.isEmpty()) {
            languages.push_back(word);
        }
    }
    return languages;
}

bool isOneOf(const std::vector<QByteArray> &languages, const QByteArray &language)
{
    return std::find(languages.begin(), languages.end(), language) != languages.end();
}

/// Languages in whose texts long runs of octets above 127 are common.
bool isBeyondAscii(const QByteArray &language)
{
    static const std::array<const char *, 26> languages{
        "am", "ar", "be", "bg", "cs", "el", "et", "fa", "fi", "he", "hi", "hy", "is",
        "ja", "ka", "ko", "mr", "pt", "ru", "ta", "th", "tr", "uk", "vi", "yi", "zh"};
    return std::any_of(languages.begin(), languages.end(),
                       [&language](const char *known) { return language == known; });
}

QByteArray joinedNames(const std::vector<QByteArray> &languages)
{
    QByteArray text;
    for (const QByteArray &language : languages) {
        text += (text.isEmpty() ? "" : " ") + language;
    }
    return text;
}

}  // namespace

struct LanguageEvals::Memory final : Scan::Memory, LanguageEvals::Finding {
};

QString LanguageEvals::stockModels()
{
    return QStringLiteral("/usr/share/spamassassin/languages");
}

LanguageEvals::LanguageEvals(QString modelFile)
    : m_modelFile(std::move(modelFile))
{
}

QByteArray LanguageEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::TextCat";
}

void LanguageEvals::configure(const RuleSet &rules, ProblemSink &problems)
{
    if (!rules.hasPlugin("TextCat")) {
        return;
    }
    auto models = LanguageModels::read(m_modelFile);
    if (!models) {
        problems.report(
            {Problem::Severity::Warning, {}, "TextCat", models.error().detail.toUtf8()});
        return;
    }
    m_models = std::make_shared<const LanguageModels>(*std::move(models));
    m_wanted = languagesOf(rules.value("ok_languages", "all"));
    for (const QByteArray &language : languagesOf(rules.value(
             "inactive_languages", "bs cy eo et eu fy ga gd is la lt lv rm sa sco sl yi"))) {
        if (!isOneOf(m_wanted, language)) {
            m_skipped.insert(language);
        }
    }
    m_maxLanguages = static_cast<size_t>(std::max(0.0, rules.number("textcat_max_languages", 3)));
    // Ranks of models are small numbers; far more n-grams than they have tell nothing.
    constexpr double mostGrams = 10'000;
    m_maxGrams = static_cast<int>(
        std::clamp(rules.number("textcat_max_ngrams", 400), 1.0, mostGrams));
    m_leastCount = static_cast<int>(std::max(0.0, rules.number("textcat_optimal_ngrams", 0)));
    m_acceptable = rules.number("textcat_acceptable_score", m_acceptable);
}

std::vector<EvalModule::Entry> LanguageEvals::functions() const
{
    return {{"check_language", [this](Scan &scan, const EvalCall &) { return isUnwanted(scan); }},
            {"check_body_8bits",
             [this](Scan &scan, const EvalCall &) { return hasEightBitRun(scan); }}};
}

void LanguageEvals::begin(Scan &scan) const
{
    if (!m_models) {
        return;
    }
    Memory &memory = scan.memory<Memory>(this);
    static_cast<Finding &>(memory) = annotate(scan.text());
    scan.setTag("LANGUAGES", {joinedNames(memory.languages)});
}

LanguageEvals::Finding LanguageEvals::annotate(MessageText &message) const
{
    if (!m_models) {
        return {};
    }
    const QByteArray text = languageText(message.body(), mostText);
    Finding finding{guess(text), text.size()};
    message.setMetadata("X-Languages", joinedNames(finding.languages));
    message.setMetadata("X-Languages-Length", QByteArray::number(finding.length));
    return finding;
}

std::vector<QByteArray> LanguageEvals::guess(QByteArrayView text) const
{
    if (!m_models || text.size() < leastText) {
        return {};
    }
    const auto distances = m_models->compare(text, m_skipped, m_maxGrams, m_leastCount);
    if (distances.empty()) {
        return {};
    }
    const double bound = m_acceptable * distances.front().distance;
    std::vector<QByteArray> languages{distances.front().language};
    for (size_t i = 1; i < distances.size() && distances[i].distance < bound; ++i) {
        languages.push_back(distances[i].language);
    }
    return languages.size() > m_maxLanguages ? std::vector<QByteArray>() : languages;
}

int LanguageEvals::isUnwanted(Scan &scan) const
{
    const Memory &memory = scan.memory<Memory>(this);
    if (!m_models || isOneOf(m_wanted, "all") || memory.languages.empty()) {
        return 0;
    }
    // Little text makes English look like Scots.
    constexpr qsizetype sureLength = 1'024;
    const bool isSure = memory.length
                        >= sureLength * static_cast<qsizetype>(memory.languages.size());
    const auto meant = [isSure](const QByteArray &name) {
        const QByteArray language = name.split('.').constFirst();
        return !isSure && language == "sco" ? QByteArray("en") : language;
    };
    for (const QByteArray &found : memory.languages) {
        for (const QByteArray &wanted : m_wanted) {
            if (meant(found) == (!isSure && wanted == "sco" ? QByteArray("en") : wanted)) {
                return 0;
            }
        }
    }
    scan.note("Languages detected: " + joinedNames(memory.languages));
    return 1;
}

int LanguageEvals::hasEightBitRun(Scan &scan) const
{
    const bool mayBe = std::any_of(
        m_wanted.begin(), m_wanted.end(),
        [](const QByteArray &language) { return language == "all" || isBeyondAscii(language); });
    if (!m_models || mayBe) {
        return 0;
    }
    constexpr int longRun = 8;
    for (const QByteArray &line : scan.text().body()) {
        int run = 0;
        for (char c : line) {
            run = static_cast<quint8>(c) >= 0x80 ? run + 1 : 0;
            if (run == longRun) {
                return 1;
            }
        }
    }
    return 0;
}

}  // namespace portcullis::spam
