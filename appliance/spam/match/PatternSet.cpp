// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/PatternSet.h"

#include "appliance/spam/match/PatternSetPrivate.h"

#include <algorithm>
#include <limits>

namespace portcullis::spam {

namespace {

constexpr int maxLines = 1 << 30;  // Of one text; marks are that many.

/// Notes in which lines of a joined text literals occur.
class LineSink final : public LiteralSink
{
public:
    explicit LineSink(PatternSetScratch &scratch)
        : m_scratch(scratch)
    {
        scratch.occurrences.clear();
    }

    void onLiteral(int literal, qsizetype end) override
    {
        findLine(end);
        const quint32 scan = m_scratch.scan + static_cast<quint32>(m_line);
        PatternSetScratch::Mark &mark = m_scratch.literals[static_cast<size_t>(literal)];
        if (mark.scan == scan) {
            ++m_scratch.occurrences[mark.count].count;
            return;
        }
        mark = {scan, static_cast<quint32>(m_scratch.occurrences.size())};
        m_scratch.occurrences.push_back({m_line, literal, 1});
    }

    /// Brings them into the order of lines, if they are not.
    void finish()
    {
        if (!m_isSorted) {
            std::stable_sort(m_scratch.occurrences.begin(), m_scratch.occurrences.end(),
                             [](const auto &a, const auto &b) { return a.line < b.line; });
        }
    }

private:
    void findLine(qsizetype end)
    {
        const std::vector<qsizetype> &ends = m_scratch.ends;
        const auto line = static_cast<size_t>(m_line);
        if (end <= ends[line] && (line == 0 || end > ends[line - 1])) {
            return;
        }
        const int before = m_line;
        m_line = static_cast<int>(std::lower_bound(ends.begin(), ends.end() - 1, end)
                                  - ends.begin());
        m_isSorted = m_isSorted && before <= m_line;
    }

    PatternSetScratch &m_scratch;
    int m_line = 0;
    bool m_isSorted = true;
};

}  // namespace

/// Makes room for marks, and numbers for the scans to come.
void PatternSet::Private::prepare(PatternSetScratch &scratch, qsizetype scans) const
{
    const auto grow = [](auto &marks, size_t size) {
        if (marks.size() < size) {
            marks.resize(size);
        }
    };
    grow(scratch.words, uses.size());
    grow(scratch.literals, literalCount);
    grow(scratch.entries, entries.size());
    grow(scratch.patterns, patternCount);
    if (scratch.scan > std::numeric_limits<quint32>::max() - static_cast<quint32>(scans) - 1) {
        std::fill(scratch.words.begin(), scratch.words.end(), PatternSetScratch::Mark{});
        std::fill(scratch.literals.begin(), scratch.literals.end(), PatternSetScratch::Mark{});
        std::fill(scratch.entries.begin(), scratch.entries.end(), 0U);
        std::fill(scratch.patterns.begin(), scratch.patterns.end(), 0U);
        scratch.scan = 0;
    }
    ++scratch.scan;
}

void PatternSet::Private::findClasses(QByteArrayView text, PatternSetScratch &scratch) const
{
    const auto found = [&](int word, qsizetype) { hit(word, 1, scratch); };
    if (!classes.isEmpty()) {
        classes.scan(text, found);
    }
    if (!gapBegins.isEmpty()) {
        gapBegins.scan(text, [&](int word, qsizetype begin) {
            if (scratch.words[static_cast<size_t>(word)].scan != scratch.scan
                && beginsAt(gapWords[static_cast<size_t>(word - firstGapWord)], text, begin)) {
                hit(word, 1, scratch);
            }
        });
    }
    if (scratch.hasRare && !rareClasses.isEmpty()) {
        rareClasses.scan(text, found);
    }
}

template<typename Found>
void PatternSet::Private::name(PatternSetScratch &scratch, const Found &found) const
{
    for (const int word : scratch.named) {
        for (const Use &use : uses[static_cast<size_t>(word)]) {
            const auto number = static_cast<size_t>(use.entry);
            if (use.condition != 0 || scratch.entries[number] == scratch.scan) {
                continue;
            }
            const Entry &entry = entries[number];
            quint32 &named = scratch.patterns[static_cast<size_t>(entry.pattern)];
            scratch.entries[number] = scratch.scan;
            if (named != scratch.scan
                && std::all_of(entry.conditions.begin(), entry.conditions.end(),
                               [&](const Condition &each) { return holds(each, scratch); })) {
                named = scratch.scan;
                found(entry.pattern);
            }
        }
    }
}

PatternSet::PatternSet()
    : d(std::make_unique<Private>())
{
    d->build({});
}

PatternSet::PatternSet(const std::vector<Ways> &patterns)
    : d(std::make_unique<Private>())
{
    d->build(patterns);
}

PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet &&) noexcept = default;
PatternSet &PatternSet::operator=(PatternSet &&) noexcept = default;

