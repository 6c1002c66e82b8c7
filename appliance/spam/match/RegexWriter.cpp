// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RegexTree.h"

#include <QtCore/QHash>

#include <array>
#include <cctype>

namespace portcullis::spam {

namespace {

/// A subroutine and the calls of it take room too; shorter parts stay where they are.
constexpr qsizetype leastShared = 48;

/// One octet that means itself, in a class or outside.
QByteArray quoted(int byte)
{
    if (std::isalnum(byte) != 0 || byte == ' ' || byte == '_') {
        return {1, static_cast<char>(byte)};
    }
    return "\\x" + QByteArray::number(byte | 0x100, 16).right(2);
}

ByteSet setWhere(int (*holds)(int))
{
    ByteSet set;
    for (int byte = 0; byte < 128; ++byte) {
        if (holds(byte) != 0) {
            set.insert(static_cast<uchar>(byte));
        }
    }
    return set;
}

/// Sets that PCRE2 has a short word for; empty: none.
QByteArray shorthandText(const ByteSet &set)
{
    static const std::array<std::pair<ByteSet, const char *>, 3> known = {
        {{setWhere([](int byte) { return std::isspace(byte); }), "\\s"},
         {setWhere([](int byte) { return std::isdigit(byte); }), "\\d"},
         {setWhere([](int byte) { return int(std::isalnum(byte) != 0 || byte == '_'); }), "\\w"}}};
    for (const auto &[members, text] : known) {
        if (set == members) {
            return text;
        }
        if (set == ~members) {
            return QByteArray(text).toUpper();
        }
    }
    return set == ByteSet::all()       ? QByteArrayLiteral("(?s:.)")
           : set == ~ByteSet::of('\n') ? QByteArrayLiteral("(?-s:.)")
                                       : QByteArray();
}

/// A set for a pattern that is compiled caseless.
QByteArray setText(const ByteSet &set)
{
    if (QByteArray text = shorthandText(set); !text.isEmpty()) {
        return text;
    }
    const bool isCaseless = set == set.withoutCase();
    QByteArray text;
    const int size = set.count();
    int members = 0;
    for (int first = 0; first < 256; ++first) {
        if (!set.contains(static_cast<uchar>(first))
            || (isCaseless && first >= 'A' && first <= 'Z')) {
            continue;
        }
        int last = first;
        while (last < 255 && set.contains(static_cast<uchar>(last + 1))
               && !(isCaseless && last + 1 >= 'A' && last + 1 <= 'Z')) {
            ++last;
        }
        text += quoted(first);
        if (last > first) {
            text += '-' + quoted(last);
        }
        members += last - first + 1;
        first = last;
    }
    if (members != 1) {
        text = size == 0 ? QByteArrayLiteral("(?!)") : '[' + text + ']';
    }
    return isCaseless || size == 0 ? text : "(?-i:" + text + ')';
}

/// Adjacent alternatives of one octet each become one set: no other order of trying, fewer branches.
// NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
void joinSets(RegexNode &node)
{
    for (RegexNode &child : node.children) {
        joinSets(child);
    }
    if (node.kind != RegexNode::Kind::Choice) {
        return;
    }
    std::vector<RegexNode> joined;
    for (RegexNode &child : node.children) {
        if (child.kind == RegexNode::Kind::Set && !joined.empty()
            && joined.back().kind == RegexNode::Kind::Set) {
            joined.back().set |= child.set;
        } else {
            joined.push_back(std::move(child));
        }
    }
    if (joined.size() == 1) {
        RegexNode only = std::move(joined.front());
        node = std::move(only);
    } else {
        node.children = std::move(joined);
    }
}

class Writer
{
public:
    QByteArray write(const RegexNode &root)
    {
        count(root, 1);
        const QByteArray text = shared(root);
        QByteArray definitions;
        for (const QByteArray &definition : m_definitions) {
            definitions += definition;
        }
        return definitions.isEmpty() ? text : "(?(DEFINE)" + definitions + ')' + text;
    }

private:
    using Kind = RegexNode::Kind;

    static QByteArray repetition(const RegexNode &node)
    {
        QByteArray text = '{' + QByteArray::number(node.least);
        if (node.most == RegexNode::unbounded) {
            text += ',';
        } else if (node.most != node.least) {
            text += ',' + QByteArray::number(node.most);
        }
        return text + '}' + node.written;
    }

    // NOLINTBEGIN(misc-no-recursion) depth bounded by maxRegexDepth

    /// Everything in place, no subroutines: also the key by which equal parts are found.
    template<typename Child>
    QByteArray text(const RegexNode &node, const Child &child)
    {
        const auto joined = [&](const char *between) {
            QByteArray all;
            for (const RegexNode &part : node.children) {
                all += (&part == node.children.data() ? "" : between) + child(part);
            }
            return all;
        };
        switch (node.kind) {
        case Kind::Set:
            return setText(node.set);
        case Kind::Sequence:
            return joined("");
        case Kind::Choice:
            return "(?:" + joined("|") + ')';
        case Kind::Repeat:
            return "(?:" + child(node.children.front()) + ')' + repetition(node);
        case Kind::Group:
            return "(?:" + child(node.children.front()) + ')';
        case Kind::Atomic:
            return "(?>" + child(node.children.front()) + ')';
        case Kind::LookAhead:
            return "(?=" + child(node.children.front()) + ')';
        case Kind::LookBehind:
            return "(?<=" + plain(node.children.front()) + ')';
        case Kind::Assertion:
        case Kind::Opaque:
            return node.written.startsWith('(') ? node.written : "(?-imsx:" + node.written + ')';
        }
        return {};
    }
    /// Nodes stay where they are while this writes.
    const QByteArray &plain(const RegexNode &node)
    {
        const auto known = m_plain.constFind(&node);
        if (known != m_plain.constEnd()) {
            return *known;
        }
        return *m_plain.insert(&node,
                               text(node, [this](const RegexNode &child) { return plain(child); }));
    }

    void count(const RegexNode &node, int times)
    {
        if (node.kind == Kind::LookBehind) {
            return;
        }
        const QByteArray key = plain(node);
        if (key.size() < leastShared) {
            return;
        }
        int &uses = m_uses[key];
        const bool isKnown = uses > 0;
        uses += times;
        if (isKnown) {
            return;
        }
        // PCRE2 writes a part that is repeated so often again.
        const int inside = node.kind == Kind::Repeat ? std::max({node.least, node.most, 1}) : 1;
        for (const RegexNode &child : node.children) {
            count(child, inside);
        }
    }

    QByteArray shared(const RegexNode &node)
    {
        const QByteArray key = plain(node);
        const auto inPlace = [this](const RegexNode &child) { return shared(child); };
        if (m_uses.value(key) < 2) {
            return text(node, inPlace);
        }
        const auto known = m_names.constFind(key);
        if (known != m_names.constEnd()) {
            return "(?&" + *known + ')';
        }
        const QByteArray name = 's' + QByteArray::number(m_names.size());
        m_names.insert(key, name);
        const QByteArray body = text(node, inPlace);
        m_definitions.push_back("(?<" + name + '>' + body + ')');
        return "(?&" + name + ')';
    }

    // NOLINTEND(misc-no-recursion)

    QHash<const RegexNode *, QByteArray> m_plain;
    QHash<QByteArray, int> m_uses;
    QHash<QByteArray, QByteArray> m_names;
    std::vector<QByteArray> m_definitions;
};

}  // namespace

QByteArray compactText(RegexTree tree)
{
    joinSets(tree.root);
    return Writer().write(tree.root);
}

}  // namespace portcullis::spam
