// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/ContentType.h"

#include "appliance/spam/text/Octets.h"

#include <map>

namespace portcullis::spam {

namespace {

/// Position of a word without regard to case, at or after `from`; -1: none.
qsizetype findWord(QByteArrayView text, QByteArrayView word, qsizetype from)
{
    for (qsizetype at = from; at + word.size() <= text.size(); ++at) {
        if (octets::lower(text[at]) == word.front()
            && octets::startsIgnoringCase(text.sliced(at), word)) {
            return at;
        }
    }
    return -1;
}

bool isWordStart(QByteArrayView text, qsizetype at)
{
    return at == 0 || !octets::isWord(text[at - 1]);
}

/// Behind "=" and the space around it, or -1 if there is no "=".
qsizetype behindEquals(QByteArrayView text, qsizetype at)
{
    at = octets::skipSpace(text, at);
    return at < text.size() && text[at] == '=' ? octets::skipSpace(text, at + 1) : -1;
}

/// The shortest text up to a semicolon or the end of the value, without quotes around it. Nothing: a
/// line end comes first.
std::optional<QByteArray> looseValue(QByteArrayView text, qsizetype at)
{
    const auto isQuote = [](char c) { return c == '"' || c == '\''; };
    const bool isQuoted = at < text.size() && isQuote(text[at]);
    const qsizetype begin = at + (isQuoted ? 1 : 0);
    for (qsizetype end = begin; end <= text.size(); ++end) {
        const auto stopsAt = [&](qsizetype stop) {
            return stop == text.size() || text[stop] == ';'
                   || (stop + 1 == text.size() && text[stop] == '\n');
        };
        if (stopsAt(end) || (isQuote(text[end]) && stopsAt(end + 1))) {
            return text.sliced(begin, end - begin).toByteArray();
        }
        if (text[end] == '\n') {
            break;
        }
    }
    return std::nullopt;
}

/// The first parameter of a name that has a value.
std::optional<QByteArray> looseParameter(QByteArrayView text, QByteArrayView name)
{
    for (qsizetype at = findWord(text, name, 0); at >= 0; at = findWord(text, name, at + 1)) {
        const qsizetype value = isWordStart(text, at) ? behindEquals(text, at + name.size()) : -1;
        if (value >= 0) {
            const std::optional<QByteArray> found = looseValue(text, value);
            if (found) {
                return found;
            }
        }
    }
    return std::nullopt;
}

/// Whether "name" at this place may begin a parameter: by itself or as the end of "filename".
bool isNameStart(QByteArrayView text, qsizetype at)
{
    return isWordStart(text, at)
           || (at >= 4 && octets::equalsIgnoringCase(text.sliced(at - 4, 4), "file")
               && isWordStart(text, at - 4));
}

QByteArray plainName(QByteArrayView text)
{
    for (qsizetype at = findWord(text, "name", 0); at >= 0; at = findWord(text, "name", at + 1)) {
        const qsizetype value = isNameStart(text, at) ? behindEquals(text, at + 4) : -1;
        if (value >= 0) {
            const std::optional<QByteArray> found = looseValue(text, value);
            if (found) {
                return *found;
            }
        }
    }
    return {};
}

/// RFC 2231 §3: name*0="…"; name*1="…".
QByteArray continuedName(QByteArrayView text)
{
    constexpr int mostSections = 1'000;
    std::map<int, QByteArray> sections;
    for (qsizetype at = findWord(text, "name*", 0); at >= 0; at = findWord(text, "name*", at + 1)) {
        qsizetype end = at + 5;
        int number = 0;
        while (end < text.size() && octets::isDigit(text[end]) && number < mostSections) {
            number = number * 10 + (text[end++] - '0');
        }
        const qsizetype value = end > at + 5 && isNameStart(text, at) ? behindEquals(text, end)
                                                                      : -1;
        if (value >= 0 && number < mostSections) {
            const std::optional<QByteArray> section = looseValue(text, value);
            if (section) {
                sections[number] = *section;
            }
        }
    }
    QByteArray name;
    if (sections.count(0) != 0) {
        for (const auto &[number, section] : sections) {
            name += section;
        }
    }
    return name;
}

std::optional<QByteArray> boundaryOf(QByteArrayView text)
{
    for (qsizetype at = findWord(text, "boundary", 0); at >= 0;
         at = findWord(text, "boundary", at + 1)) {
        const qsizetype value = isWordStart(text, at) ? behindEquals(text, at + 8) : -1;
        if (value < 0 || value >= text.size()) {
            continue;
        }
        const bool isQuoted = text[value] == '"';
        const qsizetype begin = isQuoted ? value + 1 : value;
        qsizetype end = begin;
        while (end < text.size() && text[end] != '"'
               && (isQuoted || (!octets::isSpace(text[end]) && text[end] != ';'))) {
            ++end;
        }
        // Unquoted, it must end at space, a semicolon or the end.
        if (end > begin && (isQuoted || end == text.size() || text[end] != '"')) {
            return text.sliced(begin, end - begin).toByteArray();
        }
    }
    return std::nullopt;
}

/// Everything before the parameters, as far as it looks like type/subtype; lower case.
QByteArray statedType(QByteArrayView value)
{
    value = value.sliced(octets::skipSpace(value, 0));
    const qsizetype semicolon = octets::find(value, ';');
    if (semicolon >= 0) {
        value.truncate(semicolon);
    }
    const qsizetype slash = octets::find(value, '/');
    if (slash > 0) {
        qsizetype end = slash + 1;
        while (end < value.size() && value[end] != '/' && !octets::isSpace(value[end])) {
            ++end;
        }
        value.truncate(end);
    }
    return value.toByteArray().toLower();
}

bool isTypeCharacter(char c)
{
    return quint8(c) > 32 && quint8(c) < 127 && !QByteArrayView("\"(),:;<=>?@[\\]").contains(c);
}

}  // namespace

ContentType readContentType(QByteArrayView value)
{
    ContentType result;
    if (value.isEmpty() || value == QByteArrayView("0")) {
        result.isMissing = true;
        value = QByteArrayView("text/plain; charset=us-ascii");
    }
    result.boundary = boundaryOf(value);
    result.charset = looseParameter(value, "charset");
    result.name = plainName(value);
    if (result.name.isEmpty() || result.name == "0") {
        const QByteArray continued = continuedName(value);
        result.name = continued.isEmpty() ? result.name : continued;
    }
    QByteArray type = statedType(value);
    if (type.isEmpty() || type == "0") {
        result.isMissing = true;
        type.clear();
    }
    const bool isText = type.startsWith("text") && (type.size() == 4 || !octets::isWord(type[4]));
    const bool isOtherText = type == "text/x-vcard" || type == "text/calendar"
                             || type == "text/html";
    if (type.isEmpty() || (isText && !isOtherText)) {
        type = QByteArrayLiteral("text/plain");
    }
    for (const char c : type) {
        if (isTypeCharacter(c)) {
            result.type.append(c);
        }
    }
    return result;
}

QByteArray dispositionName(QByteArrayView value)
{
    for (qsizetype at = findWord(value, "name=", 0); at >= 0;
         at = findWord(value, "name=", at + 1)) {
        qsizetype begin = octets::skipSpace(value, at + 5);
        begin += begin < value.size() && value[begin] == '"' ? 1 : 0;
        qsizetype end = begin;
        while (end < value.size() && value[end] != '"' && value[end] != ';') {
            ++end;
        }
        if (end > begin) {
            return value.sliced(begin, end - begin).toByteArray();
        }
        // `name= ;` with space only: the space is the name.
        if (begin > at + 5 && octets::isSpace(value[begin - 1])) {
            return QByteArrayLiteral(" ");
        }
    }
    return {};
}

}  // namespace portcullis::spam
