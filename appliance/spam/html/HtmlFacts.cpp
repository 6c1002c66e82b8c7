// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlFacts.h"

namespace portcullis::spam {

namespace {

constexpr std::array<QByteArrayView, size_t(HtmlMeasure::Count)> measureNames{"html",
                                                                              "length",
                                                                              "html_length",
                                                                              "non_space_len",
                                                                              "ratio",
                                                                              "image_area",
                                                                              "min_size",
                                                                              "max_size",
                                                                              "closed_extra_ratio",
                                                                              "bad_tag_ratio",
                                                                              "non_element_ratio",
                                                                              "obfuscation_ratio",
                                                                              "backhair_count",
                                                                              "font_low_contrast",
                                                                              "font_invalid_color",
                                                                              "font_face_bad",
                                                                              "form_action_mailto",
                                                                              "embeds",
                                                                              "uri_truncated"};

}  // namespace

QByteArrayView htmlMeasureName(HtmlMeasure measure)
{
    return measureNames[size_t(measure)];
}

std::optional<int> HtmlFacts::open(QByteArrayView tag) const
{
    for (const Element &element : m_elements) {
        if (element.tag == tag) {
            return element.open;
        }
    }
    return std::nullopt;
}

void HtmlFacts::addElement(const QByteArray &tag, int open)
{
    m_elements.push_back({tag, open});
}

std::optional<double> HtmlFacts::value(HtmlMeasure measure) const
{
    return m_values[size_t(measure)];
}

std::optional<double> HtmlFacts::value(QByteArrayView name) const
{
    for (size_t index = 0; index < measureNames.size(); ++index) {
        if (measureNames[index] == name) {
            return m_values[index];
        }
    }
    return std::nullopt;
}

void HtmlFacts::setValue(HtmlMeasure measure, double value)
{
    m_values[size_t(measure)] = value;
}

const std::vector<QByteArray> *HtmlFacts::list(QByteArrayView name) const
{
    if (name == "title") {
        return &titles;
    }
    if (name == "anchor") {
        return &anchors;
    }
    if (name == "comment") {
        return &comments;
    }
    return name == "script" ? &scripts : nullptr;
}

}  // namespace portcullis::spam
