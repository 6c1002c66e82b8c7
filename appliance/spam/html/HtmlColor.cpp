// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlColor.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

namespace portcullis::spam {

namespace {

struct ColorName {
    std::string_view name;
    int rgb;
};

// CSS Color Module Level 3 §4.3, in the order of the names.
// clang-format off
constexpr std::array colorNames = std::to_array<ColorName>({
    {"aliceblue", 0xf0f8ff}, {"antiquewhite", 0xfaebd7}, {"aqua", 0x00ffff},
    {"aquamarine", 0x7fffd4}, {"azure", 0xf0ffff}, {"beige", 0xf5f5dc}, {"bisque", 0xffe4c4},
    {"black", 0x000000}, {"blanchedalmond", 0xffebcd}, {"blue", 0x0000ff}, {"blueviolet", 0x8a2be2},
    {"brown", 0xa52a2a}, {"burlywood", 0xdeb887}, {"cadetblue", 0x5f9ea0}, {"chartreuse", 0x7fff00},
    {"chocolate", 0xd2691e}, {"coral", 0xff7f50}, {"cornflowerblue", 0x6495ed},
    {"cornsilk", 0xfff8dc}, {"crimson", 0xdc143c}, {"cyan", 0x00ffff}, {"darkblue", 0x00008b},
    {"darkcyan", 0x008b8b}, {"darkgoldenrod", 0xb8860b}, {"darkgray", 0xa9a9a9},
    {"darkgreen", 0x006400}, {"darkgrey", 0xa9a9a9}, {"darkkhaki", 0xbdb76b},
    {"darkmagenta", 0x8b008b}, {"darkolivegreen", 0x556b2f}, {"darkorange", 0xff8c00},
    {"darkorchid", 0x9932cc}, {"darkred", 0x8b0000}, {"darksalmon", 0xe9967a},
    {"darkseagreen", 0x8fbc8f}, {"darkslateblue", 0x483d8b}, {"darkslategray", 0x2f4f4f},
    {"darkslategrey", 0x2f4f4f}, {"darkturquoise", 0x00ced1}, {"darkviolet", 0x9400d3},
    {"deeppink", 0xff1493}, {"deepskyblue", 0x00bfff}, {"dimgray", 0x696969}, {"dimgrey", 0x696969},
    {"dodgerblue", 0x1e90ff}, {"firebrick", 0xb22222}, {"floralwhite", 0xfffaf0},
    {"forestgreen", 0x228b22}, {"fuchsia", 0xff00ff}, {"gainsboro", 0xdcdcdc},
    {"ghostwhite", 0xf8f8ff}, {"gold", 0xffd700}, {"goldenrod", 0xdaa520}, {"gray", 0x808080},
    {"green", 0x008000}, {"greenyellow", 0xadff2f}, {"grey", 0x808080}, {"honeydew", 0xf0fff0},
    {"hotpink", 0xff69b4}, {"indianred", 0xcd5c5c}, {"indigo", 0x4b0082}, {"ivory", 0xfffff0},
    {"khaki", 0xf0e68c}, {"lavender", 0xe6e6fa}, {"lavenderblush", 0xfff0f5},
    {"lawngreen", 0x7cfc00}, {"lemonchiffon", 0xfffacd}, {"lightblue", 0xadd8e6},
    {"lightcoral", 0xf08080}, {"lightcyan", 0xe0ffff}, {"lightgoldenrodyellow", 0xfafad2},
    {"lightgray", 0xd3d3d3}, {"lightgreen", 0x90ee90}, {"lightgrey", 0xd3d3d3},
    {"lightpink", 0xffb6c1}, {"lightsalmon", 0xffa07a}, {"lightseagreen", 0x20b2aa},
    {"lightskyblue", 0x87cefa}, {"lightslategray", 0x778899}, {"lightslategrey", 0x778899},
    {"lightsteelblue", 0xb0c4de}, {"lightyellow", 0xffffe0}, {"lime", 0x00ff00},
    {"limegreen", 0x32cd32}, {"linen", 0xfaf0e6}, {"magenta", 0xff00ff}, {"maroon", 0x800000},
    {"mediumaquamarine", 0x66cdaa}, {"mediumblue", 0x0000cd}, {"mediumorchid", 0xba55d3},
    {"mediumpurple", 0x9370db}, {"mediumseagreen", 0x3cb371}, {"mediumslateblue", 0x7b68ee},
    {"mediumspringgreen", 0x00fa9a}, {"mediumturquoise", 0x48d1cc}, {"mediumvioletred", 0xc71585},
    {"midnightblue", 0x191970}, {"mintcream", 0xf5fffa}, {"mistyrose", 0xffe4e1},
    {"moccasin", 0xffe4b5}, {"navajowhite", 0xffdead}, {"navy", 0x000080}, {"oldlace", 0xfdf5e6},
    {"olive", 0x808000}, {"olivedrab", 0x6b8e23}, {"orange", 0xffa500}, {"orangered", 0xff4500},
    {"orchid", 0xda70d6}, {"palegoldenrod", 0xeee8aa}, {"palegreen", 0x98fb98},
    {"paleturquoise", 0xafeeee}, {"palevioletred", 0xdb7093}, {"papayawhip", 0xffefd5},
    {"peachpuff", 0xffdab9}, {"peru", 0xcd853f}, {"pink", 0xffc0cb}, {"plum", 0xdda0dd},
    {"powderblue", 0xb0e0e6}, {"purple", 0x800080}, {"red", 0xff0000}, {"rosybrown", 0xbc8f8f},
    {"royalblue", 0x4169e1}, {"saddlebrown", 0x8b4513}, {"salmon", 0xfa8072},
    {"sandybrown", 0xf4a460}, {"seagreen", 0x2e8b57}, {"seashell", 0xfff5ee}, {"sienna", 0xa0522d},
    {"silver", 0xc0c0c0}, {"skyblue", 0x87ceeb}, {"slateblue", 0x6a5acd}, {"slategray", 0x708090},
    {"slategrey", 0x708090}, {"snow", 0xfffafa}, {"springgreen", 0x00ff7f}, {"steelblue", 0x4682b4},
    {"tan", 0xd2b48c}, {"teal", 0x008080}, {"thistle", 0xd8bfd8}, {"tomato", 0xff6347},
    {"turquoise", 0x40e0d0}, {"violet", 0xee82ee}, {"wheat", 0xf5deb3}, {"white", 0xffffff},
    {"whitesmoke", 0xf5f5f5}, {"yellow", 0xffff00}, {"yellowgreen", 0x9acd32},
});
// clang-format on

/// Text nearer to its background than this, weighted by brightness (of at most 191), cannot be read.
constexpr double readableDistance = 12;
constexpr int channelMaximum = 255;

std::optional<int> rgbOfName(std::string_view name)
{
    const auto found = std::lower_bound(
        colorNames.begin(), colorNames.end(), name,
        [](const ColorName &color, std::string_view wanted) { return color.name < wanted; });
    if (found == colorNames.end() || found->name != name) {
        return std::nullopt;
    }
    return found->rgb;
}

constexpr bool isColorDigit(char c)
{
    return c >= '0' && c <= '9';
}

constexpr bool isColorHex(char c)
{
    return isColorDigit(c) || (c >= 'a' && c <= 'f');
}

/// Decimal digits at a place; large numbers saturate.
std::optional<quint32> takeColorNumber(QByteArrayView text, qsizetype &at)
{
    constexpr quint32 saturation = 0xFFFFFF;
    const qsizetype start = at;
    quint32 number = 0;
    for (; at < text.size() && isColorDigit(text[at]); ++at) {
        number = std::min(number * 10 + quint32(text[at] - '0'), saturation);
    }
    return at > start ? std::optional(number) : std::nullopt;
}

/// "(1, 2, 3)" or "(1%, 2%, 3%)" behind "rgb", as hex digits; more than two a channel if too large.
std::optional<QByteArray> hexOfArguments(QByteArrayView text, bool isPercent)
{
    QByteArray hex;
    qsizetype at = 0;
    const auto skipSpace = [&] {
        while (at < text.size() && isAsciiSpace(text[at])) {
            ++at;
        }
    };
    for (const char end : {',', ',', ')'}) {
        const std::optional<quint32> number = takeColorNumber(text, at);
        if (!number || (isPercent && (at >= text.size() || text[at++] != '%'))) {
            return std::nullopt;
        }
        const quint32 channel = isPercent ? quint32(*number / 100.0 * channelMaximum) : *number;
        hex.append(channel < 16 ? "0" : "").append(QByteArray::number(channel, 16));
        if (end == ')') {
            skipSpace();
        }
        if (at >= text.size() || text[at++] != end) {
            return std::nullopt;
        }
        skipSpace();
    }
    return hex;
}

/// The first rgb(…) in a text that can be read, percentages before numbers.
std::optional<QByteArray> hexOfRgbCall(QByteArrayView text)
{
    for (const bool isPercent : {true, false}) {
        constexpr QByteArrayView call("rgb(");
        for (qsizetype at = text.indexOf(call); at >= 0; at = text.indexOf(call, at + 1)) {
            if (auto hex = hexOfArguments(text.sliced(at + call.size()), isPercent)) {
                return hex;
            }
        }
    }
    return std::nullopt;
}

}  // namespace

HtmlColor HtmlColor::parse(QByteArrayView text)
{
    const QByteArray lower = trimmedOctets(text).toByteArray().toLower();
    if (const auto rgb = rgbOfName(std::string_view(lower.data(), size_t(lower.size())))) {
        return fromRgb(*rgb);
    }
    if (lower.startsWith('#') && std::all_of(lower.begin(), lower.end(), [](char c) {
            return c == '#' || isColorHex(c);
        })) {
        return fromHex(lower);
    }
    const std::optional<QByteArray> hex = hexOfRgbCall(lower);
    return hex ? fromHex(*hex) : invalid();
}

/// Six digits count, three are doubled, four and five are cut to three, fewer are filled with 0.
HtmlColor HtmlColor::fromHex(QByteArrayView text)
{
    QByteArray digits;
    for (const char c : text) {
        if (isColorHex(c) && digits.size() < 6) {
            digits.append(c);
        }
    }
    if (digits.isEmpty()) {
        return HtmlColor(unsetValue);
    }
    if (digits.size() < 6) {
        digits = digits.leftJustified(3, '0', true);
        const char doubled[] = {digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]};
        digits = QByteArray(doubled, sizeof doubled);
    }
    return fromRgb(digits.toInt(nullptr, 16));
}

