// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RegexTree.h"

#include <cctype>

namespace portcullis::spam {

namespace {

struct Modifiers {
    bool isCaseless = false;
    bool isMultiLine = false;
    bool isDotAll = false;
    bool isExtended = false;
};

RegexNode sequenceOf(std::vector<RegexNode> children)
{
    if (children.size() == 1) {
        return std::move(children.front());
    }
    RegexNode node;
    node.children = std::move(children);
    return node;
}

RegexNode nodeOf(RegexNode::Kind kind, RegexNode child)
{
    RegexNode node;
    node.kind = kind;
    node.children.push_back(std::move(child));
    return node;
}

RegexNode writtenNode(RegexNode::Kind kind, QByteArray text)
{
    RegexNode node;
    node.kind = kind;
    node.written = std::move(text);
    return node;
}

bool isIn(char c, const char *characters)
{
    return c != '\0' && std::strchr(characters, c) != nullptr;
}

std::optional<ByteSet> namedClass(QByteArrayView name)
{
    using Predicate = int (*)(int);
    static const std::pair<const char *, Predicate> classes[] = {
        {"alpha", [](int c) { return std::isalpha(c); }},
        {"digit", [](int c) { return std::isdigit(c); }},
        {"alnum", [](int c) { return std::isalnum(c); }},
        {"upper", [](int c) { return std::isupper(c); }},
        {"lower", [](int c) { return std::islower(c); }},
        {"space", [](int c) { return std::isspace(c); }},
        {"blank", [](int c) { return int(c == ' ' || c == '\t'); }},
        {"punct", [](int c) { return std::ispunct(c); }},
        {"print", [](int c) { return std::isprint(c); }},
        {"graph", [](int c) { return std::isgraph(c); }},
        {"cntrl", [](int c) { return std::iscntrl(c); }},
        {"xdigit", [](int c) { return std::isxdigit(c); }},
        {"word", [](int c) { return int(std::isalnum(c) != 0 || c == '_'); }},
        {"ascii", [](int) { return 1; }}};
    const bool isNegated = name.startsWith('^');
    for (const auto &[known, holds] : classes) {
        if (name.sliced(isNegated ? 1 : 0) == QByteArrayView(known)) {
            ByteSet set;
            for (int c = 0; c < 128; ++c) {
                if (holds(c) != 0) {
                    set.insert(static_cast<uchar>(c));
                }
            }
            return isNegated ? ~set : set;
        }
    }
    return std::nullopt;
}

/// \d \w \s \h \v \N and their opposites.
std::optional<ByteSet> shorthand(char letter)
{
    ByteSet set;
    switch (std::tolower(letter)) {
    case 'd':
        set.insertRange('0', '9');
        break;
    case 'w':
        set = *namedClass("word");
        break;
    case 's':
        set = *namedClass("space");
        break;
    case 'h':
        set.insert('\t');
        set.insert(' ');
        set.insert(0xa0);
        break;
    case 'v':
        set.insertRange('\n', '\r');
        set.insert(0x85);
        break;
    case 'n':
        set.insert('\n');
        break;
    default:
        return std::nullopt;
    }
    return std::isupper(letter) != 0 ? ~set : set;
}

class Reader
{
public:
    explicit Reader(const Regex &regex)
        : m_text(regex.source)
        , m_modifiers{regex.isCaseless, regex.isMultiLine, regex.isDotAll, regex.isExtended}
    {
    }

