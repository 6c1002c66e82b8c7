// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/CompiledRules.h"
#include "appliance/spam/engine/Scan.h"

#include <array>

namespace portcullis::spam {

/// How much of a scan is run.
enum class ScanDepth : quint8 {
    Needed,   ///< Sub-rules only where a scored test may still need them.
    Complete  ///< All, for explanations and comparisons.
};

/// Where a test matched.
struct Evidence {
    /// "body", "Subject", "uri" … where text matched; else what `text` is: "meta" its expression, "part" a
    /// test in it with its value, "eval" the function, "note" what that said, "mimeheader" a field.
    QByteArray view;
    qsizetype line = 0;    ///< Line, chunk or URI of the view, from 0.
    qsizetype offset = 0;  ///< In it, octets.
    QByteArray text;       ///< That matched.

    /// Whether line and offset mean anything.
    [[nodiscard]] bool hasPlace() const
    {
        return view != "meta" && view != "part" && view != "eval" && view != "note"
               && view != "mimeheader";
    }
};

/// One message under one set of compiled rules. One thread; made for each message, cheap to make.
class RuleScan final : public Scan, private TestValues
{
public:
    /// All outlive the scan.
    RuleScan(const CompiledRules &compiled,
             MessageText &text,
             const SpamContext &context,
             ScanDepth depth = ScanDepth::Needed);
    ~RuleScan() override;

    /// Runs all tests in SpamAssassin's order of priorities, until done, short-circuited or late.
    void run();

    /// Tests that hit and are no sub-rules, in the order of hitting, with points and description.
    [[nodiscard]] SpamFinding finding() const;
    /// Why a test has its value: where it matched, or of a meta the parts' values, hit or not. Empty for
    /// others that did not hit.
    [[nodiscard]] std::vector<Evidence> explain(const QByteArray &test);
    [[nodiscard]] bool isShortCircuited() const { return m_isShortCircuited; }
    [[nodiscard]] bool isLate() const { return m_isLate; }

    [[nodiscard]] const RuleSet &rules() const override;
    [[nodiscard]] MessageText &text() override { return m_text; }
    [[nodiscard]] const DomainTable &domains() const override;
    [[nodiscard]] const SpamContext &context() const override { return m_context; }
    [[nodiscard]] int scoreSet() const override;
    [[nodiscard]] std::chrono::steady_clock::time_point deadline() const override
    {
        return m_deadline;
    }
    [[nodiscard]] const Test *running() const override { return m_running; }
    [[nodiscard]] bool isActive(const Test &test) const override;
    [[nodiscard]] double valueOf(const QByteArray &test) const override;
    void hit(const QByteArray &test, const QByteArray &note, int count) override;
    void hitWithScore(const QByteArray &test, double score, const QByteArray &note) override;
    void note(const QByteArray &words) override;
    [[nodiscard]] double scoreSoFar() const override { return m_score; }
    [[nodiscard]] std::vector<Hit> hits() const override;
    void setTag(const QByteArray &name, std::vector<QByteArray> values) override;
    [[nodiscard]] const std::vector<QByteArray> &tag(const QByteArray &name) const override;

private:
    enum class State : quint8 { Open, Working, Done };
    struct Slot {
        State state = State::Open;
        bool hasRange = false;
        bool isPossible = false;  ///< Its words occur; only for tests with a slot, once looked for.
        double value = 0;
        ValueRange range;
    };
    /// Lines of one view in which tests may match.
    struct Candidates {
        bool isMade = false;
        std::vector<int> begins;  ///< By slot, one more than slots.
        std::vector<int> lines;
    };
    struct GroupState {
        bool isMade = false;
        const std::optional<QByteArray> *value = nullptr;
    };
    struct Counted {
        int index;
        double score;
    };
    /// A test that no rule file defines, hit with a score of its own.
    struct Foreign {
        QByteArray name;
        double score;
        QByteArray note;
    };

    double valueAt(int index) override;
    ValueRange rangeAt(int index) override;

    void runStages(int first, int end);
    bool runStage(int stage);
    bool runSteps(const Stage &stage);
    [[nodiscard]] bool mustStop();
    void runMetas(const std::vector<int> &metas);
    void runRest();

    double evaluate(int index);
    double runText(const CompiledTest &test);
    double runHeader(const CompiledTest &test);
    double runExistence(const CompiledTest &test);
    double runMimeHeader(const CompiledTest &test);
    double runEval(int index, const CompiledTest &test);
    [[nodiscard]] std::optional<Pattern> filledIn(const CompiledTest &test) const;
    void keepCaptures(const Pattern &pattern, QByteArrayView subject, bool isMultiple);
    void flushCaptures();

    void makeCandidates(TextView view);
    void makeGroup(int group);
    [[nodiscard]] bool isRuledOut(const CompiledTest &test, int index);
    const std::vector<QByteArray> &lines(TextView view);
    [[nodiscard]] bool isOverTime();

    void record(int index, double value, double times = 1);
    void countAgain(int index, double score);
    void count(int index, double score);
    void shortCircuitByScore();
    void shortCircuit(int index, double score);
    void explainText(const CompiledTest &test, std::vector<Evidence> &into);
    void explainHeader(const CompiledTest &test, std::vector<Evidence> &into);
    void explainMimeHeader(const CompiledTest &test, std::vector<Evidence> &into);
    void explainMeta(const CompiledTest &test, std::vector<Evidence> &into);

    const CompiledRules &m_compiled;
    MessageText &m_text;
    const SpamContext &m_context;
    ScanDepth m_depth;
    std::chrono::steady_clock::time_point m_deadline;
    std::vector<Slot> m_slots;
    std::array<Candidates, textViews> m_candidates;
    std::vector<GroupState> m_groups;
    std::vector<QByteArray> m_full;
    std::vector<Counted> m_counted;
    std::vector<Foreign> m_foreign;
    QHash<int, QByteArrayList> m_notes;
    QHash<QByteArray, std::vector<QByteArray>> m_tags;
    std::vector<std::pair<QByteArray, QByteArray>> m_captured;
    const Test *m_running = nullptr;
    int m_runningIndex = -1;
    int m_stage = -1;
    int m_clock = 0;
    double m_score = 0;
    bool m_areLookupsDone = false;
    bool m_isShortCircuited = false;
    bool m_isLate = false;
};

}  // namespace portcullis::spam
