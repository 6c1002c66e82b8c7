// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/Condition.h"

#include "appliance/spam/conf/Capabilities.h"

#include <cctype>

namespace portcullis::spam {

namespace {

constexpr int maxConditionDepth = 50;

bool isWordCharacter(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// Recursive descent over one condition. Every value is a number; 0 is false.
class ConditionReader
{
public:
    ConditionReader(const QByteArray &text, const ConditionFacts &facts)
        : m_text(text)
        , m_facts(facts)
    {
    }

    ConditionResult read()
    {
        const double value = either();
        skipSpace();
        if (m_error.isEmpty() && m_at < m_text.size()) {
            fail("unexpected '" + m_text.mid(m_at, 20) + "'");
        }
        return m_error.isEmpty() ? ConditionResult{value != 0, {}}
                                 : ConditionResult{false, m_error};
    }

private:
    // NOLINTBEGIN(misc-no-recursion) every cycle passes primary(): depth bounded by maxConditionDepth
    double either()
    {
        double value = both();
        while (take("||")) {
            const double right = both();
            value = value != 0 || right != 0 ? 1 : 0;
        }
        return value;
    }

    double both()
    {
        double value = comparison();
        while (take("&&")) {
            const double right = comparison();
            value = value != 0 && right != 0 ? 1 : 0;
        }
        return value;
    }

    double comparison()
    {
        const double left = primary();
        if (take(">=")) {
            return left >= primary() ? 1 : 0;
        }
        if (take("<=")) {
            return left <= primary() ? 1 : 0;
        }
        if (take("==")) {
            return left == primary() ? 1 : 0;
        }
        if (take("!=")) {
            return left != primary() ? 1 : 0;
        }
        if (take(">")) {
            return left > primary() ? 1 : 0;
        }
        if (take("<")) {
            return left < primary() ? 1 : 0;
        }
        return left;
    }

    double primary()
    {
        if (++m_depth > maxConditionDepth) {
            return fail("too deep");
        }
        const double value = primaryAtDepth();
        --m_depth;
        return value;
    }

    double primaryAtDepth()
    {
        if (take("!")) {
            return primary() == 0 ? 1 : 0;
        }
        if (take("(")) {
            const double value = either();
            return take(")") ? value : fail("missing ')'");
        }
        const QByteArray word = takeWord();
        bool isNumber = false;
        const double number = word.toDouble(&isNumber);
        if (isNumber) {
            return number;
        }
        if (word == "version") {
            return QByteArray(engineVersion).toDouble();
        }
        if (word == "perl_version") {
            return QByteArray(perlVersion).toDouble();
        }
        if (word == "local_tests_only") {
            return m_facts.isLocalOnly ? 1 : 0;
        }
        return question(word);
    }
    // NOLINTEND(misc-no-recursion)

    double question(const QByteArray &word)
    {
        const bool isPlugin = word == "plugin";
        if (!isPlugin && word != "can" && word != "has") {
            return fail(word.isEmpty() ? "a value is missing" : "unknown word '" + word + "'");
        }
        if (!take("(")) {
            return fail("missing '(' after " + word);
        }
        const QByteArray name = takeWord();
        if (!take(")")) {
            return fail("missing ')' after " + word);
        }
        if (isPlugin) {
            return m_facts.isPluginLoaded(newestPlugin(name)) ? 1 : 0;
        }
        const qsizetype colons = name.lastIndexOf("::");
        if (colons < 0) {
            return fail("no '::' in " + word + "(" + name + ")");
        }
        return m_facts.isCapable(newestPlugin(name.left(colons)), name.mid(colons + 2)) ? 1 : 0;
    }

    void skipSpace()
    {
        while (m_at < m_text.size()
               && std::isspace(static_cast<unsigned char>(m_text[m_at])) != 0) {
            ++m_at;
        }
    }

    bool take(QByteArrayView token)
    {
        skipSpace();
        if (!m_error.isEmpty() || !QByteArrayView(m_text).sliced(m_at).startsWith(token)) {
            return false;
        }
        const bool isLone = token == "!" || token == ">" || token == "<";
        if (isLone && m_text.mid(m_at + 1, 1) == "=") {
            return false;
        }
        m_at += token.size();
        return true;
    }

    QByteArray takeWord()
    {
        skipSpace();
        const qsizetype start = m_at;
        while (m_at < m_text.size()
               && (isWordCharacter(m_text[m_at]) || m_text[m_at] == ':' || m_text[m_at] == '.')) {
            ++m_at;
        }
        return m_text.mid(start, m_at - start);
    }

    double fail(const QByteArray &why)
    {
        if (m_error.isEmpty()) {
            m_error = why;
        }
        m_at = m_text.size();
        return 0;
    }

    const QByteArray &m_text;
    const ConditionFacts &m_facts;
    qsizetype m_at = 0;
    int m_depth = 0;
    QByteArray m_error;
};

}  // namespace

ConditionResult evaluateCondition(const QByteArray &text, const ConditionFacts &facts)
{
    return ConditionReader(text, facts).read();
}

}  // namespace portcullis::spam
