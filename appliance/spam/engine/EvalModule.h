// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"

#include <functional>
#include <vector>

namespace portcullis::spam {

class Scan;

/// An eval function: how often the test hit (0: not), for one call in a rule.
using EvalFunction = std::function<int(Scan &scan, const EvalCall &call)>;

/// Reports lines that cannot be used, to the lint.
class ProblemSink
{
public:
    virtual ~ProblemSink() = default;
    virtual void report(Problem problem) = 0;
};

/// The eval functions of one plugin of SpamAssassin, with what its directives say.
///
/// Made once for a RuleSet and shared by all scans of it: const after configure(). What a message needs
/// to be remembered goes into Scan::memory().
class EvalModule
{
public:
    virtual ~EvalModule() = default;
    /// Plugin name as in loadplugin: "Mail::SpamAssassin::Plugin::FreeMail".
    [[nodiscard]] virtual QByteArray plugin() const = 0;
    /// Reads the module's directives. `rules` outlives the module.
    virtual void configure(const RuleSet &rules, ProblemSink &problems) = 0;

    struct Entry {
        const char *name;
        EvalFunction function;
    };
    /// Besides those that eval rules name: "uri_detail" runs the tests of kind UriDetail, with the name
    /// of the test as its argument.
    [[nodiscard]] virtual std::vector<Entry> functions() const = 0;

    /// Called before any test of a message: start lookups here. Nothing by default.
    virtual void begin(Scan &scan) const;
    /// Called when all but the tests that wait are done; may wait until scan.deadline(). Hits of tests
    /// that lookups decide are made here at the latest; the metas that need them follow.
    virtual void finish(Scan &scan) const;
    /// Called when the score is final: learning begins here. Nothing may hit any more.
    virtual void conclude(Scan &scan) const;
};

}  // namespace portcullis::spam
