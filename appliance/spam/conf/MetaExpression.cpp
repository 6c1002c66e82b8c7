// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/MetaExpression.h"

#include <cctype>

namespace portcullis::spam {

namespace {

using Operation = MetaTest::Operation;

constexpr char matchingFunction[] = "rules_matching(";
constexpr qsizetype maxTestName = 128;

bool isNameStart(char c)
{
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool isNamePart(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// An operator between two values, with Perl's precedence (perlop); a higher level binds closer.
struct InfixOperator {
    const char *text;
    int level;
    Operation operation;
};

constexpr InfixOperator infixOperators[] = {
    {"||", 1, Operation::Or},           {"&&", 2, Operation::And},
    {"^", 3, Operation::Xor},           {"==", 4, Operation::Equal},
    {"!=", 4, Operation::NotEqual},     {"<=", 5, Operation::LessEqual},
    {">=", 5, Operation::GreaterEqual}, {"<", 5, Operation::Less},
    {">", 5, Operation::Greater},       {"+", 6, Operation::Add},
    {"-", 6, Operation::Subtract},      {"*", 7, Operation::Multiply},
    {"/", 7, Operation::Divide}};
constexpr int loosestLevel = 1;
constexpr int tightestLevel = 7;

/// Recursive descent by precedence, writing postfix.
class MetaReader
{
public:
    MetaReader(const QByteArray &text, const RuleLimits &limits)
        : m_text(text)
        , m_limits(limits)
    {
    }

    MetaReading read()
    {
        if (m_text.simplified().replace(' ', "") == "()") {
            return {{{Operation::Number, 0, {}}}, {}};
        }
        choice();
        skipSpace();
        if (m_error.isEmpty() && m_at < m_text.size()) {
            fail("unexpected '" + m_text.mid(m_at, 20) + "'");
        }
        return m_error.isEmpty() ? MetaReading{std::move(m_steps), {}} : MetaReading{{}, m_error};
    }

private:
    // NOLINTBEGIN(misc-no-recursion) depth bounded by RuleLimits::metaDepth, in infix() by tightestLevel
    void choice()
    {
        if (++m_depth > m_limits.metaDepth) {
            return fail("too deep");
        }
        infix(loosestLevel);
        skipSpace();
        if (m_error.isEmpty() && peek() == '?') {
            ++m_at;
            choice();
            skipSpace();
            if (peek() != ':') {
                return fail("'?' without ':'");
            }
            ++m_at;
            choice();
            push({Operation::Choose, 0, {}});
        }
        --m_depth;
    }

    void infix(int level)
    {
        if (level > tightestLevel) {
            return prefix();
        }
        infix(level + 1);
        // Perl's comparisons do not chain: "a > b > c" is refused there, and here.
        bool mayRepeat = true;
        while (const InfixOperator *next = m_error.isEmpty() ? peekInfix(level) : nullptr) {
            if (!mayRepeat) {
                return fail("comparisons cannot be chained");
            }
            mayRepeat = level != 4 && level != 5;
            m_at += static_cast<qsizetype>(qstrlen(next->text));
            infix(level + 1);
            push({next->operation, 0, {}});
        }
    }

    void prefix()
    {
        if (++m_depth > m_limits.metaDepth) {
            return fail("too deep");
        }
        skipSpace();
        const char c = peek();
        if (c == '!' || c == '-') {
            ++m_at;
            prefix();
            push({c == '!' ? Operation::Not : Operation::Negate, 0, {}});
        } else if (c == '+') {
            ++m_at;
            prefix();
        } else {
            value();
        }
        --m_depth;
    }

    void value()
    {
        const char c = peek();
        if (c == '(') {
            ++m_at;
            choice();
            skipSpace();
            if (peek() != ')') {
                return fail("missing ')'");
            }
            ++m_at;
        } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
            number();
        } else if (isNameStart(c)) {
            name();
        } else {
            fail(m_at < m_text.size() ? "unexpected '" + m_text.mid(m_at, 20) + "'"
                                      : QByteArray("a value is missing at the end"));
        }
    }
    // NOLINTEND(misc-no-recursion)

    void number()
    {
        const qsizetype from = m_at;
        while (std::isdigit(static_cast<unsigned char>(peek())) != 0 || peek() == '.') {
            ++m_at;
        }
        const QByteArray digits = m_text.mid(from, m_at - from);
        bool isNumber = false;
        const double number = digits.toDouble(&isNumber);
        if (!isNumber || digits.endsWith('.') || isNameStart(peek())) {
            return fail("'" + m_text.mid(from, 20) + "' is not a number");
        }
        push({Operation::Number, number, {}});
    }

    void name()
    {
        const qsizetype from = m_at;
        if (QByteArrayView(m_text).sliced(m_at).startsWith(matchingFunction)) {
            const qsizetype end = m_text.indexOf(')', m_at);
            if (end < 0) {
                return fail("rules_matching() without ')'");
            }
            m_at = end + 1;
            const QByteArray glob = m_text.mid(from + qstrlen(matchingFunction),
                                               end - from - qstrlen(matchingFunction));
            return push({Operation::Test, 0, matchingFunction + glob.trimmed() + ")"});
        }
        while (isNamePart(peek())) {
            ++m_at;
        }
        if (m_at - from > maxTestName) {
            return fail("a name is too long");
        }
        push({Operation::Test, 0, m_text.mid(from, m_at - from)});
    }

    const InfixOperator *peekInfix(int level)
    {
        skipSpace();
        const QByteArrayView rest = QByteArrayView(m_text).sliced(m_at);
        for (const InfixOperator &candidate : infixOperators) {
            if (rest.startsWith(QByteArrayView(candidate.text))) {
                return candidate.level == level ? &candidate : nullptr;
            }
        }
        return nullptr;
    }

    [[nodiscard]] char peek() const { return m_at < m_text.size() ? m_text[m_at] : '\0'; }

    void skipSpace()
    {
        while (std::isspace(static_cast<unsigned char>(peek())) != 0) {
            ++m_at;
        }
    }

    void push(MetaTest::Step step)
    {
        if (m_steps.size() >= static_cast<size_t>(m_limits.metaSteps)) {
            return fail("too long");
        }
        m_steps.push_back(std::move(step));
    }

    void fail(const QByteArray &why)
    {
        if (m_error.isEmpty()) {
            m_error = why;
        }
    }

    const QByteArray &m_text;
    const RuleLimits &m_limits;
    qsizetype m_at = 0;
    int m_depth = 0;
    std::vector<MetaTest::Step> m_steps;
    QByteArray m_error;
};

/// SpamAssassin cuts the text into words first, and its numbers may begin with a sign, which it then
/// refuses: "A +1" and "A-1" are errors there, "A + 1" is not.
bool hasSignedNumber(const QByteArray &text)
{
    for (qsizetype i = 0; i + 1 < text.size(); ++i) {
        const bool isSign = text[i] == '+' || text[i] == '-';
        if (isSign && std::isdigit(static_cast<unsigned char>(text[i + 1])) != 0) {
            return true;
        }
    }
    return false;
}

}  // namespace

MetaReading readMeta(const QByteArray &text, const RuleLimits &limits)
{
    for (const char *forbidden : {"::", "->", "$", "@", "%", ";", "{", "}", "**"}) {
        if (text.contains(forbidden)) {
            return {{}, QByteArray("'") + forbidden + "' is not allowed"};
        }
    }
    if (hasSignedNumber(text)) {
        return {{}, "a sign stands directly before a number; write a space between them"};
    }
    return MetaReader(text, limits).read();
}

QByteArray globOf(const QByteArray &name)
{
    const auto prefix = static_cast<qsizetype>(qstrlen(matchingFunction));
    return name.startsWith(matchingFunction) ? name.mid(prefix, name.size() - prefix - 1)
                                             : QByteArray();
}

bool matchesGlob(QByteArrayView name, QByteArrayView glob)
{
    qsizetype at = 0;
    qsizetype pattern = 0;
    qsizetype starAt = -1;
    qsizetype afterStar = 0;
    while (at < name.size()) {
        if (pattern < glob.size() && (glob[pattern] == '?' || glob[pattern] == name[at])) {
            ++at;
            ++pattern;
        } else if (pattern < glob.size() && glob[pattern] == '*') {
            starAt = at;
            afterStar = ++pattern;
        } else if (starAt >= 0) {
            at = ++starAt;
            pattern = afterStar;
        } else {
            return false;
        }
    }
    while (pattern < glob.size() && glob[pattern] == '*') {
        ++pattern;
    }
    return pattern == glob.size();
}

bool isTestName(QByteArrayView name)
{
    if (name.isEmpty() || name.size() > maxTestName || !isNameStart(name.front())) {
        return false;
    }
    for (const char c : name) {
        if (!isNamePart(c)) {
            return false;
        }
    }
    return true;
}

}  // namespace portcullis::spam
