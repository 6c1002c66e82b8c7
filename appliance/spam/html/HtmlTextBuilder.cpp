// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlRenderer.h"

namespace portcullis::spam {

namespace {

/// U+00C2 U+00A0: UTF-8's no-break space, recoded once too often.
constexpr QByteArrayView twiceCodedSpace("\xC3\x82\xC2\xA0");

/// Appends text with each run of space made one space.
void appendSpaced(QByteArray &result, QByteArrayView text)
{
    qsizetype from = 0;
    qsizetype at = 0;
    const auto flush = [&] {
        if (at > from) {
            result.append(text.data() + from, at - from);
        }
    };
    while (at < text.size()) {
        const char c = text[at];
        if (isAsciiSpace(c)) {
            flush();
            while (at < text.size() && isAsciiSpace(text[at])) {
                ++at;
            }
            result.append(' ');
            from = at;
        } else if (c == twiceCodedSpace.front() && text.sliced(at).startsWith(twiceCodedSpace)) {
            flush();
            at += twiceCodedSpace.size();
            result.append(' ');
            from = at;
        } else {
            ++at;
        }
    }
    flush();
}

}  // namespace

QByteArrayView HtmlTextBuilder::lastFragment() const
{
    return QByteArrayView(m_rendering.text).sliced(m_lastStart);
}

void HtmlTextBuilder::addBreak(QByteArrayView space)
{
    if (m_hasFragment && !m_isLastBreak && !m_isLastInvisible && lastFragment().endsWith(' ')) {
        m_rendering.text.chop(1);
        m_rendering.visible.chop(1);
    }
    m_lastStart = m_rendering.text.size();
    m_rendering.text.append(space);
    m_rendering.visible.append(space);
    m_lastKind = PerlText::Octets;
    m_isLastBreak = true;
    m_isLastInvisible = false;
    m_hasFragment = true;
}

void HtmlTextBuilder::addText(QByteArrayView text, PerlText kind, bool isInvisible)
{
    const bool isAfterBreak = m_hasFragment && m_isLastBreak && !isInvisible;
    if (isAfterBreak) {
        // Space at its start would only lengthen the break.
        if (!text.isEmpty() && isAsciiSpace(text.front())) {
            text = text.sliced(1);
            while (!text.isEmpty() && isAsciiSpace(text.front())) {
                text = text.sliced(1);
            }
        } else if (text.startsWith(twiceCodedSpace)) {
            text = text.sliced(twiceCodedSpace.size());
        }
    }
    m_lastStart = m_rendering.text.size();
    appendSpaced(m_rendering.text, text);
    (isInvisible ? m_rendering.invisible : m_rendering.visible).append(lastFragment());
    m_lastKind = kind;
    m_isLastBreak = false;
    m_isLastInvisible = isInvisible;
    m_hasFragment = true;
}

}  // namespace portcullis::spam
