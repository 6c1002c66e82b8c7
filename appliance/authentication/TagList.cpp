// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/TagList.h"

#include <algorithm>

namespace portcullis::authentication {

namespace {

constexpr size_t c_mostTags = 64;
constexpr qsizetype c_longestDomain = 253;
constexpr qsizetype c_longestLabel = 63;

bool isAlpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

bool isWhite(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

mail::Span trimmedSpan(QByteArrayView text, mail::Span span)
{
    while (span.begin < span.end && isWhite(text[span.begin])) {
        ++span.begin;
    }
    while (span.end > span.begin && isWhite(text[span.end - 1])) {
        --span.end;
    }
    return span;
}

bool isTagName(QByteArrayView name)
{
    return !name.isEmpty() && isAlpha(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
        return isAlpha(c) || isDigit(c) || c == '_';
    });
}

// RFC 6376 §3.2 tval: VALCHAR is printable ASCII but ";", white space between. RFC 8616 adds UTF-8.
bool isTagValue(QByteArrayView value)
{
    return std::all_of(value.begin(), value.end(), [](char c) {
        return isWhite(c) || static_cast<unsigned char>(c) > 0x7F || (c >= '!' && c <= '~');
    });
}

}  // namespace

std::optional<TagList> TagList::parse(QByteArrayView text)
{
    TagList list;
    qsizetype at = 0;
    while (at < text.size()) {
        const qsizetype semicolon = text.indexOf(';', at);
        const mail::Span part{at, semicolon < 0 ? text.size() : semicolon};
        at = part.end + 1;
        if (trimmedSpan(text, part).isEmpty()) {
            // Only what follows the last semicolon may be empty.
            if (semicolon < 0 && !list.m_tags.empty()) {
                break;
            }
            return std::nullopt;
        }
        const qsizetype equals = text.indexOf('=', part.begin);
        if (equals < 0 || equals >= part.end || list.m_tags.size() >= c_mostTags) {
            return std::nullopt;
        }
        const mail::Span raw{equals + 1, part.end};
        Tag tag{trimmedSpan(text, {part.begin, equals}).of(text).toByteArray(),
                trimmedSpan(text, raw).of(text).toByteArray(), raw};
        if (!isTagName(tag.name) || !isTagValue(tag.value) || list.has(tag.name)) {
            return std::nullopt;
        }
        list.m_tags.push_back(std::move(tag));
    }
    return list.m_tags.empty() ? std::nullopt : std::optional(std::move(list));
}

const TagList::Tag *TagList::find(QByteArrayView name) const
{
    const auto it = std::find_if(m_tags.begin(), m_tags.end(),
                                 [&](const Tag &tag) { return tag.name == name; });
    return it == m_tags.end() ? nullptr : &*it;
}

QByteArray TagList::value(QByteArrayView name) const
{
    const Tag *tag = find(name);
    return tag ? tag->value : QByteArray();
}

QByteArray TagList::packed(QByteArrayView name) const
{
    QByteArray text = value(name);
    text.removeIf(isWhite);
    return text;
}

std::optional<QByteArray> strictBase64(const QByteArray &text)
{
    const auto decoded = QByteArray::fromBase64Encoding(text,
                                                        QByteArray::AbortOnBase64DecodingErrors);
    if (decoded.decodingStatus != QByteArray::Base64DecodingStatus::Ok
        || decoded.decoded.isEmpty()) {
        return std::nullopt;
    }
    return decoded.decoded;
}

std::optional<qint64> decimal(const QByteArray &text)
{
    constexpr qsizetype c_mostDigits = 12;
    if (text.isEmpty() || text.size() > c_mostDigits
        || !std::all_of(text.begin(), text.end(), isDigit)) {
        return std::nullopt;
    }
    return text.toLongLong();
}

bool isDomainName(const QByteArray &text, int labels)
{
    if (text.isEmpty() || text.size() > c_longestDomain) {
        return false;
    }
    int count = 0;
    qsizetype begin = 0;
    while (begin <= text.size()) {
        const qsizetype dot = text.indexOf('.', begin);
        const qsizetype end = dot < 0 ? text.size() : dot;
        if (end == begin || end - begin > c_longestLabel || text[begin] == '-'
            || text[end - 1] == '-') {
            return false;
        }
        ++count;
        begin = end + 1;
    }
    return count >= labels && std::all_of(text.begin(), text.end(), [](char c) {
               return isAlpha(c) || isDigit(c) || c == '-' || c == '_' || c == '.';
           });
}

QByteArray printable(QByteArrayView text, qsizetype limit)
{
    QByteArray result = text.first(std::min(text.size(), limit)).toByteArray();
    for (char &c : result) {
        c = c >= ' ' && c <= '~' ? c : '?';
    }
    return result;
}

}  // namespace portcullis::authentication
