// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlTokenizer.h"

#include "appliance/spam/html/HtmlMarkup.h"

#include <cstring>
#include <limits>

namespace portcullis::spam {

namespace {

/// Marked sections open at a time; what is nested deeper is part of the one around it.
constexpr size_t sectionDepthLimit = 1'000;

struct LiteralElement {
    QByteArrayView name;
    bool isCData;  ///< Entities stay as they are.
};
constexpr std::array<LiteralElement, 7> literalElements{{{"script", true},
                                                         {"style", true},
                                                         {"xmp", true},
                                                         {"iframe", true},
                                                         {"plaintext", true},
                                                         {"title", false},
                                                         {"textarea", false}}};

}  // namespace

const HtmlAttribute *HtmlTag::find(QByteArrayView wanted) const
{
    for (const HtmlAttribute &attribute : attributes) {
        if (equalsWithoutCase(attribute.name, wanted)) {
            return &attribute;
        }
    }
    return nullptr;
}

HtmlTokenizer::HtmlTokenizer(QByteArray html, HtmlSink &sink)
    : m_html(std::move(html))
    , m_data(m_html.constData())
    , m_size(m_html.size())
    , m_sink(sink)
{
    m_noEndFrom.fill(std::numeric_limits<qsizetype>::max());
}

void HtmlTokenizer::run()
{
    qsizetype at = tokenize(0);
    // SpamAssassin closes <style> and <script> itself, so their content is never taken for text.
    for (const LiteralElement &element :
         {literalElements[size_t(Literal::Style)], literalElements[size_t(Literal::Script)]}) {
        if (m_sink.unclosed() == element.name) {
            m_html.append("</").append(element.name).append('>');
            m_data = m_html.constData();
            m_size = m_html.size();
            m_noEndFrom.fill(std::numeric_limits<qsizetype>::max());
            at = tokenize(at);
        }
    }
    finish(at);
    givePendingEnd();
}

/// The document is over: `at` is what could not be understood without more.
void HtmlTokenizer::finish(qsizetype at)
{
    while (at < m_size) {
        if (m_literal != Literal::None) {
            if (m_literal == Literal::Script || m_literal == Literal::Style) {
                giveEnd(literalElements[size_t(m_literal)].name);
            } else if (m_literal == Literal::Title) {
                m_pendingEnd = m_literal;  // what follows is a title and yet markup
            } else {
                break;
            }
            m_literal = Literal::None;
            at = tokenize(at);
            continue;
        }
        if (m_data[at] != '<') {
            break;
        }
        if (!m_endsCommentsAtGreater) {
            m_endsCommentsAtGreater = true;
            at = tokenize(at);
            continue;
        }
        const char next = at + 1 < m_size ? m_data[at + 1] : '!';
        if (startsName(next) || next == '/' || next == '!' || next == '?') {
            giveComment(at, m_size);
            return;
        }
        break;
    }
    if (at < m_size) {
        giveText(at, m_size);
    }
}

qsizetype HtmlTokenizer::tokenize(qsizetype start)
{
    qsizetype textStart = start;
    qsizetype at = start;
    while (true) {
        if (m_literal != Literal::None) {
            if (!takeLiteral(textStart)) {
                return textStart;
            }
            at = textStart;
        }
        while (m_section == Section::CData || m_section == Section::RcData) {
            if (!takeCharacterSection(textStart)) {
                return textStart;
            }
            at = textStart;
        }
        at = findTextEnd(textStart, at);
        if (at > textStart) {
            if (at >= m_size) {
                const qsizetype rest = lastWord(textStart);
                if (rest > textStart) {
                    giveText(textStart, rest);
                }
                return rest;
            }
            giveText(textStart, at);
            textStart = at;
        }
        if (m_size - at < 3) {
            return at;
        }
        const qsizetype behind = takeMarkup(at);
        if (behind == noMarkup) {
            ++at;  // a "<" that is text
        } else if (behind == at) {
            return at;
        } else {
            textStart = at = behind;
        }
    }
}

/// Content of <script> and the like, up to its end tag. False: there is none.
bool HtmlTokenizer::takeLiteral(qsizetype &at)
{
    qsizetype behind = 0;
    const qsizetype end = findEndTag(m_literal, at, behind);
    if (end < 0) {
        return false;
    }
    if (end > at) {
        giveText(at, end);
    }
    const QByteArrayView name = view(end + 2,
                                     end + 2 + literalElements[size_t(m_literal)].name.size());
    giveEnd(name);
    m_literal = Literal::None;
    m_isCData = false;
    at = behind;
    return true;
}

qsizetype HtmlTokenizer::findEndTag(Literal literal, qsizetype from, qsizetype &behind)
{
    if (literal == Literal::Plaintext || from >= m_noEndFrom[size_t(literal)]) {
        return -1;
    }
    const QByteArrayView name = literalElements[size_t(literal)].name;
    qsizetype at = from;
    while ((at = find('<', at)) < m_size) {
        const qsizetype end = at++;
        if (m_data[at] != '/' || m_size - at <= name.size()
            || !equalsWithoutCase(view(at + 1, at + 1 + name.size()), name)) {
            continue;
        }
        at = skipSpace(at + 1 + name.size());
        if (m_data[at] == '>') {
            behind = at + 1;
            return end;
        }
    }
    m_noEndFrom[size_t(literal)] = from;
    return -1;
}

/// Text of a CDATA or RCDATA section up to "]]>". False: it never ends.
bool HtmlTokenizer::takeCharacterSection(qsizetype &at)
{
    const qsizetype end = m_html.indexOf("]]>", at);
    if (end < 0) {
        return false;
    }
    if (end > at) {
        giveText(at, end);
    }
    at = end + 3;
    popSection();
    return true;
}

/// The next "<", or the end. Ends of INCLUDE and IGNORE sections are taken on the way.
qsizetype HtmlTokenizer::findTextEnd(qsizetype &textStart, qsizetype at)
{
    while (m_section != Section::None && at < m_size && m_data[at] != '<') {
        if (m_data[at] != ']') {
            ++at;
            continue;
        }
        const qsizetype end = at++;
        if (m_data[at] == ']' && m_data[++at] == '>') {
            giveText(textStart, end);
            textStart = ++at;
            popSection();
            continue;
        }
        ++at;  // HTML::Parser steps over the character that was no part of an end
    }
    if (at >= m_size) {
        return m_size;
    }
    return find('<', at);
}

/// HTML::Parser keeps the last word of a text back, hoping for more; where that starts.
qsizetype HtmlTokenizer::lastWord(qsizetype start) const
{
    qsizetype end = m_size;
    if (!isTokenSpace(m_data[end - 1])) {
        while (end > start && !isTokenSpace(m_data[end - 1])) {
            --end;
        }
    }
    while (end > start && isTokenSpace(m_data[end - 1])) {
        --end;
    }
    return end;
}

void HtmlTokenizer::pushSection(Section section)
{
    if (m_sections.size() < sectionDepthLimit) {
        m_section = std::max(m_section, section);
        m_sections.push_back(m_section);
        m_isCData = m_section == Section::CData;
    }
}

void HtmlTokenizer::popSection()
{
    givePendingEnd();
    if (!m_sections.empty()) {
        m_sections.pop_back();
    }
    m_section = m_sections.empty() ? Section::None : m_sections.back();
    m_isCData = m_section == Section::CData;
}

void HtmlTokenizer::enterLiteral(QByteArrayView name)
{
    for (size_t index = 0; index < literalElements.size(); ++index) {
        if (equalsWithoutCase(name, literalElements[index].name)) {
            m_literal = Literal(index);
            m_isCData = literalElements[index].isCData;
            return;
        }
    }
}

void HtmlTokenizer::giveText(qsizetype from, qsizetype to)
{
    if (m_section != Section::Ignore) {
        m_sink.text(view(from, to),
                    m_isCData ? HtmlSink::Entities::Literal : HtmlSink::Entities::Encoded);
    }
}

void HtmlTokenizer::giveComment(qsizetype from, qsizetype to)
{
    if (m_section != Section::Ignore) {
        m_sink.comment(view(from, to));
    }
}

void HtmlTokenizer::giveEnd(QByteArrayView name)
{
    givePendingEnd();
    if (m_section != Section::Ignore) {
        m_sink.endTag(name);
    }
}

void HtmlTokenizer::givePendingEnd()
{
    if (m_pendingEnd != Literal::None) {
        const QByteArrayView name = literalElements[size_t(m_pendingEnd)].name;
        m_pendingEnd = Literal::None;
        if (m_section != Section::Ignore) {
            m_sink.endTag(name);
        }
    }
}

qsizetype HtmlTokenizer::skipSpace(qsizetype at) const
{
    while (at < m_size && isTokenSpace(m_data[at])) {
        ++at;
    }
    return at;
}

/// Position of a character, or the end.
qsizetype HtmlTokenizer::find(char wanted, qsizetype from) const
{
    if (from >= m_size) {
        return m_size;
    }
    const void *found = std::memchr(m_data + from, wanted, size_t(m_size - from));
    return found ? static_cast<const char *>(found) - m_data : m_size;
}

QByteArrayView HtmlTokenizer::view(qsizetype from, qsizetype to) const
{
    return QByteArrayView(m_data + from, to - from);
}

}  // namespace portcullis::spam
