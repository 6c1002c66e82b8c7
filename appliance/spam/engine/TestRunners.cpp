// SPDX-License-Identifier: GPL-2.0-or-later
// How RuleScan runs one test of each kind.
#include "appliance/spam/engine/MimeHeaders.h"
#include "appliance/spam/engine/RuleScan.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

PatternSetScratch &matchMarks()
{
    thread_local PatternSetScratch scratch;
    return scratch;
}

const Regex &regexOfTest(const Test &test)
{
    if (const auto *const header = std::get_if<HeaderTest>(&test.body)) {
        return header->regex;
    }
    if (const auto *const mime = std::get_if<MimeHeaderTest>(&test.body)) {
        return mime->regex;
    }
    return std::get<TextTest>(test.body).regex;
}

}  // namespace

const std::vector<QByteArray> &RuleScan::lines(TextView view)
{
    switch (view) {
    case TextView::Body:
        return m_text.body();
    case TextView::Uri:
        return m_text.uris().cleaned;
    case TextView::RawBody:
        return m_text.rawBody();
    case TextView::Full:
        break;
    }
    if (m_full.empty()) {
        m_full.push_back(m_text.full());
    }
    return m_full;
}

/// One pass over a view says for all tests in which lines they may match.
void RuleScan::makeCandidates(TextView which)
{
    Candidates &made = m_candidates[static_cast<size_t>(which)];
    if (made.isMade) {
        return;
    }
    made.isMade = true;
    const CompiledRules::View &view = m_compiled.view(which);
    made.begins.assign(view.slots.size() + 1, 0);
    if (view.slots.empty()) {
        return;
    }
    std::vector<PatternSet::Candidate> found;
    view.set->candidates(lines(which), matchMarks(), found);
    for (const PatternSet::Candidate &each : found) {
        ++made.begins[static_cast<size_t>(each.pattern) + 1];
    }
    for (size_t i = 1; i < made.begins.size(); ++i) {
        made.begins[i] += made.begins[i - 1];
    }
    std::vector<int> next(made.begins.begin(), made.begins.end() - 1);
    made.lines.resize(found.size());
    for (const PatternSet::Candidate &each : found) {
        made.lines[static_cast<size_t>(next[static_cast<size_t>(each.pattern)]++)] = each.line;
    }
}

void RuleScan::makeGroup(int number)
{
    GroupState &state = m_groups[static_cast<size_t>(number)];
    if (state.isMade) {
        return;
    }
    state.isMade = true;
    const auto &group = m_compiled.headerGroups()[static_cast<size_t>(number)];
    state.value = &m_text.header(group.query);
    if (!state.value->has_value() || group.slots.empty()) {
        return;
    }
    std::vector<int> found;
    group.set->candidates(**state.value, matchMarks(), found);
    for (const int slot : found) {
        m_slots[static_cast<size_t>(group.slots[static_cast<size_t>(slot)])].isPossible = true;
    }
}

bool RuleScan::isRuledOut(const CompiledTest &test, int index)
{
    if (test.slot < 0) {
        return false;
    }
    if (test.group >= 0) {
        makeGroup(test.group);
        return !m_slots[static_cast<size_t>(index)].isPossible;
    }
    makeCandidates(test.view);
    const auto &begins = m_candidates[static_cast<size_t>(test.view)].begins;
    return begins[static_cast<size_t>(test.slot)] == begins[static_cast<size_t>(test.slot) + 1];
}

/// The expression of a template with the values of this message; nothing if one is missing.
std::optional<Pattern> RuleScan::filledIn(const CompiledTest &test) const
{
    const Regex &regex = regexOfTest(*test.test);
    std::vector<std::pair<QByteArray, std::vector<QByteArray>>> values;
    for (const QByteArray &name : regex.neededCaptures) {
        values.emplace_back(name, tag(name));
        if (values.back().second.empty()) {
            return std::nullopt;
        }
    }
    MatchLimits limits = m_compiled.settings().match;
    limits.usesJit = false;  // It would cost more than it saves: this text is used once.
    auto pattern = Pattern::compile(withCaptures(regex, values), limits);
    if (!pattern.has_value()) {
        return std::nullopt;
    }
    return pattern.take();
}

