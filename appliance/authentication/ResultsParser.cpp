// SPDX-License-Identifier: GPL-2.0-or-later
// Reading Authentication-Results: ours, others', forged ones.
#include "appliance/authentication/AuthenticationResults.h"

#include <algorithm>

namespace portcullis::authentication {

namespace {

constexpr int c_mostResults = 200;
constexpr int c_mostProperties = 50;
constexpr int c_deepestNesting = 20;

bool isSpaceOrControl(char c)
{
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7F;
}

bool isFolding(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Words of a structured field, comments skipped.
class ResultsReader
{
public:
    explicit ResultsReader(QByteArrayView text)
        : m_text(text)
    {
    }

    [[nodiscard]] bool atEnd() const { return m_at >= m_text.size(); }
    [[nodiscard]] char peek() const { return atEnd() ? '\0' : m_text[m_at]; }

    void skipBlanks()
    {
        while (!atEnd()) {
            if (m_text[m_at] == '(') {
                skipParentheses();
            } else if (isSpaceOrControl(m_text[m_at])) {
                ++m_at;
            } else {
                break;
            }
        }
    }

    bool take(char wanted)
    {
        skipBlanks();
        if (atEnd() || m_text[m_at] != wanted) {
            return false;
        }
        ++m_at;
        return true;
    }

    /// Up to a blank, a comment or one of `ends`; a quoted string is taken as one, unquoted.
    QByteArray word(QByteArrayView ends)
    {
        skipBlanks();
        QByteArray result;
        while (!atEnd()) {
            const char c = m_text[m_at];
            if (c == '"') {
                takeQuoted(result);
            } else if (isSpaceOrControl(c) || c == '(' || ends.contains(c)) {
                break;
            } else {
                result.append(c);
                ++m_at;
            }
        }
        return result;
    }

    /// Behind the next semicolon outside of quotes and comments.
    void skipPart()
    {
        QByteArray ignored;
        while (!atEnd() && m_text[m_at] != ';') {
            if (m_text[m_at] == '"') {
                takeQuoted(ignored);
            } else if (m_text[m_at] == '(') {
                skipParentheses();
            } else {
                ++m_at;
            }
        }
        ++m_at;
    }

private:
    void skipParentheses()
    {
        int depth = 0;
        for (; !atEnd(); ++m_at) {
            const char c = m_text[m_at];
            if (c == '\\') {
                ++m_at;
            } else if (c == '(') {
                depth = std::min(depth + 1, c_deepestNesting);
            } else if (c == ')' && --depth == 0) {
                ++m_at;
                return;
            }
        }
    }

    void takeQuoted(QByteArray &result)
    {
        for (++m_at; !atEnd(); ++m_at) {
            if (m_text[m_at] == '\\' && m_at + 1 < m_text.size()) {
                result.append(m_text[++m_at]);
            } else if (m_text[m_at] == '"') {
                ++m_at;
                return;
            } else {
                result.append(m_text[m_at]);
            }
        }
    }

    QByteArrayView m_text;
    qsizetype m_at = 0;
};

// method ["/" version] "=" result; nothing: broken, or "none".
std::optional<MethodResult> readResult(ResultsReader &reader)
{
    MethodResult result;
    result.method = reader.word("=/;").toLower();
    if (reader.take('/')) {
        reader.word("=;");
    }
    if (result.method.isEmpty() || !reader.take('=')) {
        return std::nullopt;
    }
    result.result = reader.word(";").toLower();
    while (static_cast<int>(result.properties.size()) < c_mostProperties) {
        QByteArray name = reader.word("=.;").toLower();
        if (reader.take('.')) {
            name += '.' + reader.word("=;").toLower();
        }
        if (name.isEmpty() || !reader.take('=')) {
            break;
        }
        result.properties.emplace_back(name, reader.word(";"));
    }
    return result;
}

QByteArray lettersOf(QByteArrayView name)
{
    QByteArray letters = name.toByteArray().toLower();
    letters.removeIf([](char c) { return c < 'a' || c > 'z'; });
    return letters;
}

// Whether an authserv-id, as it was read, may stand for our name.
bool isNameOfOurs(QByteArray claimed, const QByteArray &ours)
{
    claimed = claimed.toLower();
    // An encoded word means nothing there, but somebody might decode it.
    if (claimed.contains("=?")) {
        return true;
    }
    claimed.removeIf([](char c) { return c <= ' ' || c > '~'; });
    while (claimed.endsWith('.')) {
        claimed.chop(1);
    }
    // What follows a slash would be a version to one reader and part of the name to another.
    return claimed.isEmpty() || claimed == ours || claimed.endsWith('.' + ours)
           || claimed.startsWith(ours + '/') || claimed.startsWith(ours + '=');
}

}  // namespace

QByteArray MethodResult::property(QByteArrayView name) const
{
    const auto it = std::find_if(properties.begin(), properties.end(),
                                 [&](const auto &item) { return item.first == name; });
    return it == properties.end() ? QByteArray() : it->second;
}

std::optional<ParsedResults> parseAuthenticationResults(QByteArrayView value)
{
    ResultsReader reader(value);
    ParsedResults parsed;
    parsed.authservId = reader.word(";");
    if (parsed.authservId.isEmpty()) {
        return std::nullopt;
    }
    reader.skipPart();  // A version, if any, says nothing.
    while (!reader.atEnd() && static_cast<int>(parsed.results.size()) < c_mostResults) {
        if (auto result = readResult(reader)) {
            parsed.results.push_back(std::move(*result));
        }
        reader.skipPart();
    }
    return parsed;
}

bool claimsToBeOurs(const mail::HeaderField &field, const QByteArray &authservId)
{
    if (lettersOf(field.name()) != "authenticationresults") {
        return false;
    }
    // Control characters end a word for some readers and are nothing to others.
    QByteArray without = field.rawValue().toByteArray();
    without.removeIf([](char c) { return isSpaceOrControl(c) && !isFolding(c); });
    const QByteArray ours = authservId.toLower();
    return isNameOfOurs(ResultsReader(field.rawValue()).word(";"), ours)
           || isNameOfOurs(ResultsReader(without).word(";"), ours);
}

}  // namespace portcullis::authentication
