// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/engine/RuleScan.h"

#include <algorithm>
#include <limits>

namespace portcullis::spam {

namespace {

// From here on tests look at what all others said: the score as it is with the answers of lookups. Where
// SpamAssassin 4 gets here its slower tests have given lookups the time to answer.
constexpr int reputationPriority = 1'000;
constexpr int clockEvery = 64;           // Tests between two looks at the clock.
constexpr double lateScore = 0.001;      // As SpamAssassin gives TIME_LIMIT_EXCEEDED.
constexpr double boundScore = 0.001;     // Of SHORTCIRCUIT where the sum was enough.
constexpr double circuitScore = 0.0001;  // Of SHORTCIRCUIT where the rule keeps its own points.

/// How often the points of a test count: as SpamAssassin 4.0.1, once a match of an expression that may
/// match more than once. Values of evals and metas are no matches.
double timesCounted(const CompiledTest &test, double value)
{
    using Runner = CompiledTest::Runner;
    const bool matches = test.runner == Runner::Text || test.runner == Runner::Header
                         || test.runner == Runner::MimeHeader;
    return test.isMultiple && matches ? value : 1;
}

}  // namespace

RuleScan::RuleScan(const CompiledRules &compiled,
                   MessageText &text,
                   const SpamContext &context,
                   ScanDepth depth)
    : m_compiled(compiled)
    , m_text(text)
    , m_context(context)
    , m_depth(depth)
    , m_deadline(std::chrono::steady_clock::now() + compiled.settings().timeLimit)
    , m_slots(compiled.tests().size())
    , m_groups(compiled.headerGroups().size())
{
}

RuleScan::~RuleScan() = default;

const RuleSet &RuleScan::rules() const
{
    return m_compiled.rules();
}

const DomainTable &RuleScan::domains() const
{
    return m_compiled.domains();
}

int RuleScan::scoreSet() const
{
    return m_compiled.settings().scoreSet();
}

bool RuleScan::isActive(const Test &test) const
{
    return test.isActive[static_cast<size_t>(scoreSet())];
}

// ---- order of things -------------------------------------------------------------------------------

void RuleScan::run()
{
    for (const auto &module : m_compiled.modules()) {
        module->begin(*this);
    }
    const std::vector<Stage> &stages = m_compiled.stages();
    const auto isForReputation = [](const Stage &stage) {
        return stage.priority >= reputationPriority;
    };
    const auto first = std::find_if(stages.begin(), stages.end(), isForReputation);
    runStages(0, static_cast<int>(first - stages.begin()));
    m_stage = static_cast<int>(stages.size());
    m_running = nullptr;
    if (!m_isShortCircuited) {  // Nobody waits for answers that cannot matter any more.
        for (const auto &module : m_compiled.modules()) {
            module->finish(*this);
        }
    }
    if (!mustStop()) {
        runMetas(m_compiled.finalMetas());
        runStages(static_cast<int>(first - stages.begin()), static_cast<int>(stages.size()));
        m_stage = static_cast<int>(stages.size());
        m_running = nullptr;
    }
    if (m_isLate) {
        hitWithScore(QByteArrayLiteral("TIME_LIMIT_EXCEEDED"), lateScore, {});
    } else if (!m_isShortCircuited && m_depth == ScanDepth::Complete) {
        runRest();
    }
    for (const auto &module : m_compiled.modules()) {
        module->conclude(*this);
    }
}

void RuleScan::runStages(int first, int end)
{
    for (int stage = first; stage < end; ++stage) {
        if (!runStage(stage)) {
            return;
        }
    }
}

bool RuleScan::mustStop()
{
    return m_isShortCircuited || m_isLate;
}

bool RuleScan::runStage(int number)
{
    m_stage = number;
    const Stage &stage = m_compiled.stages()[static_cast<size_t>(number)];
    for (const int index : stage.lookups) {
        valueAt(index);
    }
    for (const std::vector<int> &step : stage.steps) {
        for (const int index : step) {
            valueAt(index);
            if (m_isLate || isOverTime()) {
                return false;
            }
        }
        if (mustStop()) {
            return false;
        }
    }
    runMetas(stage.metas);
    return !mustStop();
}

void RuleScan::runMetas(const std::vector<int> &metas)
{
    for (const int index : metas) {
        valueAt(index);
    }
}

void RuleScan::runRest()
{
    for (size_t i = 0; i < m_slots.size(); ++i) {
        valueAt(static_cast<int>(i));
    }
}

bool RuleScan::isOverTime()
{
    if (++m_clock % clockEvery == 0 && std::chrono::steady_clock::now() > m_deadline) {
        m_isLate = true;
    }
    return m_isLate;
}

// ---- values ----------------------------------------------------------------------------------------

double RuleScan::valueAt(int index)
{
    const Slot &slot = m_slots[static_cast<size_t>(index)];
    return slot.state == State::Open ? evaluate(index) : slot.value;
}

double RuleScan::evaluate(int index)
{
    using Runner = CompiledTest::Runner;
    const CompiledTest &test = m_compiled.tests()[static_cast<size_t>(index)];
    if (test.runner == Runner::None || test.runner == Runner::External || test.stage > m_stage) {
        return m_slots[static_cast<size_t>(index)].value;  // Others may still hit it.
    }
    m_slots[static_cast<size_t>(index)].state = State::Working;
    double value = 0;
    switch (test.runner) {
    case Runner::Text:
        value = isRuledOut(test, index) ? 0 : runText(test);
        break;
    case Runner::Header:
        value = runHeader(test);
        break;
    case Runner::Existence:
        value = runExistence(test);
        break;
    case Runner::MimeHeader:
        value = runMimeHeader(test);
        break;
    case Runner::Eval:
        value = runEval(index, test);
        break;
    default:
        value = test.meta.value(*this);
        break;
    }
    flushCaptures();
    m_slots[static_cast<size_t>(index)].state = State::Done;
    if (value != 0) {
        record(index, value, timesCounted(test, value));
    }
    return m_slots[static_cast<size_t>(index)].value;
}

ValueRange RuleScan::rangeAt(int index)
{
    using Runner = CompiledTest::Runner;
    Slot &slot = m_slots[static_cast<size_t>(index)];
    if (slot.state != State::Open) {
        return {slot.value, slot.value};
    }
    if (slot.hasRange) {
        return slot.range;
    }
    const CompiledTest &test = m_compiled.tests()[static_cast<size_t>(index)];
    const double most = test.isMultiple ? std::numeric_limits<double>::infinity() : 1;
    switch (test.runner) {
    case Runner::Text:
        slot.range = {0, isRuledOut(test, index) ? 0 : most};
        break;
    case Runner::Header:
        makeGroup(test.group);
        if (m_groups[static_cast<size_t>(test.group)].value->has_value()) {
            slot.range = {0, isRuledOut(test, index) && !test.isNegated ? 0 : most};
        } else {
            slot.range = {double(test.whenUnset), double(test.whenUnset)};
        }
        break;
    case Runner::Existence:
    case Runner::MimeHeader:
        slot.range = {0, most};
        break;
    case Runner::Meta:
        if (test.stage <= m_stage) {
            slot.state = State::Working;
            const ValueRange range = test.meta.range(*this);
            slot.state = State::Open;
            // A value that is not 0 and not above counts as 1.
            slot.range = {std::min(range.least, 0.0), std::max({range.most, 1.0, 0.0})};
            if (range.isZero()) {
                slot.range = {};
            }
            break;
        }
        return {slot.value, slot.value};
    default:
        return {slot.value, slot.value};
    }
    slot.hasRange = true;
    return slot.range;
}

double RuleScan::valueOf(const QByteArray &test) const
{
    const int index = rules().indexOf(test);
    // Tests run when somebody asks; to those who ask this looks as if they had run before.
    return index < 0 ? 0 : const_cast<RuleScan *>(this)->valueAt(index);
}

// ---- hits ------------------------------------------------------------------------------------------

void RuleScan::record(int index, double value, double times)
{
    Slot &slot = m_slots[static_cast<size_t>(index)];
    const CompiledTest &test = m_compiled.tests()[static_cast<size_t>(index)];
    const bool isFirst = slot.value == 0;
    if (!isFirst && !test.isMultiple) {
        return;
    }
    slot.value += value > 0 ? value : 1;
    slot.state = State::Done;
    const double score = test.test->isSubRule()
                             ? 0
                             : test.test->scores[static_cast<size_t>(scoreSet())] * times;
    if (isFirst) {
        count(index, score);
    } else {
        countAgain(index, score);
    }
}

/// Further points of a test that has hit before.
void RuleScan::countAgain(int index, double score)
{
    const auto counted = std::find_if(m_counted.begin(), m_counted.end(),
                                      [index](const Counted &each) { return each.index == index; });
    if (counted != m_counted.end()) {
        counted->score += score;
        m_score += score;
    }
}

void RuleScan::count(int index, double score)
{
    shortCircuitByScore();
    m_counted.push_back({index, score});
    m_score += score;
    if (!m_compiled.shortCircuits().isEmpty()) {
        shortCircuit(index, score);
    }
}

/// shortcircuit_min_ham_score, shortcircuit_max_spam_score: what has been counted before this hit decides.
void RuleScan::shortCircuitByScore()
{
    const ScoreBounds &bounds = m_compiled.scoreBounds();
    if (m_isShortCircuited || (m_score >= bounds.least && m_score <= bounds.most)) {
        return;
    }
    m_isShortCircuited = true;
    hitWithScore(QByteArrayLiteral("SHORTCIRCUIT"), m_score < 0 ? -boundScore : boundScore, {});
}

void RuleScan::shortCircuit(int index, double score)
{
    const auto found = m_compiled.shortCircuits().constFind(index);
    if (m_isShortCircuited || found == m_compiled.shortCircuits().constEnd()) {
        return;
    }
    m_isShortCircuited = true;
    double points = score < 0 ? -circuitScore : circuitScore;
    if (*found == "ham") {
        points = rules().number("shortcircuit_ham_score", -100);
    } else if (*found == "spam") {
        points = rules().number("shortcircuit_spam_score", 100);
    }
    hitWithScore(QByteArrayLiteral("SHORTCIRCUIT"), points, {});
}

void RuleScan::hit(const QByteArray &test, const QByteArray &words, int times)
{
    const int index = rules().indexOf(test);
    if (index < 0 || !isActive(rules().tests[static_cast<size_t>(index)])) {
        return;
    }
    if (!words.isEmpty()) {
        m_notes[index] += words;
    }
    record(index, std::max(times, 1));
}

void RuleScan::hitWithScore(const QByteArray &test, double score, const QByteArray &words)
{
    if (score == 0) {
        return;
    }
    const int index = rules().indexOf(test);
    if (index < 0) {
        m_foreign.push_back({test, score, words});
        m_score += score;
        return;
    }
    Slot &slot = m_slots[static_cast<size_t>(index)];
    if (slot.value != 0) {
        return;
    }
    if (!words.isEmpty()) {
        m_notes[index] += words;
    }
    slot.value = 1;
    slot.state = State::Done;
    m_counted.push_back({index, score});
    m_score += score;
}

void RuleScan::note(const QByteArray &words)
{
    if (m_runningIndex >= 0) {
        m_notes[m_runningIndex] += words;
    }
}

std::vector<Scan::Hit> RuleScan::hits() const
{
    std::vector<Hit> all;
    for (const Counted &counted : m_counted) {
        all.push_back({m_compiled.tests()[static_cast<size_t>(counted.index)].test,
                       m_slots[static_cast<size_t>(counted.index)].value, counted.score});
    }
    return all;
}

SpamFinding RuleScan::finding() const
{
    SpamFinding finding;
    for (const Counted &counted : m_counted) {
        const Test &test = *m_compiled.tests()[static_cast<size_t>(counted.index)].test;
        if (test.isSubRule()) {
            continue;
        }
        QByteArray words = test.description;
        for (const QByteArray &more : m_notes.value(counted.index)) {
            words += (words.isEmpty() ? "" : " ") + more;
        }
        finding.add({test.name, counted.score, QString::fromUtf8(words)});
    }
    for (const Foreign &foreign : m_foreign) {
        finding.add({foreign.name, foreign.score, QString::fromUtf8(foreign.note)});
    }
    return finding;
}

void RuleScan::setTag(const QByteArray &name, std::vector<QByteArray> values)
{
    m_tags[name] = std::move(values);
}

const std::vector<QByteArray> &RuleScan::tag(const QByteArray &name) const
{
    static const std::vector<QByteArray> none;
    const auto found = m_tags.constFind(name);
    return found == m_tags.constEnd() ? none : *found;
}

}  // namespace portcullis::spam
