// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RegexCursor.h"
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

class Reader : private RegexCursor
{
public:
    explicit Reader(const Regex &regex)
        : RegexCursor(regex.source)
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

    /// What /x leaves out: also the octet of U+0085 (NEL), in Perl as in PCRE2, whatever the encoding.
    static bool isPatternSpace(char c)
    {
        return std::isspace(static_cast<uchar>(c)) != 0 || c == '\x85';
    }

    void skipComments()
    {
        while (!atEnd()) {
            if (follows("(?#")) {
                const qsizetype end = m_text.indexOf(')', m_at);
                m_at = end < 0 ? m_text.size() : end + 1;
            } else if (m_modifiers.isExtended && isPatternSpace(peek())) {
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
            } else if (!isOneOf(c, "auldp")) {
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
        if (isOneOf(c, "bBAzZG")) {
            m_at += 2;
            return writtenNode(Kind::Assertion, m_text.mid(m_at - 2, 2));
        }
        if (isOneOf(c, "123456789") && std::isdigit(static_cast<uchar>(peek(2))) == 0) {
            m_at += 2;
            m_hasReferences = true;
            return writtenNode(Kind::Opaque, m_text.mid(m_at - 2, 2));
        }
        const int byte = escapedByte();
        return byte < 0 ? fail() : literal(static_cast<uchar>(byte));
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
            if (!takeBracketItem(set)) {
                return fail();
            }
        }
        if (m_modifiers.isCaseless) {
            set = set.withoutCase();
        }
        return setNode(isNegated ? ~set : set);
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
        } else if (!takeBraces(least, most)) {
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
        if (isOneOf(peek(), "*+?")) {
            fail();
        }
    }

    Modifiers m_modifiers;
    bool m_hasFailed = false;
    bool m_hasGroups = false;
    bool m_hasReferences = false;
};

}  // namespace

std::optional<RegexTree> readRegex(const Regex &regex)
{
    return Reader(regex).read();
}

}  // namespace portcullis::spam