HtmlColor HtmlColor::parseCss(QByteArrayView lowerText)
{
    if (lowerText.indexOf("rgb") < 0) {
        return parse(lowerText);
    }
    int rgb = 0;
    int channels = 0;
    quint32 channel = 0;
    const auto finishChannel = [&] {
        rgb = rgb << 8 | int(std::min<quint32>(channel, channelMaximum));
        channel = 0;
        ++channels;
    };
    for (const char c : lowerText) {
        if (channels == 3) {
            break;
        }
        if (c == ',') {
            finishChannel();
        } else if (isColorDigit(c)) {
            channel = std::min<quint32>(channel * 10 + quint32(c - '0'), channelMaximum + 1);
        }
    }
    while (channels < 3) {
        finishChannel();
    }
    return fromRgb(rgb);
}

bool HtmlColor::vanishesOn(HtmlColor background) const
{
    if (*this == background) {
        return true;
    }
    if (m_value < 0 || background.m_value < 0) {
        return false;
    }
    const auto difference = [&](int shift) {
        return double(((m_value >> shift) & 0xFF) - ((background.m_value >> shift) & 0xFF));
    };
    // ITU-R BT.709 weights: the eye sees green best.
    const double distance = std::hypot(0.2126 * difference(16), 0.7152 * difference(8),
                                       0.0722 * difference(0));
    return distance < readableDistance;
}

}  // namespace portcullis::spam
