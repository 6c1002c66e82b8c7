// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/assembly/StandardModules.h"
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/engine/CompiledRules.h"
#include "shared/base/Result.h"

#include <atomic>
#include <memory>

namespace portcullis::spam {

/// What rules are made from.
struct RuleOrigin {
    RuleSources sources;
    EngineSettings settings;
    /// Further modules, before the local ones: Bayes, lookups.
    ModuleMaker furtherModules;
};

/// Reads and compiles once; about half a second for the stock rules.
std::shared_ptr<const CompiledRules> loadRules(const RuleOrigin &origin);

/// Everything that is to be told about rules: of the reader, then of the compiler.
std::vector<Problem> problemsOf(const CompiledRules &rules);

/// The rules in use. Files that change are compiled beside them and take their place whole; files with
/// errors never do. Thread-safe: scans keep what they began with.
class LiveRules
{
public:
    /// Takes the rules as they are, errors or not: at the start there is nothing to fall back to.
    explicit LiveRules(RuleOrigin origin);

    [[nodiscard]] std::shared_ptr<const CompiledRules> current() const
    {
        return std::atomic_load(&m_current);
    }

    enum class Refresh : quint8 { Unchanged, Taken };
    /// Looks whether files changed; compiles them if so. Error `spam.rules-broken` (permanent) names file
    /// and line of the first problem; the rules in use stay. One thread calls this.
    Result<Refresh> refresh();

private:
    RuleOrigin m_origin;
    std::vector<FileMark> m_marks;
    std::shared_ptr<const CompiledRules> m_current;
};

}  // namespace portcullis::spam
