// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/html/HtmlFacts.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

/// HTML of mail as SpamAssassin 4.0.1 sees it (Mail::SpamAssassin::HTML(3)): the text a reader would
/// see, the text he would not, the links, and what the HTML evals ask about.
namespace portcullis::spam {

/// A link found in HTML; one for each place that names it, in the order of the document.
struct HtmlUri {
    QByteArray uri;  ///< Resolved against <base>, as written otherwise; without surrounding space.
    QByteArray
        tag;  ///< "a", "img", "link", "form" … in lower case: the type in SpamAssassin's list.
              ///< Empty: only `text` was found under this address, which has no type by itself
              ///< (an <a> without href, or one whose address was resolved to another).
    QByteArray
        text;  ///< Anchor text of an <a>, with "<img>\n" for each image. isNull(): no anchor.
    friend bool operator==(const HtmlUri &, const HtmlUri &) = default;
};

/// What bounds the work on hostile HTML.
struct HtmlLimits {
    qsizetype bytes = 1'048'576;  ///< Of one part; the rest is not looked at. Range 64 KB … 16 MB.
    int depth = 100'000;       ///< Open elements that carry a style; deeper ones inherit silently.
    int uris = 10'000;         ///< Links of one part, and anchor texts. Range 1000 … 100 000.
    int unknownTags = 10'000;  ///< Different names of elements that HTML does not have.
    int uriLength = 8'192;     ///< Characters of a link, as SpamAssassin's MAX_URI_LENGTH.
};

/// One text/html part, transfer encoding undone and charset recoded.
struct HtmlSource {
    QByteArrayView text;   ///< UTF-8.
    qsizetype octets = 0;  ///< Length of the part before it was recoded, for the fact "ratio".
    /// Whether the charset was recoded to characters at all. SpamAssassin does not for text that is pure
    /// ASCII and says so; Perl then holds what entities add (&eacute;, &#160;) as single octets of
    /// Latin-1 instead of UTF-8, and treats U+0085 and U+00A0 as letters instead of space.
    bool isWide = true;
};

struct HtmlRendering {
    QByteArray text;       ///< Everything, in order, UTF-8.
    QByteArray visible;    ///< What a reader sees.
    QByteArray invisible;  ///< What he does not: same colour, tiny, display:none …
    /// The source was wide or an entity went beyond Latin-1. If no part of a message is wide, rules see
    /// the text as Latin-1 octets: convert it (see latin1FromUtf8()) after joining all parts.
    bool isWide = true;
    std::vector<HtmlUri> uris;
    HtmlFacts facts;
};

/// Linear in the length of the text, whatever it holds.
HtmlRendering renderHtml(const HtmlSource &source, const HtmlLimits &limits = {});

/// Perl's octets for a text without characters beyond U+00FF. Returns the text itself if it is ASCII.
QByteArray latin1FromUtf8(const QByteArray &text);

}  // namespace portcullis::spam
