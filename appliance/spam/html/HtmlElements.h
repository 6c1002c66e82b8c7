// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArrayView>

#include <array>
#include <string_view>

namespace portcullis::spam {

/// What the rendering puts where an element starts and where it ends.
enum class HtmlBreak : quint8 { None, Space, Line, Paragraph };

/// Which attributes of an element are links.
enum class HtmlLinkKind : quint8 { None, Background, Href, Source, Action, Base, Refresh };

struct HtmlElement {
    std::string_view name;
    HtmlBreak breaks = HtmlBreak::None;
    HtmlLinkKind link = HtmlLinkKind::None;
    bool hasStyle = false;   ///< Changes how the text in it looks.
    bool isStandard = true;  ///< Of HTML 4.01 or so common that SpamAssassin counts it as such.
};

/// All elements that mean something.
inline constexpr std::array htmlElements = std::to_array<HtmlElement>({
    {"a", HtmlBreak::None, HtmlLinkKind::Href, true},
    {"abbr"},
    {"acronym"},
    {"address"},
    {"applet"},
    {"area", HtmlBreak::None, HtmlLinkKind::Href},
    {"b"},
    {"base", HtmlBreak::None, HtmlLinkKind::Base},
    {"basefont", HtmlBreak::None, HtmlLinkKind::None, true},
    {"bdo"},
    {"bgsound", HtmlBreak::None, HtmlLinkKind::Source, false, false},
    {"big", HtmlBreak::None, HtmlLinkKind::None, true},
    {"blockquote", HtmlBreak::Paragraph},
    {"body", HtmlBreak::None, HtmlLinkKind::Background, true},
    {"br", HtmlBreak::Line},
    {"button"},
    {"caption"},
    {"center"},
    {"cite"},
    {"code"},
    {"col"},
    {"colgroup"},
    {"dd", HtmlBreak::Space},
    {"del"},
    {"dfn"},
    {"dir"},
    {"div", HtmlBreak::Line, HtmlLinkKind::None, true},
    {"dl"},
    {"dt", HtmlBreak::Space},
    {"em"},
    {"embed", HtmlBreak::Space, HtmlLinkKind::Source, false, false},
    {"fieldset"},
    {"font", HtmlBreak::None, HtmlLinkKind::None, true},
    {"form", HtmlBreak::None, HtmlLinkKind::Action},
    {"frame", HtmlBreak::None, HtmlLinkKind::Source},
    {"frameset"},
    {"h1", HtmlBreak::Space},
    {"h2", HtmlBreak::Space},
    {"h3", HtmlBreak::Space},
    {"h4", HtmlBreak::Space},
    {"h5", HtmlBreak::Space},
    {"h6", HtmlBreak::Space},
    {"head"},
    {"hr", HtmlBreak::Paragraph},
    {"html"},
    {"i"},
    {"iframe", HtmlBreak::None, HtmlLinkKind::Source},
    {"img", HtmlBreak::None, HtmlLinkKind::Source},
    {"input"},
    {"ins"},
    {"isindex"},
    {"kbd"},
    {"label"},
    {"legend"},
    {"li", HtmlBreak::Space},
    {"link", HtmlBreak::None, HtmlLinkKind::Href},
    {"listing", HtmlBreak::Paragraph, HtmlLinkKind::None, false, false},
    {"map"},
    {"menu"},
    {"meta", HtmlBreak::None, HtmlLinkKind::Refresh},
    {"nobr"},
    {"noframes"},
    {"noscript"},
    {"object"},
    {"ol"},
    {"optgroup"},
    {"option"},
    {"p", HtmlBreak::Paragraph, HtmlLinkKind::None, true},
    {"param"},
    {"plaintext", HtmlBreak::Paragraph, HtmlLinkKind::None, false, false},
    {"pre", HtmlBreak::Paragraph},
    {"q"},
    {"s"},
    {"samp"},
    {"script", HtmlBreak::None, HtmlLinkKind::Source},
    {"select"},
    {"small", HtmlBreak::None, HtmlLinkKind::None, true},
    {"span", HtmlBreak::None, HtmlLinkKind::None, true},
    {"strike"},
    {"strong"},
    {"style"},
    {"sub"},
    {"sup"},
    {"table", HtmlBreak::None, HtmlLinkKind::Background, true},
    {"tbody"},
    {"td", HtmlBreak::Space, HtmlLinkKind::Background, true},
    {"textarea"},
    {"tfoot"},
    {"th", HtmlBreak::Space, HtmlLinkKind::None, true},
    {"thead"},
    {"title", HtmlBreak::Paragraph},
    {"tr", HtmlBreak::None, HtmlLinkKind::Background, true},
    {"tt"},
    {"u"},
    {"ul"},
    {"var"},
    {"x-sigsep"},
    {"x-tab"},
    {"xmp", HtmlBreak::Paragraph, HtmlLinkKind::None, false, false},
});

/// The place of an element in htmlElements, for comparisons; known when compiling.
consteval int htmlElementId(std::string_view name)
{
    for (size_t index = 0; index < htmlElements.size(); ++index) {
        if (htmlElements[index].name == name) {
            return int(index);
        }
    }
    throw "no such element";
}

/// The place of a name in lower case; -1: unknown.
int findHtmlElement(QByteArrayView lowerName);

}  // namespace portcullis::spam
