// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RegexCursor.h"

#include "appliance/spam/match/RegexTree.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace portcullis::spam {

namespace {

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

/// A count as Perl writes it; what else stands in braces (signs, spaces, NULs) is no count but text.
std::optional<int> digits(const QByteArray &text)
{
    const bool isCount = !text.isEmpty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c >= '0' && c <= '9';
    });
    bool isSmall = false;
    const int count = isCount ? text.toInt(&isSmall) : 0;
    return isSmall ? std::optional(count) : std::nullopt;
}

}  // namespace

bool isOneOf(char c, const char *characters)
{
    return c != '\0' && std::strchr(characters, c) != nullptr;
}

std::optional<ByteSet> RegexCursor::shorthand(char letter)
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

bool RegexCursor::take(const char *word)
{
    if (!follows(word)) {
        return false;
    }
    m_at += static_cast<qsizetype>(std::strlen(word));
    return true;
}
int RegexCursor::escapedByte()
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
        if (atEnd()) {
            return -1;
        }
        const int control = std::toupper(static_cast<uchar>(peek())) ^ 64;
        ++m_at;
        return control & 127;
    }
    default:
        return std::isalnum(static_cast<uchar>(c)) != 0 ? -1 : static_cast<uchar>(c);
    }
}

int RegexCursor::hexByte()
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

int RegexCursor::octalByte()
{
    int value = 0;
    for (int digits = 0; digits < 2 && peek() >= '0' && peek() <= '7'; ++digits, ++m_at) {
        value = value * 8 + (peek() - '0');
    }
    return value;
}

bool RegexCursor::takeBracketItem(ByteSet &set)
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

int RegexCursor::bracketByte()
{
    if (peek() != '\\') {
        return static_cast<uchar>(m_text[m_at++]);
    }
    if (peek(1) == 'b') {
        m_at += 2;
        return '\b';
    }
    if (isOneOf(peek(1), "1234567")) {
        ++m_at;
        int value = 0;
        for (int digits = 0; digits < 3 && peek() >= '0' && peek() <= '7'; ++digits, ++m_at) {
            value = value * 8 + (peek() - '0');
        }
        return value > 255 ? -1 : value;
    }
    return m_at + 1 >= m_text.size() ? -1 : escapedByte();
}

bool RegexCursor::takeBraces(int &least, int &most)
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

}  // namespace portcullis::spam
