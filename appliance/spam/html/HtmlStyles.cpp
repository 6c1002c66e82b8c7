// SPDX-License-Identifier: GPL-2.0-or-later
// HtmlRenderer's stack of styles: which text can be seen.
#include "appliance/spam/html/HtmlRenderer.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

namespace portcullis::spam {

namespace {

constexpr int baseFontElement = htmlElementId("basefont");
constexpr int bigElement = htmlElementId("big");
constexpr int bodyElement = htmlElementId("body");
constexpr int fontElement = htmlElementId("font");
constexpr int headCellElement = htmlElementId("th");
constexpr int cellElement = htmlElementId("td");
constexpr int rowElement = htmlElementId("tr");
constexpr int smallElement = htmlElementId("small");
constexpr int tableElement = htmlElementId("table");
constexpr double readableSize = 1;  ///< Text of this size or less is a way to hide it.

struct LeadingNumber {
    bool hasSign = false;
    std::optional<double> value;
};

/// "+2", " 3px", "12": digits at the start, behind space.
LeadingNumber leadingNumber(QByteArrayView text)
{
    LeadingNumber number;
    qsizetype at = 0;
    while (at < text.size() && isAsciiSpace(text[at])) {
        ++at;
    }
    const bool isNegative = at < text.size() && text[at] == '-';
    if (isNegative || (at < text.size() && text[at] == '+')) {
        number.hasSign = true;
        ++at;
    }
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        number.value = number.value.value_or(0) * 10 + (text[at] - '0');
    }
    if (isNegative && number.value) {
        number.value = -*number.value;
    }
    return number;
}

/// Whether an element has an attribute that may change its style; only then does its font size count
/// for the smallest and largest.
bool carriesStyle(int element, const HtmlTag &tag)
{
    const auto hasAny = [&tag](std::initializer_list<QByteArrayView> names) {
        return std::any_of(names.begin(), names.end(),
                           [&tag](QByteArrayView name) { return tag.find(name) != nullptr; });
    };
    if (tag.attributes.empty()) {
        return false;
    }
    switch (element) {
    case fontElement:
    case baseFontElement:
        return hasAny({"color", "face", "size"});
    case bodyElement:
        return hasAny({"text", "bgcolor", "link", "alink", "vlink", "background"});
    case tableElement:
    case cellElement:
    case rowElement:
        return hasAny({"style", "bgcolor"});
    default:
        return hasAny({"style"});
    }
}

}  // namespace

void HtmlRenderer::openStyle(int element, const HtmlTag &tag)
{
    element = element == headCellElement ? cellElement : element;
    if (element == baseFontElement && readBaseFont(tag)) {
        return;
    }
    if (element == cellElement || element == rowElement) {
        closeCells(element);
    }
    HtmlStyle style = m_styles.back();
    style.element = element;
    if (element == bigElement) {
        style.size += 1;
    } else if (element == smallElement) {
        style.size -= 1;
    } else if (carriesStyle(element, tag)) {
        readStyle(element, tag, style);
        noteSize(style.size);
    }
    if (m_styles.size() < size_t(m_limits.depth)) {
        m_styles.push_back(style);
        ++m_openStyles[size_t(element)];
    }
}

void HtmlRenderer::readStyle(int element, const HtmlTag &tag, HtmlStyle &style) const
{
    const bool isFont = element == fontElement || element == baseFontElement;
    if (isFont || element == bodyElement) {
        const QByteArrayView name = isFont ? "color" : "text";
        if (tag.find(name)) {
            style.foreground = HtmlColor::parse(attribute(tag, name));
        }
    }
    if (isFont) {
        const LeadingNumber size = leadingNumber(attribute(tag, "size"));
        if (size.value) {
            style.size = size.hasSign ? m_baseFont + *size.value : *size.value;
        }
    } else if (element != bodyElement) {
        style.applyCss(attribute(tag, "style"));
    }
}

/// <basefont size=…>: where "+1" starts from. False: it says something else.
bool HtmlRenderer::readBaseFont(const HtmlTag &tag)
{
    const LeadingNumber size = leadingNumber(attribute(tag, "size"));
    if (!size.value || size.hasSign) {
        return false;
    }
    m_baseFont = *size.value;
    return true;
}

void HtmlRenderer::noteSize(double size)
{
    if (size > m_maxSize) {
        m_maxSize = size;
    } else if (size < m_minSize) {
        m_minSize = size;
    }
}

void HtmlRenderer::popStyle()
{
    --m_openStyles[size_t(m_styles.back().element)];
    m_styles.pop_back();
}

/// A new row or cell ends the one before, unless something else is open in between.
void HtmlRenderer::closeCells(int element)
{
    if (m_openStyles[size_t(element)] == 0) {
        return;
    }
    while (true) {
        const int top = m_styles.back().element;
        if (top != fontElement && top != cellElement
            && (top != rowElement || element != rowElement)) {
            return;
        }
        popStyle();
    }
}

/// Closes everything down to the element, if it is open at all.
void HtmlRenderer::closeStyle(int element)
{
    element = element == headCellElement ? cellElement : element;
    // Browsers go on rendering behind </body>.
    if (element == bodyElement || m_openStyles[size_t(element)] == 0) {
        return;
    }
    while (m_styles.back().element != element) {
        popStyle();
    }
    popStyle();
}

bool HtmlRenderer::isInvisible()
{
    const HtmlStyle &style = m_styles.back();
    HtmlFacts &facts = m_rendering.facts;
    if (style.foreground.vanishesOn(style.background)) {
        facts.setValue(HtmlMeasure::LowContrast, 1);
        return true;
    }
    if (style.foreground.isInvalid() || style.background.isInvalid()) {
        facts.setValue(HtmlMeasure::InvalidColor, 1);
        return true;
    }
    return style.size <= readableSize || style.isDisplayNone || style.isVisibilityHidden;
}

}  // namespace portcullis::spam
