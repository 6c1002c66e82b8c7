// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/conf/RuleSources.h"

namespace portcullis::spam {

/// Bounds of what rule files may ask for. What is over a bound is left out and named in a Problem.
struct RuleLimits {
    qint64 fileBytes = 16 << 20;       ///< One file. The largest public rule file has about 1.5 MB.
    qsizetype lineBytes = 256 << 10;   ///< One line. The longest stock line has 9 KB.
    int includeDepth = 8;              ///< `include` within `include`.
    size_t tests = 200'000;            ///< All files; the stock set has 2946.
    size_t directives = 1'000'000;     ///< All files; the stock set has about 3800 lines.
    size_t problems = 1'000;           ///< Further ones are counted in the last.
    qsizetype regexBytes = 512 << 10;  ///< One regex after replace tags; stock: under 30 KB.
    int metaSteps = 20'000;            ///< One meta expression, after rules_matching().
    int metaDepth = 200;               ///< Parentheses and prefix operators within each other.
    size_t matchedNames = 1'000'000;   ///< Names that all rules_matching() of a set stand for.
};

/// Reads rule files as SpamAssassin 4.0.1 does. A line that cannot be used becomes a Problem and takes
/// nothing else away: an earlier definition of the same test stays. Never fails; without files the set
/// is empty and says so.
[[nodiscard]] RuleSet readRules(const RuleSources &sources, const RuleLimits &limits = {});

/// One text instead of files, with the plugins of Debian's defaults loaded. For tests and fuzzing.
[[nodiscard]] RuleSet readRuleText(const QByteArray &text, const RuleLimits &limits = {});

}  // namespace portcullis::spam