    std::optional<RegexTree> read()
    {
        RegexTree tree;
        tree.root = choice(0);
        if (m_hasFailed || m_at != m_text.size()) {
            return std::nullopt;
        }
        tree.hasGroups = m_hasGroups;
        tree.hasReferences = m_hasReferences;
        return tree;
    }

private:
    [[nodiscard]] bool atEnd() const { return m_at >= m_text.size(); }
    [[nodiscard]] char peek(qsizetype ahead = 0) const
    {
        return m_at + ahead < m_text.size() ? m_text[m_at + ahead] : '\0';
    }
    [[nodiscard]] bool follows(const char *word) const
    {
        return QByteArrayView(m_text).sliced(m_at).startsWith(word);
    }
    bool take(const char *word)
    {
        if (!follows(word)) {
            return false;
        }
        m_at += static_cast<qsizetype>(std::strlen(word));
        return true;
    }
    RegexNode fail()
    {
        m_hasFailed = true;
        m_at = m_text.size();
        return {};
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    RegexNode choice(int depth)
    {
        if (depth > maxRegexDepth) {
            return fail();
        }
        const Modifiers outside = m_modifiers;
        std::vector<RegexNode> alternatives;
        alternatives.push_back(sequence(depth));
        while (!atEnd() && peek() == '|') {
            ++m_at;
            alternatives.push_back(sequence(depth));
        }
        m_modifiers = outside;
        if (alternatives.size() == 1) {
            return std::move(alternatives.front());
        }
        RegexNode node;
        node.kind = RegexNode::Kind::Choice;
        node.children = std::move(alternatives);
        return node;
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    RegexNode sequence(int depth)
    {
        std::vector<RegexNode> children;
        while (true) {
            skipComments();
            if (atEnd() || peek() == '|' || peek() == ')') {
                break;
            }
            const size_t before = children.size();
            atom(children, depth);
            if (m_hasFailed) {
                return {};
            }
            if (children.size() > before) {
                quantify(children.back());
            }
        }
        return sequenceOf(std::move(children));
    }

    void skipComments()
    {
        while (!atEnd()) {
            if (follows("(?#")) {
                const qsizetype end = m_text.indexOf(')', m_at);
                m_at = end < 0 ? m_text.size() : end + 1;
            } else if (m_modifiers.isExtended && std::isspace(static_cast<uchar>(peek())) != 0) {
                ++m_at;
            } else if (m_modifiers.isExtended && peek() == '#') {
                const qsizetype end = m_text.indexOf('\n', m_at);
                m_at = end < 0 ? m_text.size() : end + 1;
            } else {
                return;
            }
        }
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    void atom(std::vector<RegexNode> &into, int depth)
    {
        const char c = m_text[m_at];
        switch (c) {
        case '(':
            group(into, depth);
            return;
        case '[':
            into.push_back(bracket());
            return;
        case '\\':
            into.push_back(escape());
            return;
        case '.': {
            ++m_at;
            ByteSet set = ByteSet::all();
            if (!m_modifiers.isDotAll) {
                set.erase('\n');
            }
            into.push_back(setNode(set));
            return;
        }
        case '^':
        case '$':
            ++m_at;
            into.push_back(writtenNode(RegexNode::Kind::Assertion, lineAssertion(c)));
            return;
        case '*':
        case '+':
        case '?':
            into.push_back(fail());
            return;
        default:
            ++m_at;
            into.push_back(literal(static_cast<uchar>(c)));
        }
    }

    [[nodiscard]] QByteArray lineAssertion(char c) const
    {
        return (m_modifiers.isMultiLine ? QByteArrayLiteral("(?m:") : QByteArrayLiteral("(?-m:"))
               + c + ')';
    }

    [[nodiscard]] RegexNode literal(uchar byte) const
    {
        const ByteSet set = ByteSet::of(byte);
        return setNode(m_modifiers.isCaseless ? set.withoutCase() : set);
    }
    static RegexNode setNode(const ByteSet &set)
    {
        RegexNode node;
        node.kind = RegexNode::Kind::Set;
        node.set = set;
        return node;
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    void group(std::vector<RegexNode> &into, int depth)
    {
        using Kind = RegexNode::Kind;
        const qsizetype begin = m_at;
        if (follows("(*")) {
            into.push_back(fail());
            return;
        }
        if (!take("(?")) {
            ++m_at;
            m_hasGroups = true;
            into.push_back(nodeOf(Kind::Group, inside(depth)));
            return;
        }
        if (take("=")) {
            into.push_back(nodeOf(Kind::LookAhead, inside(depth)));
        } else if (take("<=")) {
            into.push_back(nodeOf(Kind::LookBehind, inside(depth)));
        } else if (take("!") || take("<!")) {
            inside(depth);
            into.push_back(writtenNode(Kind::Assertion, assertionText(begin)));
        } else if (take(">")) {
            into.push_back(nodeOf(Kind::Atomic, inside(depth)));
        } else if (follows("<") || follows("'") || follows("P<")) {
            const char end = peek() == '\'' ? '\'' : '>';
            m_at = m_text.indexOf(end, m_at + 1);
            if (m_at < 0) {
                into.push_back(fail());
                return;
            }
            ++m_at;
            m_hasGroups = true;
            into.push_back(nodeOf(Kind::Group, inside(depth)));
        } else {
            modifierGroup(into, depth);
        }
    }

    /// The text of a negative look with the modifiers that hold there.
    [[nodiscard]] QByteArray assertionText(qsizetype begin) const
    {
        QByteArray on;
        QByteArray off;
        (m_modifiers.isCaseless ? on : off) += 'i';
        (m_modifiers.isMultiLine ? on : off) += 'm';
        (m_modifiers.isDotAll ? on : off) += 's';
        (m_modifiers.isExtended ? on : off) += 'x';
        return "(?" + on + (off.isEmpty() ? QByteArray() : '-' + off) + ':'
               + pcreText(m_text.mid(begin, m_at - begin)) + ')';
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    RegexNode inside(int depth)
    {
        RegexNode node = choice(depth + 1);
        if (!take(")")) {
            return fail();
        }
        return node;
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    void modifierGroup(std::vector<RegexNode> &into, int depth)
    {
        const Modifiers outside = m_modifiers;
        bool isOn = true;
        for (; !atEnd(); ++m_at) {
            const char c = peek();
            if (c == '^') {
                m_modifiers = {};
            } else if (c == '-') {
                isOn = false;
            } else if (c == 'i') {
                m_modifiers.isCaseless = isOn;
            } else if (c == 'm') {
                m_modifiers.isMultiLine = isOn;
            } else if (c == 's') {
                m_modifiers.isDotAll = isOn;
            } else if (c == 'x') {
                m_modifiers.isExtended = isOn;
            } else if (!isIn(c, "auldp")) {
                break;
            }
        }
        if (take(":")) {
            into.push_back(inside(depth));
            m_modifiers = outside;
        } else if (!take(")")) {  // (?i) holds until the group ends: choice() restores.
            into.push_back(fail());
        }
    }

    RegexNode escape()
    {
        using Kind = RegexNode::Kind;
        const char c = peek(1);
        if (m_at + 1 >= m_text.size()) {
            return fail();
        }
        if (const auto set = shorthand(c); set && c != 'n') {
            m_at += 2;
            return setNode(*set);
        }
        if (isIn(c, "bBAzZG")) {
            m_at += 2;
            return writtenNode(Kind::Assertion, m_text.mid(m_at - 2, 2));
        }
        if (isIn(c, "123456789") && std::isdigit(static_cast<uchar>(peek(2))) == 0) {
            m_at += 2;
            m_hasReferences = true;
            return writtenNode(Kind::Opaque, m_text.mid(m_at - 2, 2));
        }
        const int byte = escapedByte();
        return byte < 0 ? fail() : literal(static_cast<uchar>(byte));
    }

    /// The octet that an escape stands for, inside and outside of brackets; -1: something else.
    int escapedByte()
    {
        const char c = peek(1);
        m_at += 2;
        switch (c) {
        case 't':
            return '\t';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 'f':
            return '\f';
        case 'e':
            return 0x1b;
        case 'a':
            return '\a';
        case 'x':
            return hexByte();
        case '0':
            return octalByte();
        case 'c': {
            const int control = std::toupper(static_cast<uchar>(peek())) ^ 64;
            ++m_at;
            return control & 127;
        }
        default:
            return std::isalnum(static_cast<uchar>(c)) != 0 ? -1 : static_cast<uchar>(c);
        }
    }

    int hexByte()
    {
        const bool isBraced = take("{");
        int value = 0;
        for (int digits = 0;
             std::isxdigit(static_cast<uchar>(peek())) != 0 && (isBraced ? digits < 8 : digits < 2);
             ++digits, ++m_at) {
            const int c = std::tolower(static_cast<uchar>(peek()));
            value = value * 16 + (std::isdigit(c) != 0 ? c - '0' : c - 'a' + 10);
        }
        if ((isBraced && !take("}")) || value > 255) {
            return -1;
        }
        return value;
    }

    int octalByte()
    {
        int value = 0;
        for (int digits = 0; digits < 2 && peek() >= '0' && peek() <= '7'; ++digits, ++m_at) {
            value = value * 8 + (peek() - '0');
        }
        return value;
    }

    RegexNode bracket()
    {
        ++m_at;
        const bool isNegated = take("^");
        ByteSet set;
        bool isFirst = true;
        while (true) {
            if (atEnd()) {
                return fail();
            }
            if (peek() == ']' && !isFirst) {
                ++m_at;
                break;
            }
            isFirst = false;
            if (!bracketItem(set)) {
                return fail();
            }
        }
        if (m_modifiers.isCaseless) {
            set = set.withoutCase();
        }
        return setNode(isNegated ? ~set : set);
    }

    bool bracketItem(ByteSet &set)
    {
        if (follows("[:")) {
            const qsizetype end = m_text.indexOf(":]", m_at + 2);
            const auto named = end < 0 ? std::nullopt
                                       : namedClass(
                                           QByteArrayView(m_text).sliced(m_at + 2, end - m_at - 2));
            if (!named) {
                return false;
            }
            set |= *named;
            m_at = end + 2;
            return true;
        }
        if (follows("[.") || follows("[=")) {
            return false;
        }
        if (peek() == '\\') {
            if (const auto named = shorthand(peek(1)); named && peek(1) != 'n' && peek(1) != 'N') {
                set |= *named;
                m_at += 2;
                return true;
            }
        }
        const int first = bracketByte();
        if (first < 0) {
            return false;
        }
        if (peek() != '-' || peek(1) == ']' || m_at + 1 >= m_text.size()) {
            set.insert(static_cast<uchar>(first));
            return true;
        }
        if (peek(1) == '\\' && shorthand(peek(2)) && peek(2) != 'n') {
            set.insert(static_cast<uchar>(first));  // [a-\d]: the minus means itself.
            return true;
        }
        if (peek(1) == '[' && peek(2) == ':') {
            return false;
        }
        ++m_at;
        const int last = bracketByte();
        if (last < first) {
            return false;
        }
        set.insertRange(first, last);
        return true;
    }

    int bracketByte()
    {
        if (peek() != '\\') {
            return static_cast<uchar>(m_text[m_at++]);
        }
        if (peek(1) == 'b') {
            m_at += 2;
            return '\b';
        }
        if (isIn(peek(1), "1234567")) {
            ++m_at;
            int value = 0;
            for (int digits = 0; digits < 3 && peek() >= '0' && peek() <= '7'; ++digits, ++m_at) {
                value = value * 8 + (peek() - '0');
            }
            return value > 255 ? -1 : value;
        }
        return m_at + 1 >= m_text.size() ? -1 : escapedByte();
    }

    void quantify(RegexNode &node)
    {
        skipComments();
        int least = 0;
        int most = RegexNode::unbounded;
        if (take("*")) {
        } else if (take("+")) {
            least = 1;
        } else if (take("?")) {
            most = 1;
        } else if (!braces(least, most)) {
            return;
        }
        RegexNode repeat = nodeOf(RegexNode::Kind::Repeat, std::move(node));
        repeat.least = least;
        repeat.most = most;
        if (take("?")) {
            repeat.written = "?";
        } else if (take("+")) {
            repeat.written = "+";
        }
        node = std::move(repeat);
        if (isIn(peek(), "*+?")) {
            fail();
        }
    }

    /// A count as Perl writes it; what else stands in braces (signs, spaces, NULs) is no count but text.
    static std::optional<int> digits(const QByteArray &text)
    {
        const bool isCount = !text.isEmpty() && std::all_of(text.begin(), text.end(), [](char c) {
            return c >= '0' && c <= '9';
        });
        bool isSmall = false;
        const int count = isCount ? text.toInt(&isSmall) : 0;
        return isSmall ? std::optional(count) : std::nullopt;
    }

    bool braces(int &least, int &most)
    {
        if (peek() != '{') {
            return false;
        }
        const qsizetype end = m_text.indexOf('}', m_at);
        if (end < 0) {
            return false;
        }
        const QByteArray inner = m_text.mid(m_at + 1, end - m_at - 1);
        const qsizetype comma = inner.indexOf(',');
        const auto from = digits(inner.left(comma < 0 ? inner.size() : comma));
        const auto to = comma < 0 ? from : digits(inner.mid(comma + 1));
        const bool isLeastEmpty = comma == 0;
        const bool isMostEmpty = comma >= 0 && comma == inner.size() - 1;
        if ((isLeastEmpty && isMostEmpty) || (!from && !isLeastEmpty) || (!to && !isMostEmpty)) {
            return false;
        }
        least = from.value_or(0);
        most = to.value_or(RegexNode::unbounded);
        m_at = end + 1;
        return true;
    }

    QByteArray m_text;
    Modifiers m_modifiers;
    qsizetype m_at = 0;
    bool m_hasFailed = false;
    bool m_hasGroups = false;
    bool m_hasReferences = false;
};

/// Where the class that begins at `at` ends.
qsizetype afterBracket(const QByteArray &text, qsizetype at)
{
    ++at;
    if (at < text.size() && text[at] == '^') {
        ++at;
    }
    for (bool isFirst = true; at < text.size(); isFirst = false) {
        if (text[at] == '\\') {
            at += 2;
        } else if (text.mid(at, 2) == "[:" && text.indexOf(":]", at) > 0) {
            at = text.indexOf(":]", at) + 2;
        } else if (text[at++] == ']' && !isFirst) {
            break;
        }
    }
    return std::min(at, text.size());
}

}  // namespace

std::optional<RegexTree> readRegex(const Regex &regex)
{
    return Reader(regex).read();
}

QByteArray pcreText(const QByteArray &source)
{
    QByteArray text;
    text.reserve(source.size());
    for (qsizetype at = 0; at < source.size();) {
        qsizetype end = at + 1;
        if (source[at] == '\\') {
            end = std::min(at + 2, source.size());
        } else if (source[at] == '[') {
            end = afterBracket(source, at);
        } else if (source[at] == '(' && source.mid(at + 1, 1) == "?") {
            end = at + 2;
            while (end < source.size() && isIn(source[end], "^imsxnauldp-")) {
                ++end;
            }
            if (end < source.size() && (source[end] == ':' || source[end] == ')')) {
                text += "(?";
                for (qsizetype i = at + 2; i < end; ++i) {
                    if (!isIn(source[i], "auldp")) {
                        text += source[i];
                    }
                }
                at = end;
                continue;
            }
            end = at + 2;
        } else if (source[at] == '{' && source.mid(at + 1, 1) == ",") {
            qsizetype digits = at + 2;
            while (digits < source.size()
                   && std::isdigit(static_cast<uchar>(source[digits])) != 0) {
                ++digits;
            }
            if (digits > at + 2 && digits < source.size() && source[digits] == '}') {
                text += "{0,";
                at += 2;
                continue;
            }
        }
        text += QByteArrayView(source).sliced(at, end - at);
        at = end;
    }
    return text;
}

}  // namespace portcullis::spam
