// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <map>
#include <vector>

/// HTML of mail as SpamAssassin 4.0.1 sees it (Mail::SpamAssassin::HTML(3)): the text a reader would
/// see, the text he would not, the links, and what the HTML evals ask about.
namespace portcullis::spam {

/// A link found in HTML.
struct HtmlUri {
    QByteArray uri;   ///< Resolved against <base>, as written otherwise.
    QByteArray tag;   ///< "a", "img", "link", "form" … in lower case.
    QByteArray text;  ///< Anchor text, for a and area.
    friend bool operator==(const HtmlUri &, const HtmlUri &) = default;
};

/// What html_* evals look at. Names follow SpamAssassin's so that the two can be compared.
struct HtmlFacts {
    bool isHtml = false;
    std::map<QByteArray, int> inside;     ///< Tag → open count at the end (html_tag_balance).
    std::map<QByteArray, int> tags;       ///< Tag → how often seen (html_tag_exists).
    std::map<QByteArray, double> values;  ///< Numeric results: "length", "image_area", "ratio" …
    std::map<QByteArray, QByteArray> texts;  ///< Text results: "charsets" …
    std::map<QByteArray, std::vector<QByteArray>>
        lists;  ///< "title", "anchor", "comment", "script", "style"
};

struct HtmlRendering {
    QByteArray text;       ///< Everything, in order, UTF-8.
    QByteArray visible;    ///< What a reader sees.
    QByteArray invisible;  ///< What he does not: same colour, tiny, display:none …
    std::vector<HtmlUri> uris;
    HtmlFacts facts;
};

/// What bounds the work on hostile HTML.
struct HtmlLimits {
    qsizetype bytes = 1'048'576;  ///< Of one part; the rest is not looked at.
    int depth = 1'000;            ///< Open elements at a time.
    int uris = 10'000;
};

/// `html` is UTF-8 (already recoded from the part's charset). Linear in its length.
HtmlRendering renderHtml(QByteArrayView html, const HtmlLimits &limits = {});

}  // namespace portcullis::spam
