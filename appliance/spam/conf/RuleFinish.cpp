// SPDX-License-Identifier: GPL-2.0-or-later
// What needs all lines: replace tags, scores, metas and priorities.
#include "appliance/spam/conf/MetaExpression.h"
#include "appliance/spam/conf/RegexText.h"
#include "appliance/spam/conf/RuleParser.h"

#include <algorithm>
#include <numeric>

namespace portcullis::spam {

namespace {

using Operation = MetaTest::Operation;

constexpr int networkPriority = -100;  // of tests flagged net that say nothing else
constexpr double defaultPoints = 1;
constexpr double trialPoints = 0.01;  // of tests named T_…

/// The regex that replace tags work on: mimeheader is not among the kinds that have them.
Regex *regexOfTest(Test &test)
{
    if (auto *header = std::get_if<HeaderTest>(&test.body)) {
        return header->isExistence ? nullptr : &header->regex;
    }
    auto *text = std::get_if<TextTest>(&test.body);
    return text ? &text->regex : nullptr;
}

bool isEval(TestKind kind)
{
    switch (kind) {
    case TestKind::MimeHeader:
    case TestKind::HeaderEval:
    case TestKind::BodyEval:
    case TestKind::RawBodyEval:
    case TestKind::FullEval:
    case TestKind::UriDetail:
        return true;
    default:
        return false;
    }
}

/// Tests whose answer comes from elsewhere begin with the network tests, whatever their `priority` says.
bool asksAnotherService(const Test &test)
{
    const auto *call = std::get_if<EvalCall>(&test.body);
    return call
           && (call->function.startsWith("check_razor2")
               || call->function.startsWith("check_pyzor"));
}

int hitBound(const std::vector<QByteArray> &flags)
{
    static constexpr char maximum[] = "maxhits=";
    for (const QByteArray &flag : flags) {
        if (flag.startsWith(maximum)) {
            return flag.mid(static_cast<qsizetype>(qstrlen(maximum))).toInt();
        }
    }
    return 0;
}

}  // namespace

RuleSet RuleParser::finish()
{
    expandTags();
    for (Test &test : m_set.tests) {
        test.description = m_descriptions.value(test.name);
        test.flags = m_flags.value(test.name);
        test.maxHits = hitBound(test.flags);
        test.priority = m_priorities.value(test.name);
        resolveScores(test);
    }
    resolveMetas();
    reportMissingTests();
    if (m_set.tests.empty()) {
        m_place.origin = {};
        report(Problem::Severity::Error, {}, "no tests were found; is sa-update needed?");
    }
    if (m_droppedProblems > 0) {
        m_set.problems.back().reason += " (and " + QByteArray::number(m_droppedProblems)
                                        + " more problems)";
    }
    m_set.directives = m_directives.take();
    m_set.buildIndex();
    return std::move(m_set);
}

void RuleParser::expandTags()
{
    QSet<QByteArray> done;
    for (const QByteArray &name : m_tags.rules) {
        const int index = m_index.value(name, -1);
        if (index < 0 || done.contains(name)) {
            continue;
        }
        done.insert(name);
        expandTags(m_set.tests[static_cast<size_t>(index)]);
    }
}

void RuleParser::expandTags(Test &test)
{
    Regex *regex = regexOfTest(test);
    if (!regex) {
        return;
    }
    Regex expanded = *regex;
    expanded.source = m_tags.expand(regex->source, m_limits.regexBytes);
    if (expanded.source == regex->source) {
        return;
    }
    if (const QByteArray error = compileError(expanded); !error.isEmpty()) {
        m_place.origin = test.origin;
        return broken(test.name, "invalid regex after replace tags: " + error);
    }
    *regex = std::move(expanded);
}

void RuleParser::resolveScores(Test &test) const
{
    const auto said = m_scores.constFind(test.name);
    test.hasScore = said != m_scores.constEnd();
    const double points = (test.name.startsWith("T_") ? trialPoints : defaultPoints)
                          * (test.hasFlag("nice") ? -1 : 1);
    for (int set = 0; set < scoreSets; ++set) {
        const auto at = static_cast<size_t>(set);
        const double score = test.hasScore ? (*said)[at] : points;
        const bool hasNetwork = (set & 1) != 0;
        const bool hasBayes = (set & 2) != 0;
        const bool needsNetwork = test.kind == TestKind::RblEval || test.kind == TestKind::AskDns
                                  || (isEval(test.kind) && test.hasFlag("net"));
        const bool needsBayes = isEval(test.kind) && test.hasFlag("learn");
        test.isActive[at] = score != 0 && (hasNetwork || !needsNetwork)
                            && (hasBayes || !needsBayes);
        test.scores[at] = test.isSubRule() ? 0 : score;
    }
}

/// rules_matching(GLOB) is the sum of all tests that match, without the one that asks.
void RuleParser::expandMatching(Test &test)
{
    auto &steps = std::get<MetaTest>(test.body).steps;
    std::vector<MetaTest::Step> expanded;
    for (MetaTest::Step &step : steps) {
        const QByteArray glob = step.operation == Operation::Test ? globOf(step.name)
                                                                  : QByteArray();
        if (glob.isEmpty()) {
            expanded.push_back(std::move(step));
            continue;
        }
        bool isFirst = true;
        for (const Test &other : m_set.tests) {
            if (other.name == test.name || !matchesGlob(other.name, glob)) {
                continue;
            }
            if (++m_matchedNames > m_limits.matchedNames
                || expanded.size() + steps.size() > static_cast<size_t>(m_limits.metaSteps)) {
                m_place.origin = test.origin;
                broken(test.name, "rules_matching() matches too many tests");
                break;
            }
            expanded.push_back({Operation::Test, 0, other.name});
            if (!isFirst) {
                expanded.push_back({Operation::Add, 0, {}});
            }
            isFirst = false;
        }
        if (isFirst) {
            expanded.push_back({Operation::Number, 0, {}});
        }
    }
    steps = std::move(expanded);
}

void RuleParser::resolveMetas()
{
    std::vector<std::vector<int>> needed(m_set.tests.size());
    for (size_t i = 0; i < m_set.tests.size(); ++i) {
        Test &test = m_set.tests[i];
        if (test.kind != TestKind::Meta) {
            continue;
        }
        const auto &steps = std::get<MetaTest>(test.body).steps;
        if (std::any_of(steps.begin(), steps.end(),
                        [](const MetaTest::Step &step) { return !globOf(step.name).isEmpty(); })) {
            expandMatching(test);
        }
        reportMissingParts(test);
        for (const MetaTest::Step &step : std::get<MetaTest>(test.body).steps) {
            const int index = step.operation == Operation::Test ? m_index.value(step.name, -1) : -1;
            if (index >= 0) {
                needed[i].push_back(index);
            }
        }
    }
    refuseCircles(needed);
    for (size_t i = 0; i < m_set.tests.size(); ++i) {
        if (auto *meta = std::get_if<MetaTest>(&m_set.tests[i].body);
            meta && meta->steps.size() == 1 && meta->steps[0].operation == Operation::Number) {
            needed[i].clear();
        }
    }
    resolvePriorities(needed);
}

/// Metas that wait for each other, and those that wait for them, never hit.
void RuleParser::refuseCircles(const std::vector<std::vector<int>> &needed)
{
    std::vector<std::vector<int>> neededBy(needed.size());
    std::vector<int> waitsFor(needed.size(), 0);
    for (size_t i = 0; i < needed.size(); ++i) {
        for (const int other : needed[i]) {
            if (m_set.tests[static_cast<size_t>(other)].kind == TestKind::Meta) {
                neededBy[static_cast<size_t>(other)].push_back(static_cast<int>(i));
                ++waitsFor[i];
            }
        }
    }
    std::vector<int> ready;
    for (size_t i = 0; i < needed.size(); ++i) {
        if (waitsFor[i] == 0) {
            ready.push_back(static_cast<int>(i));
        }
    }
    while (!ready.empty()) {
        const int solved = ready.back();
        ready.pop_back();
        for (const int waiting : neededBy[static_cast<size_t>(solved)]) {
            if (--waitsFor[static_cast<size_t>(waiting)] == 0) {
                ready.push_back(waiting);
            }
        }
    }
    for (size_t i = 0; i < needed.size(); ++i) {
        if (waitsFor[i] > 0) {
            Test &test = m_set.tests[i];
            m_place.origin = test.origin;
            broken(test.name, "needs itself, through other meta tests; it will never hit");
            std::get<MetaTest>(test.body).steps = {{Operation::Number, 0, {}}};
        }
    }
}

/// A meta pulls what it needs to its own priority, the lowest first; network tests no further than to
/// where they all run.
void RuleParser::resolvePriorities(const std::vector<std::vector<int>> &needed)
{
    std::vector<int> order(m_set.tests.size());
    std::iota(order.begin(), order.end(), 0);
    for (Test &test : m_set.tests) {
        test.effectivePriority = test.priority;
    }
    const auto at = [this](int index) -> Test & { return m_set.tests[static_cast<size_t>(index)]; };
    std::stable_sort(order.begin(), order.end(),
                     [&at](int a, int b) { return at(a).priority < at(b).priority; });
    std::vector<int> stack;
    for (const int start : order) {
        stack.push_back(start);
        while (!stack.empty()) {
            const int index = stack.back();
            stack.pop_back();
            const int base = at(index).effectivePriority;
            for (const int other : needed[static_cast<size_t>(index)]) {
                Test &test = at(other);
                const bool isHeldBack = base < networkPriority && test.hasFlag("net");
                const int pulled = isHeldBack ? networkPriority : base;
                if (test.effectivePriority > pulled) {
                    test.effectivePriority = pulled;
                    stack.push_back(other);
                }
            }
        }
    }
    for (Test &test : m_set.tests) {
        if (asksAnotherService(test) || (test.effectivePriority == 0 && test.hasFlag("net"))) {
            test.effectivePriority = networkPriority;
        }
    }
}

}  // namespace portcullis::spam