void PatternSet::candidates(QByteArrayView text,
                            PatternSetScratch &scratch,
                            std::vector<int> &into) const
{
    into.insert(into.end(), d->direct.begin(), d->direct.end());
    if (d->uses.empty()) {
        return;
    }
    d->prepare(scratch, 1);
    scratch.named.clear();
    scratch.hasRare = false;
    scratch.ends.assign(1, text.size());
    LineSink sink(scratch);
    if (!d->literals->find(text, sink)) {
        for (size_t word = 0; word < d->literalCount; ++word) {
            d->hit(static_cast<int>(word), std::numeric_limits<quint32>::max(), scratch);
        }
    }
    for (const PatternSetScratch::Occurrence &found : scratch.occurrences) {
        d->hit(found.word, found.count, scratch);
    }
    d->findClasses(text, scratch);
    d->name(scratch, [&](int pattern) { into.push_back(pattern); });
}

void PatternSet::candidates(const std::vector<QByteArray> &lines,
                            PatternSetScratch &scratch,
                            std::vector<Candidate> &into) const
{
    const auto count = static_cast<int>(std::min<size_t>(lines.size(), maxLines));
    if (d->uses.empty()) {
        for (int line = 0; line < count; ++line) {
            for (const int pattern : d->direct) {
                into.push_back({line, pattern});
            }
        }
        return;
    }
    d->prepare(scratch, count);
    scratch.joined.resize(0);
    scratch.ends.clear();
    for (const QByteArray &line : lines) {
        scratch.joined += line;
        scratch.ends.push_back(scratch.joined.size());
        scratch.joined += '\n';  // A word that spans lines is found too often, at worst.
    }
    LineSink sink(scratch);
    const bool isSearched = count == 0 || d->literals->find(scratch.joined, sink);
    sink.finish();
    size_t next = 0;
    for (int line = 0; line < count; ++line, ++scratch.scan) {
        scratch.named.clear();
        scratch.hasRare = false;
        for (size_t word = 0; !isSearched && word < d->literalCount; ++word) {
            d->hit(static_cast<int>(word), std::numeric_limits<quint32>::max(), scratch);
        }
        for (; next < scratch.occurrences.size() && scratch.occurrences[next].line <= line;
             ++next) {
            d->hit(scratch.occurrences[next].word, scratch.occurrences[next].count, scratch);
        }
        d->findClasses(lines[static_cast<size_t>(line)], scratch);
        for (const int pattern : d->direct) {
            into.push_back({line, pattern});
        }
        d->name(scratch, [&](int pattern) { into.push_back({line, pattern}); });
    }
}

PatternSet::Statistics PatternSet::statistics() const
{
    return {d->patternCount, d->direct.size(), d->literalCount,
            d->classes.wordCount() + d->rareClasses.wordCount() + d->gapWords.size()};
}

}  // namespace portcullis::spam
