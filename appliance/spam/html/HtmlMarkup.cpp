// SPDX-License-Identifier: GPL-2.0-or-later
// How HtmlTokenizer takes tags, comments, declarations and marked sections.
#include "appliance/spam/html/HtmlMarkup.h"

#include "appliance/spam/html/HtmlTokenizer.h"

#include <cstring>

namespace portcullis::spam {

qsizetype HtmlTokenizer::takeMarkup(qsizetype start)
{
    const char kind = m_data[start + 1];
    if (startsName(kind)) {
        return takeStartTag(start);
    }
    switch (kind) {
    case '/':
        return takeEndTag(start);
    case '!':
        return takeDeclaration(start);
    case '?': {
        givePendingEnd();
        const qsizetype end = find('>', start + 2);
        return end < m_size ? end + 1 : start;
    }
    default:
        return noMarkup;
    }
}

qsizetype HtmlTokenizer::takeStartTag(qsizetype start)
{
    qsizetype at = start + 2;
    while (at < m_size && !isTokenSpace(m_data[at]) && m_data[at] != '>') {
        ++at;
    }
    m_tag.name = view(start + 1, at);
    m_tag.attributes.clear();
    at = skipSpace(at);
    while (at < m_size && m_data[at] != '>') {
        if (!takeAttribute(at)) {
            return start;
        }
    }
    if (at >= m_size) {
        return start;
    }
    givePendingEnd();
    if (m_section != Section::Ignore) {
        m_sink.startTag(m_tag);
    }
    enterLiteral(m_tag.name);
    return at + 1;
}

/// One attribute and the space behind it. False: the document ends within it.
bool HtmlTokenizer::takeAttribute(qsizetype &at)
{
    const qsizetype nameStart = at++;
    while (at < m_size && !isTokenSpace(m_data[at]) && m_data[at] != '=' && m_data[at] != '>') {
        ++at;
    }
    HtmlAttribute attribute{view(nameStart, at), view(nameStart, at)};
    at = skipSpace(at);
    if (at < m_size && m_data[at] == '=') {
        at = skipSpace(at + 1);
        if (at >= m_size) {
            return false;
        }
        const char quote = m_data[at];
        if (quote == '"' || quote == '\'') {
            const qsizetype valueStart = at + 1;
            at = find(quote, valueStart);
            if (at >= m_size) {
                return false;
            }
            attribute.value = view(valueStart, at);
            ++at;
        } else {
            const qsizetype valueStart = at;
            while (at < m_size && !isTokenSpace(m_data[at]) && m_data[at] != '>') {
                ++at;
            }
            attribute.value = view(valueStart, at);
        }
        at = skipSpace(at);
    }
    m_tag.attributes.push_back(attribute);
    return at < m_size;
}

qsizetype HtmlTokenizer::takeEndTag(qsizetype start)
{
    qsizetype at = start + 2;
    if (isTokenSpace(m_data[at]) || m_data[at] == '>') {
        // "</>" and "</ b>" count as comments.
        at = skipUntilGreater(at);
        if (at >= m_size) {
            return start;
        }
        giveComment(start, at + 1);
        return at + 1;
    }
    while (at < m_size && !isTokenSpace(m_data[at]) && m_data[at] != '>') {
        ++at;
    }
    const QByteArrayView name = view(start + 2, at);
    at = skipUntilGreater(at);
    if (at >= m_size) {
        return start;
    }
    giveEnd(name);
    return at + 1;
}

/// The ">" that ends a tag; one in quotes does not, where the quote stands behind a space or "=".
qsizetype HtmlTokenizer::skipUntilGreater(qsizetype at) const
{
    char quote = 0;
    char previous = ' ';
    for (; at < m_size; previous = m_data[at++]) {
        const char c = m_data[at];
        if (c == '>' && !quote) {
            return at;
        }
        if (c == '"' || c == '\'') {
            if (c == quote) {
                quote = 0;
            } else if (!quote && (previous == ' ' || previous == '=')) {
                quote = c;
            }
        }
    }
    return m_size;
}

qsizetype HtmlTokenizer::takeDeclaration(qsizetype start)
{
    qsizetype at = start + 2;
    const char kind = m_data[at];
    if (kind == '-') {
        if (m_data[at + 1] == '-') {
            return takeComment(start);
        }
        return at + 1 >= m_size ? start : takeShortComment(start, at + 1);
    }
    if (kind == '[') {
        const qsizetype behind = takeSection(start);
        if (behind != noMarkup) {
            return behind;
        }
    } else if (isTokenLetter(kind)) {
        const qsizetype behind = takeDoctype(start, at);
        if (behind != noMarkup) {
            return behind;
        }
    }
    return takeShortComment(start, at);
}

/// Whatever a "<!" started that is nothing else: a comment up to the next ">".
qsizetype HtmlTokenizer::takeShortComment(qsizetype start, qsizetype at)
{
    const qsizetype end = find('>', at);
    if (end >= m_size) {
        return start;
    }
    giveComment(start, end + 1);
    return end + 1;
}

qsizetype HtmlTokenizer::takeComment(qsizetype start)
{
    qsizetype at = start + 4;
    if (m_endsCommentsAtGreater) {
        return takeShortComment(start, at);
    }
    while ((at = find('-', at)) < m_size) {
        ++at;
        if (m_data[at] != '-') {
            continue;
        }
        const qsizetype end = skipSpace(at + 1);
        if (end < m_size && m_data[end] == '>') {
            giveComment(start, end + 1);
            return end + 1;
        }
    }
    return start;
}

/// <!DOCTYPE …> and <!ENTITY …>: words, quoted strings and comments up to ">". noMarkup: another
/// declaration, or one that goes wrong at `failedAt`.
qsizetype HtmlTokenizer::takeDoctype(qsizetype start, qsizetype &failedAt)
{
    qsizetype at = start + 3;
    while (at < m_size && continuesName(m_data[at])) {
        ++at;
    }
    if (at >= m_size) {
        return start;
    }
    const QByteArrayView name = view(start + 2, at);
    if (!equalsWithoutCase(name, "doctype") && !equalsWithoutCase(name, "entity")) {
        failedAt = at;
        return noMarkup;
    }
    while ((at = skipSpace(at)) < m_size) {
        const char c = m_data[at];
        if (c == '>') {
            givePendingEnd();
            if (m_section != Section::Ignore) {
                m_sink.declaration(view(start, at + 1));
            }
            return at + 1;
        }
        if (c == '"' || c == '\'') {
            at = find(c, at + 1) + 1;
        } else if (c == '-') {
            if (at + 1 < m_size && m_data[at + 1] != '-') {
                failedAt = at + 1;
                return noMarkup;
            }
            const qsizetype end = m_html.indexOf("--", at + 2);
            at = end < 0 ? m_size : end + 2;
        } else {
            while (at < m_size && !isTokenSpace(m_data[at]) && m_data[at] != '>') {
                ++at;
            }
        }
    }
    return start;
}

/// <![ names [: from here on its content counts. noMarkup: <![if …]> and the like.
qsizetype HtmlTokenizer::takeSection(qsizetype start)
{
    qsizetype at = skipSpace(start + 3);
    Section section = Section::None;
    bool isNamed = false;
    while (true) {
        while (startsName(m_data[at])) {
            const qsizetype nameStart = at;
            while (continuesName(m_data[at])) {
                ++at;
            }
            const QByteArrayView name = view(nameStart, at);
            at = skipSpace(at);
            if (at >= m_size) {
                return start;
            }
            isNamed = true;
            Section named = Section::None;
            if (equalsWithoutCase(name, "include")) {
                named = Section::Include;
            } else if (equalsWithoutCase(name, "rcdata")) {
                named = Section::RcData;
            } else if (equalsWithoutCase(name, "cdata")) {
                named = Section::CData;
            } else if (equalsWithoutCase(name, "ignore")) {
                named = Section::Ignore;
            }
            section = std::max(section, named);
        }
        if (m_data[at] != '-') {
            break;
        }
        if (m_data[at + 1] != '-') {
            return noMarkup;
        }
        const qsizetype end = m_html.indexOf("--", at + 2);
        if (end < 0) {
            return start;
        }
        at = skipSpace(end + 2);
    }
    if (at >= m_size || m_data[at] != '[') {
        return noMarkup;
    }
    givePendingEnd();
    pushSection(isNamed ? section : Section::Include);
    return at + 1;
}

}  // namespace portcullis::spam
