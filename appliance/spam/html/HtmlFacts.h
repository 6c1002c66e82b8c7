// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <array>
#include <optional>
#include <vector>

namespace portcullis::spam {

/// A number or a yes that html_test, html_range and html_eval ask for by name.
enum class HtmlMeasure : quint8 {
    Html,              ///< "html": it is an HTML part.
    Length,            ///< "length": characters of the source.
    TextLength,        ///< "html_length": characters of the rendered text.
    NonSpaceLength,    ///< "non_space_len": those of them that are no space.
    Ratio,             ///< "ratio": share of the source that is markup.
    ImageArea,         ///< "image_area": square pixels of all images with a size.
    MinSize,           ///< "min_size": smallest font size, 3 being normal.
    MaxSize,           ///< "max_size"
    ClosedExtraRatio,  ///< "closed_extra_ratio": end tags without start, per tag.
    BadTagRatio,       ///< "bad_tag_ratio": tags of elements that HTML does not have, per tag.
    NonElementRatio,   ///< "non_element_ratio": the same for different names.
    ObfuscationRatio,  ///< "obfuscation_ratio": tags within words, per tag.
    BackhairCount,     ///< "backhair_count": different shapes of words cut by tags.
    LowContrast,       ///< "font_low_contrast"
    InvalidColor,      ///< "font_invalid_color"
    BadFontFace,       ///< "font_face_bad"
    FormMailto,        ///< "form_action_mailto"
    Embeds,            ///< "embeds"
    UriTruncated,      ///< "uri_truncated"
    Count
};

/// The name under which rules know a measure.
QByteArrayView htmlMeasureName(HtmlMeasure measure);

/// What html_* evals look at, for one HTML part.
class HtmlFacts
{
public:
    std::vector<QByteArray> titles;    ///< "title": text of each <title>.
    std::vector<QByteArray> anchors;   ///< "anchor": text of each <a>, "<img>\n" for images.
    std::vector<QByteArray> comments;  ///< "comment": with <! and >.
    std::vector<QByteArray> scripts;   ///< "script": texts within <script>.
    bool hasIframeUri = false;         ///< check_iframe_src

    /// How many of an element are still open at the end (0: closed); nothing: it never occurred.
    [[nodiscard]] std::optional<int> open(QByteArrayView tag) const;
    struct Element {
        QByteArray tag;
        int open = 0;
    };
    [[nodiscard]] const std::vector<Element> &elements() const { return m_elements; }
    void addElement(const QByteArray &tag, int open);  ///< Each tag once.

    [[nodiscard]] std::optional<double> value(HtmlMeasure measure) const;
    [[nodiscard]] std::optional<double> value(QByteArrayView name) const;
    void setValue(HtmlMeasure measure, double value);

    /// A list by its name in rules; null: there is none.
    [[nodiscard]] const std::vector<QByteArray> *list(QByteArrayView name) const;

private:
    std::vector<Element> m_elements;  ///< In the order of their first tags.
    std::array<std::optional<double>, size_t(HtmlMeasure::Count)> m_values;
};

}  // namespace portcullis::spam
