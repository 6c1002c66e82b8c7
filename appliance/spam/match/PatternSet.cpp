// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/PatternSet.h"

#include "appliance/spam/match/LiteralFinder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>

namespace portcullis::spam {

namespace {

constexpr size_t leastLiteral = 3;      // Shorter ones occur everywhere …
constexpr size_t leastHighLiteral = 2;  // … but for letters that are not ASCII.
constexpr size_t maxSpellings = 16;     // Literals that one word of classes may become.
constexpr size_t maxClassWords = 6;     // Of one condition; more are merged.
constexpr int maxLines = 1 << 30;       // Of one text; marks are that many.

/// The literal spellings of a word, nothing if there are too many. Letters that occur in both cases do
/// not count: then all of the word is caseless, which finds more, never less.
std::vector<Literal> spellings(const ClassWord &word)
{
    const bool isHigh = std::all_of(word.begin(), word.end(),
                                    [](const ByteSet &set) { return set.isHigh(); });
    if (word.size() < (isHigh ? leastHighLiteral : leastLiteral)) {
        return {};
    }
    bool isCaseless = false;
    for (const ByteSet &set : word) {
        for (uchar letter = 'a'; letter <= 'z' && !isCaseless; ++letter) {
            isCaseless = set.contains(letter) && set.contains(static_cast<uchar>(letter - 32));
        }
    }
    std::vector<Literal> all{{QByteArray(), isCaseless}};
    for (const ByteSet &set : word) {
        std::vector<Literal> longer;
        for (int byte = 0; byte < 256; ++byte) {
            const bool isCapital = byte >= 'A' && byte <= 'Z';
            if (!set.contains(static_cast<uchar>(byte))
                || (isCaseless && isCapital && set.contains(static_cast<uchar>(byte + 32)))) {
                continue;
            }
            for (const Literal &begin : all) {
                longer.push_back({begin.text + static_cast<char>(byte), isCaseless});
            }
            if (longer.size() > maxSpellings) {
                return {};
            }
        }
        all = std::move(longer);
    }
    return all;
}

bool isAscii(QByteArrayView text)
{
    constexpr quint64 highBits = 0x8080808080808080ULL;
    qsizetype at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        quint64 octets = 0;
        std::memcpy(&octets, text.data() + at, sizeof octets);
        if ((octets & highBits) != 0) {
            return false;
        }
    }
    return std::all_of(text.begin() + at, text.end(),
                       [](char c) { return static_cast<uchar>(c) < 0x80; });
}

}  // namespace

struct PatternSet::Private {
    /// A word (literal or of classes) belongs to conditions of entries.
    struct Use {
        int entry;
        int condition;
    };
    struct Condition {
        std::vector<int> words;
        int least = 1;
    };
    /// A way of an expression.
    struct Entry {
        int pattern;
        std::vector<Condition> conditions;
    };

    size_t patternCount = 0;
    std::vector<int> direct;
    std::vector<Entry> entries;
    std::vector<std::vector<Use>> uses;  // By word: literals first.
    std::unique_ptr<LiteralFinder> literals;
    size_t literalCount = 0;
    ClassFilter classes;
    ClassFilter highClasses;  // Of ways that no text of ASCII takes.

    void prepare(PatternSetScratch &scratch, qsizetype scans) const;
    void hit(int word, quint32 times, PatternSetScratch &scratch) const
    {
        PatternSetScratch::Mark &mark = scratch.words[static_cast<size_t>(word)];
        if (mark.scan != scratch.scan) {
            mark = {scratch.scan, 0};
            scratch.named.push_back(word);
        }
        mark.count += times;
    }
    [[nodiscard]] bool holds(const Condition &condition, const PatternSetScratch &scratch) const
    {
        auto open = static_cast<quint32>(condition.least);
        for (const int word : condition.words) {
            const PatternSetScratch::Mark &mark = scratch.words[static_cast<size_t>(word)];
            if (mark.scan == scratch.scan) {
                if (mark.count >= open) {
                    return true;
                }
                open -= mark.count;
            }
        }
        return false;
    }
    void findClasses(QByteArrayView text, PatternSetScratch &scratch) const;
    /// Calls found(pattern) for what the marked words name.
    template<typename Found>
    void name(PatternSetScratch &scratch, const Found &found) const;
};

/// Puts the words of all conditions together, each once.
class PatternSet::Builder
{
public:
    using Use = Private::Use;

    explicit Builder(Private &set)
        : m_set(set)
    {
    }

