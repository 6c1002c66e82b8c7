// SPDX-License-Identifier: GPL-2.0-or-later
#define PCRE2_CODE_UNIT_WIDTH 8
#include "appliance/spam/conf/RegexText.h"

#include <pcre2.h>

#include <cctype>

namespace portcullis::spam {

namespace {

constexpr int patternTooLarge = 120;  // pcre2api(3), COMPILATION ERROR CODES

bool isRegexWord(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// The delimiter that ends a literal, after taking away what begins it. Empty: not a literal.
QByteArray takeOpening(QByteArrayView &text)
{
    if (text.startsWith('/')) {
        text = text.sliced(1);
        return "/";
    }
    const qsizetype prefix = text.startsWith('m') ? 1 : text.startsWith("qr") ? 2 : 0;
    if (prefix == 0 || text.size() <= prefix) {
        return {};
    }
    const char opening = text[prefix];
    if (isRegexWord(opening) || opening == '\\') {
        return {};
    }
    text = text.sliced(prefix + 1);
    const qsizetype paired = QByteArrayView("{(<[").indexOf(opening);
    return QByteArray(1, paired < 0 ? opening : "})>]"[paired]);
}

/// Whether the delimiter stands in the pattern without a backslash before it.
bool hasBareDelimiter(QByteArrayView pattern, char delimiter)
{
    for (qsizetype i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\') {
            ++i;
        } else if (pattern[i] == delimiter) {
            return true;
        }
    }
    return false;
}

QByteArray applyModifiers(QByteArrayView modifiers, Regex &regex)
{
    for (const char modifier : modifiers) {
        switch (modifier) {
        case 'i':
            regex.isCaseless = true;
            break;
        case 'm':
            regex.isMultiLine = true;
            break;
        case 's':
            regex.isDotAll = true;
            break;
        case 'x':
            regex.isExtended = true;
            break;
        case 'n':
            regex.hasNoCapture = true;
            break;
        case 'a':  // implied
        case 'p':  // about Perl's variables only
            break;
        default:
            return QByteArray("modifier '") + modifier + "' is not supported";
        }
    }
    return {};
}

/// Perl 5.34 and later read `{,n}` as `{0,n}`; PCRE2 10.42 takes it for text.
QByteArray withLowerBounds(const QByteArray &source)
{
    if (!source.contains("{,")) {
        return source;
    }
    QByteArray result;
    bool isInClass = false;
    for (qsizetype i = 0; i < source.size(); ++i) {
        const char c = source[i];
        result += c;
        if (c == '\\' && i + 1 < source.size()) {
            result += source[++i];
        } else if (c == '[') {
            isInClass = true;
        } else if (c == ']') {
            isInClass = false;
        } else if (c == '{' && !isInClass && source.mid(i + 1, 1) == ",") {
            const qsizetype end = source.indexOf('}', i);
            bool isNumber = false;
            source.mid(i + 2, end - i - 2).toUInt(&isNumber);
            if (end > 0 && isNumber) {
                result += '0';
            }
        }
    }
    return result;
}

/// "FOO_BAR", perhaps with "(…)": the name of a captured value.
bool isCaptureName(QByteArrayView name)
{
    const qsizetype parenthesis = name.indexOf('(');
    if (parenthesis >= 0) {
        if (!name.endsWith(')')) {
            return false;
        }
        name = name.first(parenthesis);
    }
    if (name.isEmpty() || name.front() < 'A' || name.front() > 'Z' || name.back() == '_'
        || name.indexOf("__") >= 0) {
        return false;
    }
    for (const char c : name) {
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_') {
            return false;
        }
    }
    return true;
}

void findCaptures(Regex &regex)
{
    const QByteArray &source = regex.source;
    for (qsizetype at = source.indexOf("%{"); at >= 0; at = source.indexOf("%{", at + 2)) {
        const qsizetype end = source.indexOf('}', at);
        if (end < 0) {
            break;
        }
        const QByteArray name = source.mid(at + 2, end - at - 2);
        if ((at == 0 || source[at - 1] != '\\') && isCaptureName(name)) {
            regex.neededCaptures.push_back(name);
        }
    }
    for (qsizetype at = source.indexOf("(?"); at >= 0; at = source.indexOf("(?", at + 2)) {
        const qsizetype open = at + (source.mid(at + 2, 1) == "P" ? 3 : 2);
        const char quote = source.size() > open + 1 ? source[open] : ' ';
        if ((quote == '<' || quote == '\'') && source[open + 1] >= 'A' && source[open + 1] <= 'Z') {
            regex.capturesNames = true;
        }
    }
}

/// SpamAssassin's lint refuses these: an empty alternative matches everything.
QByteArray alwaysMatching(const QByteArray &source)
{
    if (source.isEmpty()) {
        return "it is empty";
    }
    if (source.startsWith('|')) {
        return "it starts with '|'";
    }
    for (qsizetype i = 0; i < source.size(); ++i) {
        if (source[i] == '\\') {
            ++i;
        } else if (source[i] == '|' && i + 1 == source.size()) {
            return "it ends with '|'";
        } else if (source[i] == '|' && source[i + 1] == '|') {
            return "it contains '||'";
        }
    }
    return {};
}

}  // namespace

