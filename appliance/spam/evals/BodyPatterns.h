// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/match/Pattern.h"

#include <initializer_list>
#include <map>
#include <optional>

namespace portcullis::spam {

/// Regular expressions that are arguments of eval calls, compiled once for a rule set.
class CallPatterns
{
public:
    /// Takes them from all calls of some functions. What does not compile is reported.
    void read(const RuleSet &rules,
              std::initializer_list<const char *> functions,
              size_t argument,
              ProblemSink &problems);
    /// One of them, by its source; nothing: it did not compile.
    [[nodiscard]] std::optional<Pattern> find(const QByteArray &source) const;

private:
    std::map<QByteArray, Pattern> m_patterns;
};

}  // namespace portcullis::spam