    void build(const std::vector<Ways> &patterns)
    {
        m_set.patternCount = patterns.size();
        for (size_t i = 0; i < patterns.size(); ++i) {
            if (patterns[i].empty()) {
                m_set.direct.push_back(static_cast<int>(i));
            }
            for (const Conditions &way : patterns[i]) {
                addWay(static_cast<int>(i), way);
            }
        }
        m_set.literalCount = m_texts.size();
        m_set.literals = std::make_unique<LiteralFinder>(m_texts);
        m_set.classes = filterOf(m_plain);
        m_set.highClasses = filterOf(m_high);
        for (Private::Entry &entry : m_set.entries) {
            for (Private::Condition &condition : entry.conditions) {
                std::sort(condition.words.begin(), condition.words.end());
                condition.words.erase(std::unique(condition.words.begin(), condition.words.end()),
                                      condition.words.end());
            }
        }
    }

private:
    using OpenWords = std::vector<std::pair<ClassWord, Use>>;

    void addWay(int pattern, const Conditions &way)
    {
        const auto entry = static_cast<int>(m_set.entries.size());
        m_set.entries.push_back({pattern, std::vector<Private::Condition>(way.size())});
        bool isHigh = false;
        for (size_t i = 0; i < way.size(); ++i) {
            const Use use{entry, static_cast<int>(i)};
            m_set.entries.back().conditions[i].least = way[i].least;
            // What needs a letter that is not ASCII is not looked for where there is none.
            isHigh = isHigh || isOfHighLetters(way[i]);
            std::vector<ClassWord> rest;
            for (const ClassWord &word : way[i].words) {
                if (!addLiterals(spellings(word), use)) {
                    rest.push_back(word);
                }
            }
            for (ClassWord &word : ClassFilter::merged(std::move(rest), maxClassWords)) {
                (isHigh ? m_high : m_plain).emplace_back(std::move(word), use);
            }
        }
    }

    static bool isOfHighLetters(const RequiredFactor &factor)
    {
        return std::all_of(factor.words.begin(), factor.words.end(), [](const ClassWord &word) {
            return std::any_of(word.begin(), word.end(),
                               [](const ByteSet &set) { return set.isHigh(); });
        });
    }

    bool addLiterals(const std::vector<Literal> &spelt, Use use)
    {
        for (const Literal &literal : spelt) {
            const auto [place, isNew] = m_known.try_emplace(
                {literal.isCaseless ? literal.text.toLower() : literal.text, literal.isCaseless},
                static_cast<int>(m_texts.size()));
            if (isNew) {
                m_texts.push_back(literal);
                m_set.uses.emplace_back();
            }
            addUse(place->second, use);
        }
        return !spelt.empty();
    }

    void addUse(int word, Use use)
    {
        m_set.uses[static_cast<size_t>(word)].push_back(use);
        m_set.entries[static_cast<size_t>(use.entry)]
            .conditions[static_cast<size_t>(use.condition)]
            .words.push_back(word);
    }

    ClassFilter filterOf(const OpenWords &open)
    {
        std::vector<ClassWord> words;
        std::vector<int> ids;
        std::map<ClassWord, int> known;
        for (const auto &[word, use] : open) {
            const auto [place, isNew] = known.try_emplace(word,
                                                          static_cast<int>(m_set.uses.size()));
            if (isNew) {
                m_set.uses.emplace_back();
                ids.push_back(place->second);
                words.push_back(word);
            }
            addUse(place->second, use);
        }
        return {words, ids};
    }

    Private &m_set;
    std::vector<Literal> m_texts;
    std::map<std::pair<QByteArray, bool>, int> m_known;
    OpenWords m_plain;
    OpenWords m_high;
};

namespace {

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
    const auto found = [&](int word) { hit(word, 1, scratch); };
    if (!classes.isEmpty()) {
        classes.scan(text, found);
    }
    if (!highClasses.isEmpty() && !isAscii(text)) {
        highClasses.scan(text, found);
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
    Builder(*d).build({});
}

PatternSet::PatternSet(const std::vector<Ways> &patterns)
    : d(std::make_unique<Private>())
{
    Builder(*d).build(patterns);
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
            d->classes.wordCount() + d->highClasses.wordCount()};
}

PatternSet::Ways conditionsOf(const Regex &regex)
{
    const auto tree = readRegex(regex);
    if (!tree) {
        return {};
    }
    PatternSet::Ways ways;
    const auto letters = highLetters(tree->root);
    if (!letters || !letters->empty()) {
        if (letters) {
            RequiredFactor factor;
            factor.words = *letters;
            ways.push_back({factor});
        } else {
            ways.emplace_back();
        }
        for (RequiredFactor &factor : requiredFactors(*tree)) {
            ways.back().push_back(std::move(factor));
        }
    }
    if (const auto plain = withoutHighLetters(tree->root)) {
        RegexTree without;
        without.root = *plain;
        ways.push_back(requiredFactors(without));
    }
    if (std::any_of(ways.begin(), ways.end(), [](const auto &way) { return way.empty(); })) {
        return {};
    }
    return ways;
}

}  // namespace portcullis::spam
