// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/text/MessageText.h"

#include <map>
#include <set>
#include <vector>

namespace portcullis::spam::test {

/// Remembers what a module says about its directives.
class CollectingSink final : public ProblemSink
{
public:
    void report(Problem problem) override { problems.push_back(std::move(problem)); }
    std::vector<Problem> problems;
};

/// Rules out of a few lines, with some domains that exist.
inline RuleSet rulesOf(const QByteArray &text)
{
    return readRuleText("util_rb_tld com net org info de uk test example\nutil_rb_2tld co.uk\n"
                        + text);
}

/// One message under test, with the modules that look at it. Line ends may be LF; they become CRLF.
class FakeScan final : public Scan
{
public:
    explicit FakeScan(RuleSet rules, const QByteArray &message)
        : m_rules(std::move(rules))
        , m_domains(m_rules)
        , m_settings(TextSettings::fromRules(m_rules))
        , m_text(mail::Content(withCrLf(message)), m_settings, m_domains)
        , m_context{mail::Direction::In, m_envelope, m_client}
    {
    }

    static constexpr int unknownFunction = -1;

    /// Asks one function of a module: ask(module, "check_freemail_from", {"\\d@"}).
    int ask(EvalModule &module, const QByteArray &function, std::vector<QByteArray> arguments = {})
    {
        if (m_configured.insert(&module).second) {
            module.configure(m_rules, problems);
            module.begin(*this);
        }
        for (const EvalModule::Entry &entry : module.functions()) {
            if (function == entry.name) {
                return entry.function(*this, EvalCall{function, std::move(arguments)});
            }
        }
        return unknownFunction;
    }

    // Scan
    [[nodiscard]] const RuleSet &rules() const override { return m_rules; }
    [[nodiscard]] MessageText &text() override { return m_text; }
    [[nodiscard]] const DomainTable &domains() const override { return m_domains; }
    [[nodiscard]] const SpamContext &context() const override { return m_context; }
    [[nodiscard]] int scoreSet() const override { return set; }
    [[nodiscard]] std::chrono::steady_clock::time_point deadline() const override
    {
        return std::chrono::steady_clock::now() + std::chrono::seconds(5);
    }
    [[nodiscard]] const Test *running() const override { return runningTest; }
    [[nodiscard]] bool isActive(const Test &) const override { return true; }
    [[nodiscard]] double valueOf(const QByteArray &test) const override
    {
        const auto found = values.find(test);
        return found == values.end() ? 0 : found->second;
    }
    void hit(const QByteArray &test, const QByteArray &words, int count) override
    {
        values[test] += count;
        if (!words.isEmpty()) {
            notes.push_back(words);
        }
    }
    void hitWithScore(const QByteArray &test, double score, const QByteArray &words) override
    {
        scores[test] = score;
        hit(test, words, 1);
    }
    void note(const QByteArray &words) override { notes.push_back(words); }
    [[nodiscard]] double scoreSoFar() const override { return 0; }
    [[nodiscard]] std::vector<Hit> hits() const override { return {}; }
    void setTag(const QByteArray &name, std::vector<QByteArray> tagValues) override
    {
        tags[name] = std::move(tagValues);
    }
    [[nodiscard]] const std::vector<QByteArray> &tag(const QByteArray &name) const override
    {
        static const std::vector<QByteArray> none;
        const auto found = tags.find(name);
        return found == tags.end() ? none : found->second;
    }

    // What a test may set and look at.
    mail::Envelope &envelope() { return m_envelope; }
    mail::Client &client() { return m_client; }
    SpamContext &changeContext() { return m_context; }
    int set = 0;
    const Test *runningTest = nullptr;
    std::map<QByteArray, double> values;
    std::map<QByteArray, double> scores;
    std::map<QByteArray, std::vector<QByteArray>> tags;
    std::vector<QByteArray> notes;
    CollectingSink problems;

private:
    static QByteArray withCrLf(QByteArray message)
    {
        return message.replace("\r\n", "\n").replace("\n", "\r\n");
    }

    RuleSet m_rules;
    DomainTable m_domains;
    TextSettings m_settings;
    MessageText m_text;
    mail::Envelope m_envelope;
    mail::Client m_client;
    SpamContext m_context;
    std::set<const EvalModule *> m_configured;
};

}  // namespace portcullis::spam::test
