// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// A colour of text or background as SpamAssassin understands it.
class HtmlColor
{
public:
    constexpr HtmlColor() = default;  ///< Black.
    static constexpr HtmlColor fromRgb(int rgb) { return HtmlColor(rgb); }
    static constexpr HtmlColor invalid() { return HtmlColor(invalidValue); }

    /// A name of CSS 3, "#rgb", "#rrggbb", "rgb(1, 2, 3)", "rgb(1%, 2%, 3%)"; all else is invalid.
    static HtmlColor parse(QByteArrayView text);
    /// As parse(), for a property of CSS: any "rgb…" is reduced to its first three numbers.
    static HtmlColor parseCss(QByteArrayView lowerText);

    [[nodiscard]] constexpr bool isInvalid() const { return m_value == invalidValue; }
    /// Whether text of this colour cannot be told from a background.
    [[nodiscard]] bool vanishesOn(HtmlColor background) const;
    friend constexpr bool operator==(HtmlColor, HtmlColor) = default;

private:
    static constexpr int invalidValue = -1;
    static constexpr int unsetValue = -2;  ///< "#": valid, but no colour.
    explicit constexpr HtmlColor(int value)
        : m_value(value)
    {
    }
    static HtmlColor fromHex(QByteArrayView text);

    int m_value = 0;
};

}  // namespace portcullis::spam
