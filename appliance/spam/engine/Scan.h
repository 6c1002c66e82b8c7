// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/SpamEngine.h"
#include "appliance/spam/text/MessageText.h"

#include <chrono>
#include <map>
#include <memory>

namespace portcullis::spam {

/// One message while its tests run: what eval functions see and say. One thread.
class Scan
{
public:
    /// Base of what a module remembers of one message.
    struct Memory {
        virtual ~Memory() = default;
    };

    virtual ~Scan() = default;

    [[nodiscard]] virtual const RuleSet &rules() const = 0;
    [[nodiscard]] virtual MessageText &text() = 0;
    [[nodiscard]] virtual const DomainTable &domains() const = 0;
    [[nodiscard]] virtual const SpamContext &context() const = 0;
    [[nodiscard]] virtual int scoreSet() const = 0;  ///< 0 … 3
    [[nodiscard]] virtual std::chrono::steady_clock::time_point deadline() const = 0;

    /// The test that is running; nullptr in begin(), finish() and conclude().
    [[nodiscard]] virtual const Test *running() const = 0;
    /// Whether a test can hit in this score set: one without score is not run.
    [[nodiscard]] virtual bool isActive(const Test &test) const = 0;

    /// How often a test has hit so far; 0 for one that has not run (yet).
    [[nodiscard]] virtual double valueOf(const QByteArray &test) const = 0;
    /// Makes another test hit than the one that is running (got_hit). Tests without score in this set
    /// count for metas only.
    virtual void hit(const QByteArray &test, const QByteArray &note = {}, int count = 1) = 0;
    /// Another score for a test of this message than the configured one (bayes, AWL).
    virtual void hitWithScore(const QByteArray &test,
                              double score,
                              const QByteArray &note = {}) = 0;
    /// Words about the running test, for its description and for `explain`: "[score: 0.5]".
    virtual void note(const QByteArray &words) = 0;
    /// Score of everything that has hit so far, without what is still to come.
    [[nodiscard]] virtual double scoreSoFar() const = 0;

    /// One test that hit, sub-rules included, in the order of hitting.
    struct Hit {
        const Test *test = nullptr;
        double value = 1;  ///< What metas count.
        double score = 0;  ///< In this score set; 0 for sub-rules.
    };
    [[nodiscard]] virtual std::vector<Hit> hits() const = 0;

    /// Values of SpamAssassin's tags, for askdns templates and headers: "_DKIMDOMAIN_" …
    virtual void setTag(const QByteArray &name, std::vector<QByteArray> values) = 0;
    [[nodiscard]] virtual const std::vector<QByteArray> &tag(const QByteArray &name) const = 0;

    /// A module's memory of this message, made at first use.
    template<typename State>
    State &memory(const EvalModule *module)
    {
        std::unique_ptr<Memory> &slot = m_memories[module];
        if (!slot) {
            slot = std::make_unique<State>();
        }
        return static_cast<State &>(*slot);
    }

private:
    std::map<const EvalModule *, std::unique_ptr<Memory>> m_memories;
};

}  // namespace portcullis::spam
