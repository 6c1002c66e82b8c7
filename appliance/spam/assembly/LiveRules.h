// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/assembly/StandardModules.h"
#include "appliance/spam/bayes/Classifier.h"
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/engine/CompiledRules.h"
#include "shared/base/Result.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace portcullis::spam {

/// What rules are made from.
struct RuleOrigin {
    RuleSources sources;
    EngineSettings settings;
    /// Further modules, after the local ones: Bayes, lookups.
    ModuleMaker furtherModules;
    /// What Bayes has learnt so far: where it has no say yet, `settings.usesBayes` counts for nothing.
    /// Empty: it knows enough.
    std::function<LearntMessages()> learnt;
};

/// Reads and compiles once; about half a second for the stock rules.
std::shared_ptr<const CompiledRules> loadRules(const RuleOrigin &origin);

/// Everything that is to be told about rules: of the reader, then of the compiler.
std::vector<Problem> problemsOf(const CompiledRules &rules);

/// Errors that `fresh` has and `before` has not. Lines may have moved meanwhile.
std::vector<Problem> addedErrors(const std::vector<Problem> &before,
                                 const std::vector<Problem> &fresh);

/// The rules in use. Files that change are compiled beside them and take their place whole; files with
/// errors that were not there before never do. Thread-safe for scans, which keep what they began with;
/// one thread refreshes.
class LiveRules
{
public:
    /// Takes the rules as they are, errors or not: at the start there is nothing to fall back to.
    /// `settleTime`: for how long files must look the same to count as written.
    explicit LiveRules(RuleOrigin origin,
                       std::chrono::milliseconds settleTime = std::chrono::milliseconds(400));

    [[nodiscard]] std::shared_ptr<const CompiledRules> current() const
    {
        return std::atomic_load(&m_current);
    }

    /// Looks whether there is something to refresh; ask now and then. Of changed files only what two
    /// looks have seen the same counts: an editor or sa-update may still be writing.
    [[nodiscard]] bool hasChanged();

    enum class Refresh : quint8 { Unchanged, Taken };
    /// Compiles what hasChanged() says is there. Error `spam.rules-broken` (permanent) names file, line
    /// and reason of each new error; the rules in use stay until the files change again.
    Result<Refresh> refresh();

private:
    [[nodiscard]] bool hasBayesTurned() const;

    RuleOrigin m_origin;
    std::vector<FileMark> m_marks;                      ///< Of the files that were read last.
    std::vector<FileMark> m_seen;                       ///< Of the last look …
    std::chrono::steady_clock::time_point m_seenSince;  ///< … and when they were first seen so.
    std::chrono::milliseconds m_settleTime;
    std::shared_ptr<const RuleSet> m_rules;
    std::shared_ptr<const CompiledRules> m_current;
};

}  // namespace portcullis::spam
