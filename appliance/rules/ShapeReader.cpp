// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/PatternShape.h"

#include <QtCore/QList>

#include <algorithm>
#include <cctype>
#include <optional>

namespace portcullis::rules {

namespace {

/// Repeated at least this often counts as repeated without end: (x{1,64})+ is as bad as (x+)+.
constexpr int manyTimes = 10;
constexpr size_t maxPositions = 1500;
constexpr int maxNesting = 100;

constexpr int bucketOf(uint codePoint)
{
    return codePoint < 128 ? static_cast<int>(codePoint) : 128 + static_cast<int>(codePoint % 128);
}

CharacterSet setOf(bool (*isMember)(int))
{
    CharacterSet set;
    for (int c = 0; c < 128; ++c) {
        set[static_cast<size_t>(c)] = isMember(c);
    }
    return set;
}

bool isDigitByte(int c)
{
    return c >= '0' && c <= '9';
}
bool isWordByte(int c)
{
    return isDigitByte(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isSpaceByte(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

CharacterSet everything()
{
    return CharacterSet().set();
}

/// Letters that only differ in case belong together: most patterns ignore case, any may say (?i).
CharacterSet folded(CharacterSet set)
{
    for (size_t lower = 'a'; lower <= 'z'; ++lower) {
        const size_t upper = lower - 32;
        const bool either = set[lower] || set[upper];
        set[lower] = either;
        set[upper] = either;
    }
    return set;
}

}  // namespace

/// Recursive descent over Perl's syntax, as far as it decides what may follow what.
class ShapeReader
{
public:
    explicit ShapeReader(const QByteArray &text)
        : m_text(text)
    {
    }

    Result<PatternShape> read()
    {
        Fragment whole = TRY(alternatives(0));
        m_shape.m_first = std::move(whole.first);
        m_shape.m_last = std::move(whole.last);
        return std::move(m_shape);
    }

private:
    /// A part of the pattern: where it can begin and end, and whether it can match nothing.
    struct Fragment {
        std::vector<int> first;
        std::vector<int> last;
        bool isNullable = true;
    };
    struct Quantifier {
        int minimum = 1;
        bool isMany = false;
        bool canBeZero = false;
    };

    [[nodiscard]] bool atEnd() const { return m_at >= m_text.size(); }
    [[nodiscard]] char peek(qsizetype ahead = 0) const
    {
        return m_at + ahead < m_text.size() ? m_text[m_at + ahead] : '\0';
    }
    bool accept(const char *token)
    {
        if (!QByteArrayView(m_text).sliced(std::min(m_at, m_text.size())).startsWith(token)) {
            return false;
        }
        m_at += static_cast<qsizetype>(qstrlen(token));
        return true;
    }

    static void unite(std::vector<int> &into, const std::vector<int> &more)
    {
        into.insert(into.end(), more.begin(), more.end());
        std::sort(into.begin(), into.end());
        into.erase(std::unique(into.begin(), into.end()), into.end());
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxNesting, which alternatives() checks
    Result<Fragment> alternatives(int depth)
    {
        if (depth > maxNesting) {
            return Error::permanent("pattern.unbounded",
                                    QStringLiteral("position %1: nested too deeply").arg(m_at));
        }
        Fragment all = TRY(sequence(depth));
        while (!atEnd() && peek() == '|') {
            ++m_at;
            const Fragment next = TRY(sequence(depth));
            unite(all.first, next.first);
            unite(all.last, next.last);
            all.isNullable = all.isNullable || next.isNullable;
        }
        return all;
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxNesting, which alternatives() checks
    Result<Fragment> sequence(int depth)
    {
        Fragment joined;
        while (!atEnd() && peek() != '|' && peek() != ')') {
            const Fragment next = TRY(repeated(depth));
            m_shape.connect(joined.last, next.first);
            if (joined.isNullable) {
                unite(joined.first, next.first);
            }
            if (next.isNullable) {
                unite(joined.last, next.last);
            } else {
                joined.last = next.last;
            }
            joined.isNullable = joined.isNullable && next.isNullable;
        }
        return joined;
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxNesting, which alternatives() checks
    Result<Fragment> repeated(int depth)
    {
        Fragment atom = TRY(this->atom(depth));
        while (const auto quantifier = readQuantifier()) {
            if (quantifier->isMany) {
                m_shape.connect(atom.last, atom.first);
            }
            atom.isNullable = atom.isNullable || quantifier->canBeZero;
        }
        if (m_shape.m_positions.size() > maxPositions) {
            return Error::permanent(
                "pattern.unbounded",
                QStringLiteral("position %1: too big to be examined").arg(m_at));
        }
        return atom;
    }

    std::optional<Quantifier> readQuantifier()
    {
        Quantifier quantifier;
        if (peek() == '*') {
            quantifier = {0, true, true};
            ++m_at;
        } else if (peek() == '+') {
            quantifier = {1, true, false};
            ++m_at;
        } else if (peek() == '?') {
            quantifier = {0, false, true};
            ++m_at;
        } else if (!readCounted(quantifier)) {
            return std::nullopt;
        }
        if (peek() == '+') {
            m_shape.m_hasAtomicParts = true;
            ++m_at;
        } else if (peek() == '?') {
            ++m_at;
        }
        return quantifier;
    }

    /// {n}, {n,}, {n,m}; anything else in braces is literal text in Perl.
    bool readCounted(Quantifier &quantifier)
    {
        if (peek() != '{') {
            return false;
        }
        const qsizetype end = m_text.indexOf('}', m_at);
        if (end < 0) {
            return false;
        }
        const QByteArray inside = m_text.mid(m_at + 1, end - m_at - 1);
        const QList<QByteArray> bounds = inside.split(',');
        bool isNumber = false;
        const int minimum = bounds[0].toInt(&isNumber);
        if (!isNumber || bounds.size() > 2) {
            return false;
        }
        bool isBounded = true;
        const int maximum = bounds.size() == 1 ? minimum : bounds[1].toInt(&isBounded);
        if (bounds.size() == 2 && !isBounded && !bounds[1].isEmpty()) {
            return false;
        }
        quantifier = {minimum, !isBounded || maximum >= manyTimes, minimum == 0};
        m_at = end + 1;
        return true;
    }

    Fragment position(CharacterSet characters, qsizetype offset)
    {
        const int id = static_cast<int>(m_shape.m_positions.size());
        m_shape.m_positions.push_back({folded(characters), static_cast<int>(offset)});
        m_shape.m_follow.emplace_back();
        return {{id}, {id}, false};
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxNesting, which alternatives() checks
    Result<Fragment> atom(int depth)
    {
        const qsizetype start = m_at;
        switch (peek()) {
        case '(':
            return group(depth);
        case '[':
            return position(characterClass(), start);
        case '\\':
            return escape();
        case '.':
            ++m_at;
            return position(everything(), start);
        case '^':
        case '$':
            ++m_at;
            return Fragment{};
        default:
            return literal();
        }
    }

    uint nextCodePoint()
    {
        const auto lead = static_cast<uchar>(peek());
        const int length = lead < 0xc0 ? 1 : (lead < 0xe0 ? 2 : (lead < 0xf0 ? 3 : 4));
        uint codePoint = length == 1 ? lead : lead & (0xff >> (length + 1));
        ++m_at;
        for (int i = 1; i < length && !atEnd(); ++i, ++m_at) {
            codePoint = (codePoint << 6) | (static_cast<uchar>(peek()) & 0x3f);
        }
        return codePoint;
    }

    Fragment literal()
    {
        const qsizetype start = m_at;
        CharacterSet set;
        const uint codePoint = nextCodePoint();
        // Beyond ASCII, case changes the number: take every such character for the same.
        set = codePoint >= 128 ? everything() << 128 : set;
        set.set(static_cast<size_t>(bucketOf(codePoint)));
        return position(set, start);
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxNesting, which alternatives() checks
    Result<Fragment> group(int depth)
    {
        const qsizetype start = m_at;
        ++m_at;
        if (accept("*")) {  // Verbs such as (*SKIP), and alpha assertions such as (*pla:…).
            return Error::permanent("pattern.unbounded",
                                    QStringLiteral("position %1: (*…) is not allowed").arg(start));
        }
        const bool isAssertion = accept("?=") || accept("?!") || accept("?<=") || accept("?<!");
        if (!isAssertion && accept("?#")) {
            m_at = m_text.indexOf(')', m_at) + 1;
            return Fragment{};
        }
        if (!isAssertion && accept("?>")) {
            m_shape.m_hasAtomicParts = true;
        } else if (!isAssertion && peek() == '?') {
            if (TRY(groupOptions(start))) {
                return Fragment{};
            }
        }
        Fragment inside = TRY(alternatives(depth + 1));
        accept(")");
        return isAssertion ? Fragment{} : inside;
    }

    /// After `(`: names and option letters. True if the group ends here, as `(?i)` does.
    Result<bool> groupOptions(qsizetype start)
    {
        if (accept("?R") || accept("?&") || accept("?P>") || accept("?(") || accept("?C")
            || (peek(1) >= '0' && peek(1) <= '9')
            || ((peek(1) == '+' || peek(1) == '-') && peek(2) >= '0' && peek(2) <= '9')) {
            return Error::permanent(
                "pattern.unbounded",
                QStringLiteral("position %1: recursion and conditions are not allowed").arg(start));
        }
        if (accept("?P=")) {
            m_at = m_text.indexOf(')', m_at) + 1;
            return true;
        }
        if (accept("?P<") || accept("?<")) {
            m_at = m_text.indexOf('>', m_at) + 1;
            return false;
        }
        if (accept("?'")) {
            m_at = m_text.indexOf('\'', m_at) + 1;
            return false;
        }
        ++m_at;
        while (!atEnd() && peek() != ':' && peek() != ')' && peek() != '|') {
            if (peek() == 'x') {
                // Under (?x) spaces are no characters, which would have to be followed everywhere.
                return Error::permanent(
                    "pattern.unbounded",
                    QStringLiteral("position %1: option x is not allowed").arg(start));
            }
            ++m_at;
        }
        const bool isWhole = peek() == ')';
        ++m_at;
        return isWhole;
    }

    /// What an escape outside of a class stands for; nothing for assertions such as \b.
    Result<Fragment> escape()
    {
        const qsizetype start = m_at;
        const char kind = peek(1);
        if (kind == 'Q') {
            return quotedLiteral();
        }
        if (kind == 'g' || kind == 'k') {
            // \g{1}, \k<name>: a reference back (\g<1> is recursion).
            if (kind == 'g' && (peek(2) == '<' || peek(2) == '\'')) {
                return Error::permanent(
                    "pattern.unbounded",
                    QStringLiteral("position %1: recursion is not allowed").arg(start));
            }
            const qsizetype end = m_text.indexOf(peek(2) == '{' ? '}' : '>', m_at);
            m_at = peek(2) == '{' || peek(2) == '<' ? end + 1 : m_at + 3;
            return backReference(start);
        }
        if (kind >= '1' && kind <= '9') {
            m_at += 2;
            while (isDigitByte(peek())) {
                ++m_at;
            }
            return backReference(start);
        }
        if (QByteArrayView("bBAzZGKE").contains(kind)) {
            m_at += 2;
            return Fragment{};
        }
        return position(escapedSet(), start);
    }

    Fragment backReference(qsizetype start)
    {
        Fragment fragment = position(everything(), start);
        m_shape.connect(fragment.last, fragment.first);
        fragment.isNullable = true;
        return fragment;
    }

    Fragment quotedLiteral()
    {
        m_at += 2;
        Fragment joined;
        while (!atEnd() && !accept("\\E")) {
            const Fragment next = literal();
            m_shape.connect(joined.last, next.first);
            if (joined.first.empty()) {
                joined.first = next.first;
            }
            joined.last = next.last;
            joined.isNullable = false;
        }
        return joined;
    }

    /// The set of an escape that consumes a character; moves past it.
    CharacterSet escapedSet()
    {
        ++m_at;
        const char kind = peek();
        CharacterSet set;
        switch (kind) {
        case 'd':
            set = setOf(isDigitByte);
            break;
        case 'D':
            set = ~setOf(isDigitByte);
            break;
        case 'w':
            set = setOf(isWordByte) | (everything() << 128);
            break;
        case 'W':
            set = ~setOf(isWordByte);
            break;
        case 's':
        case 'h':
        case 'v':
            set = setOf(isSpaceByte) | (everything() << 128);
            break;
        case 'S':
        case 'H':
        case 'V':
        case 'N':
        case 'R':
        case 'X':
        case 'p':
        case 'P':
            set = kind == 'S' ? ~setOf(isSpaceByte) : everything();
            skipProperty(kind);
            return set;
        default:
            return escapedCharacter(kind);
        }
        ++m_at;
        return set;
    }

    void skipProperty(char kind)
    {
        ++m_at;
        if (kind != 'p' && kind != 'P') {
            return;
        }
        const qsizetype close = m_text.indexOf('}', m_at);
        m_at = peek() == '{' && close >= 0 ? close + 1 : m_at + 1;
    }

    CharacterSet escapedCharacter(char kind)
    {
        CharacterSet set;
        static constexpr char controls[] = "n\nr\rt\tf\fe\033a\a";
        for (const char *pair = controls; *pair != '\0'; pair += 2) {
            if (kind == *pair) {
                ++m_at;
                return set.set(static_cast<size_t>(pair[1]));
            }
        }
        if (kind == 'x' || kind == 'o' || kind == '0' || kind == 'u' || kind == 'c') {
            // A number in one of several notations: which character it is does not matter much.
            ++m_at;
            const qsizetype close = m_text.indexOf('}', m_at);
            if (peek() == '{' && close >= 0) {
                m_at = close + 1;
            } else {
                for (int i = 0; i < 2 && std::isxdigit(static_cast<uchar>(peek())) != 0; ++i) {
                    ++m_at;
                }
            }
            return everything();
        }
        return set.set(static_cast<size_t>(bucketOf(nextCodePoint())));
    }

    CharacterSet characterClass()
    {
        CharacterSet set;
        ++m_at;
        const bool isNegated = accept("^");
        bool isFirst = true;
        uint previous = 0;
        bool hasPrevious = false;
        while (!atEnd() && (isFirst || peek() != ']')) {
            isFirst = false;
            if (peek() == '[' && (peek(1) == ':' || peek(1) == '.' || peek(1) == '=')
                && m_text.indexOf(":]", m_at) > 0) {
                set |= posixClass();
                hasPrevious = false;
            } else if (peek() == '-' && hasPrevious && peek(1) != ']' && peek(1) != '\\') {
                ++m_at;
                const uint end = nextCodePoint();
                for (uint c = previous; c <= std::min(end, previous + 255); ++c) {
                    set.set(static_cast<size_t>(bucketOf(c)));
                }
                hasPrevious = false;
            } else if (peek() == '\\') {
                // A range that begins or ends with an escape is taken for everything between.
                set |= peek(-1) == '-' && hasPrevious ? everything() : escapedSet();
                hasPrevious = false;
            } else {
                previous = nextCodePoint();
                hasPrevious = true;
                set.set(static_cast<size_t>(bucketOf(previous)));
            }
        }
        ++m_at;
        if (isNegated) {
            // Characters that share a bucket with an excluded one are still in.
            set = ~set | (everything() << 128);
        }
        return set;
    }

    CharacterSet posixClass()
    {
        m_at = m_text.indexOf(":]", m_at) + 2;
        return everything();
    }

    const QByteArray m_text;
    qsizetype m_at = 0;
    PatternShape m_shape;
};

Result<PatternShape> PatternShape::read(const QByteArray &text)
{
    return ShapeReader(text).read();
}

void PatternShape::connect(const std::vector<int> &from, const std::vector<int> &to)
{
    for (const int source : from) {
        std::vector<Edge> &edges = m_follow[static_cast<size_t>(source)];
        for (const int target : to) {
            const auto known = std::find_if(edges.begin(), edges.end(),
                                            [target](const Edge &e) { return e.to == target; });
            if (known == edges.end()) {
                edges.push_back({target, false});
            } else {
                known->isAmbiguous = true;
            }
        }
    }
}

}  // namespace portcullis::rules