void RuleScan::keepCaptures(const Pattern &pattern, QByteArrayView subject, bool isMultiple)
{
    if (pattern.hasNamedGroups()) {
        for (auto &captured : pattern.captures(subject, isMultiple ? 0 : 1)) {
            m_captured.push_back(std::move(captured));
        }
    }
}

void RuleScan::flushCaptures()
{
    for (const auto &[name, text] : m_captured) {
        std::vector<QByteArray> values = tag(name);
        if (std::find(values.begin(), values.end(), text) == values.end()) {
            values.push_back(text);
            setTag(name, std::move(values));
        }
    }
    m_captured.clear();
}

double RuleScan::runText(const CompiledTest &test)
{
    const std::optional<Pattern> filled = test.isTemplate ? filledIn(test) : test.pattern;
    if (!filled) {
        return 0;
    }
    const std::vector<QByteArray> &all = lines(test.view);
    const Candidates &candidates = m_candidates[static_cast<size_t>(test.view)];
    const auto slot = static_cast<size_t>(std::max(test.slot, 0));
    const int begin = test.slot < 0 ? 0 : candidates.begins[slot];
    const int end = test.slot < 0 ? static_cast<int>(all.size()) : candidates.begins[slot + 1];
    const bool skipsFirst = test.skipsSubject && test.view == TextView::Body;
    int hits = 0;
    for (int i = begin; i < end; ++i) {
        const int line = test.slot < 0 ? i : candidates.lines[static_cast<size_t>(i)];
        if (skipsFirst && line == 0) {
            continue;
        }
        const QByteArray &subject = all[static_cast<size_t>(line)];
        if (!filled->matches(subject)) {
            continue;
        }
        keepCaptures(*filled, subject, test.isMultiple);
        if (!test.isMultiple) {
            return 1;
        }
        const int most = test.test->maxHits;
        hits += filled->count(subject, most > 0 ? most - hits : 0);
        if (most > 0 && hits >= most) {
            break;
        }
    }
    return hits;
}

double RuleScan::runHeader(const CompiledTest &test)
{
    makeGroup(test.group);
    const std::optional<QByteArray> &value = *m_groups[static_cast<size_t>(test.group)].value;
    const auto index = static_cast<int>(&test - m_compiled.tests().data());
    if (!value) {
        return test.isTemplate ? 0 : test.whenUnset;
    }
    if (isRuledOut(test, index)) {
        return test.isNegated && !test.isTemplate ? 1 : 0;
    }
    const std::optional<Pattern> pattern = test.isTemplate ? filledIn(test) : test.pattern;
    if (!pattern) {
        return 0;
    }
    if (!pattern->matches(*value)) {
        return test.isNegated ? 1 : 0;
    }
    if (test.isNegated) {
        return 0;
    }
    keepCaptures(*pattern, *value, test.isMultiple);
    return test.isMultiple ? pattern->count(*value, test.test->maxHits) : 1;
}

double RuleScan::runExistence(const CompiledTest &test)
{
    makeGroup(test.group);
    return m_groups[static_cast<size_t>(test.group)].value->has_value() != test.isNegated ? 1 : 0;
}

double RuleScan::runMimeHeader(const CompiledTest &test)
{
    const std::optional<Pattern> pattern = test.isTemplate ? filledIn(test) : test.pattern;
    if (!pattern) {
        return 0;
    }
    const MimeHeaderResult result = matchMimeHeaders(*test.test, *pattern, m_text);
    for (const QByteArray &subject : result.matched) {
        keepCaptures(*pattern, subject, test.isMultiple);
    }
    return test.isNegated ? int(result.hits == 0) : result.hits;
}

double RuleScan::runEval(int index, const CompiledTest &test)
{
    const Test *const outer = std::exchange(m_running, test.test);
    const int outerIndex = std::exchange(m_runningIndex, index);
    const int value = test.function(*this, test.call);
    m_running = outer;
    m_runningIndex = outerIndex;
    return value;
}

}  // namespace portcullis::spam