QByteArray compileError(const Regex &regex)
{
    quint32 options = 0;
    options |= regex.isCaseless ? PCRE2_CASELESS : 0;
    options |= regex.isMultiLine ? PCRE2_MULTILINE : 0;
    options |= regex.isDotAll ? PCRE2_DOTALL : 0;
    options |= regex.isExtended ? PCRE2_EXTENDED : 0;
    options |= regex.hasNoCapture ? PCRE2_NO_AUTO_CAPTURE : 0;
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.source.constData()),
                                     static_cast<PCRE2_SIZE>(regex.source.size()), options, &error,
                                     &offset, nullptr);
    if (code) {
        pcre2_code_free(code);
        return {};
    }
    if (error == patternTooLarge) {
        return {};
    }
    PCRE2_UCHAR text[256] = {};
    pcre2_get_error_message(error, text, sizeof text);
    return QByteArray(reinterpret_cast<const char *>(text)) + " at offset "
           + QByteArray::number(static_cast<qulonglong>(offset));
}

RegexReading readRegex(QByteArrayView text)
{
    const QByteArray delimiter = takeOpening(text);
    if (delimiter.isEmpty()) {
        return {std::nullopt, "the delimiters of the regex are missing", {}};
    }
    qsizetype end = text.size();
    while (end > 0 && text[end - 1] >= 'a' && text[end - 1] <= 'z' && text[end - 1] != 'e') {
        --end;
    }
    if (end == 0 || text[end - 1] != delimiter[0]) {
        return {std::nullopt, "the regex does not end with '" + delimiter + "' and modifiers", {}};
    }
    const QByteArrayView pattern = text.first(end - 1);
    Regex regex;
    regex.source = withLowerBounds(pattern.toByteArray());
    if (regex.source.contains("(?{") || regex.source.contains("(??{")) {
        return {std::nullopt, "code in a regex is not allowed", {}};
    }
    if (!QByteArrayView("})]").contains(delimiter[0]) && hasBareDelimiter(pattern, delimiter[0])) {
        return {std::nullopt, "the delimiter '" + delimiter + "' stands in the regex unquoted", {}};
    }
    QByteArray error = applyModifiers(text.sliced(end), regex);
    if (error.isEmpty()) {
        error = compileError(regex);
    }
    if (!error.isEmpty()) {
        return {std::nullopt, "invalid regex: " + error, {}};
    }
    findCaptures(regex);
    const QByteArray always = alwaysMatching(regex.source);
    return {regex, {}, always.isEmpty() ? always : "the regex matches everything: " + always};
}

}  // namespace portcullis::spam
