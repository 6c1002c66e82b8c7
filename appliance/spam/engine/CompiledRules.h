// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/engine/MetaTree.h"
#include "appliance/spam/match/Pattern.h"
#include "appliance/spam/match/PatternSet.h"
#include "appliance/spam/text/MessageText.h"

#include <chrono>
#include <limits>
#include <memory>

namespace portcullis::spam {

/// Bounds of what metas may ask for. What is over a bound does not run and is named in a Problem.
struct EngineLimits {
    /// Operators of a meta within each other, with those of the metas that it needs, which count as
    /// four: evaluating goes down that far. A sum of n tests has n.
    int metaLevels = 5'000;
};

/// What is decided before rules are compiled.
struct EngineSettings {
    bool usesNetwork = false;  ///< Chooses the score set, with …
    bool usesBayes = false;    ///< … this.
    /// `time_limit` of the rules if that is less. Range 1 s … 300 s; SpamAssassin's default is 300 s.
    std::chrono::milliseconds timeLimit = std::chrono::seconds(60);
    MatchLimits match;
    EngineLimits limits;

    [[nodiscard]] int scoreSet() const { return (usesNetwork ? 1 : 0) + (usesBayes ? 2 : 0); }
};

/// Texts that many tests look at. Header tests are grouped by their query instead.
enum class TextView : quint8 { Body, Uri, RawBody, Full };
inline constexpr size_t textViews = 4;

/// One test, ready to run. Its index is that in RuleSet::tests.
struct CompiledTest {
    enum class Runner : quint8 {
        None,  ///< Not active in the score set, or nothing that we can run.
        Existence,
        Header,
        Text,
        MimeHeader,
        Eval,
        Meta,
        External  ///< Others hit it: RBLs, askdns, tests without a body.
    };
    static constexpr int never = -1;

    Runner runner = Runner::None;
    const Test *test = nullptr;
    std::optional<Pattern> pattern;  ///< None for templates: compiled when the values are known.
    EvalFunction function;
    EvalCall call;
    MetaTree meta;
    TextView view = TextView::Body;
    int group = -1;  ///< Of header tests.
    int slot = -1;   ///< In the PatternSet of the view or group; -1: cannot be ruled out by words.
    int whenUnset = 0;   ///< Value of a header test when the field is not there.
    int metaLevels = 0;  ///< Of metas; see EngineLimits.
    int stage = never;   ///< When it runs; of metas: when all that they need has run.
    bool isMultiple = false;
    bool isNegated = false;
    bool skipsSubject = false;
    bool isTemplate = false;
};

/// Tests of one priority, in the order in which SpamAssassin runs kinds. Sub-rules are not in the lists:
/// they run when something needs them.
struct Stage {
    int priority = 0;
    std::array<std::vector<int>, 9> steps;  ///< Indices of tests; see stepOf().
    std::vector<int> lookups;               ///< RBL evals, once, from -100 on.
    std::vector<int> metas;                 ///< That are ready afterwards; those needed come first.
};

/// Scores beyond which the plugin Shortcircuit ends a scan.
struct ScoreBounds {
    double least = -std::numeric_limits<double>::infinity();  ///< shortcircuit_min_ham_score
    double most = std::numeric_limits<double>::infinity();    ///< shortcircuit_max_spam_score
};

/// A rule set with modules, compiled for one score set. Immutable; shared by scans, threads and forked
/// workers. Made in the background, then swapped.
class CompiledRules
{
public:
    /// Never fails as a whole: what cannot run is left out and named in problems().
    static std::shared_ptr<const CompiledRules> compile(
        std::shared_ptr<const RuleSet> rules,
        std::vector<std::shared_ptr<EvalModule>> modules,
        const EngineSettings &settings);

    struct HeaderGroup {
        HeaderQuery query;
        std::vector<int> tests;
        std::vector<int> slots;  ///< Slot of the set → test.
        std::unique_ptr<PatternSet> set;
    };
    struct View {
        std::vector<int> slots;  ///< Slot of the set → test.
        std::unique_ptr<PatternSet> set;
    };

    [[nodiscard]] const RuleSet &rules() const { return *m_rules; }
    [[nodiscard]] const EngineSettings &settings() const { return m_settings; }
    [[nodiscard]] const TextSettings &textSettings() const { return m_text; }
    [[nodiscard]] const DomainTable &domains() const { return *m_domains; }
    [[nodiscard]] const std::vector<CompiledTest> &tests() const { return m_tests; }
    [[nodiscard]] const std::vector<std::shared_ptr<EvalModule>> &modules() const
    {
        return m_modules;
    }
    [[nodiscard]] const std::vector<Stage> &stages() const { return m_stages; }
    [[nodiscard]] const std::vector<int> &finalMetas() const { return m_finalMetas; }
    [[nodiscard]] const std::vector<HeaderGroup> &headerGroups() const { return m_groups; }
    [[nodiscard]] const View &view(TextView which) const
    {
        return m_views[static_cast<size_t>(which)];
    }
    /// `shortcircuit TEST TYPE`, where the plugin is loaded.
    [[nodiscard]] const QHash<int, QByteArray> &shortCircuits() const { return m_shortCircuits; }
    [[nodiscard]] const ScoreBounds &scoreBounds() const { return m_scoreBounds; }
    /// What could not be compiled, besides RuleSet::problems.
    [[nodiscard]] const std::vector<Problem> &problems() const { return m_problems; }

private:
    friend class RuleCompiler;
    CompiledRules() = default;

    std::shared_ptr<const RuleSet> m_rules;
    std::vector<std::shared_ptr<EvalModule>> m_modules;
    EngineSettings m_settings;
    TextSettings m_text;
    std::unique_ptr<DomainTable> m_domains;
    std::vector<CompiledTest> m_tests;
    std::vector<HeaderGroup> m_groups;
    std::array<View, textViews> m_views;
    std::vector<Stage> m_stages;
    std::vector<int> m_finalMetas;
    QHash<int, QByteArray> m_shortCircuits;
    ScoreBounds m_scoreBounds;
    std::vector<Problem> m_problems;
};

/// The text of a template (`%{NAME}`) with values in it, quoted, as alternatives.
Regex withCaptures(Regex regex,
                   const std::vector<std::pair<QByteArray, std::vector<QByteArray>>> &values);

}  // namespace portcullis::spam
