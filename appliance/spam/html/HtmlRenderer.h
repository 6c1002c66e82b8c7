// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/html/HtmlCharacters.h"
#include "appliance/spam/html/HtmlElements.h"
#include "appliance/spam/html/HtmlRendering.h"
#include "appliance/spam/html/HtmlStyle.h"
#include "appliance/spam/html/HtmlTokenizer.h"

#include <QtCore/QHash>
#include <QtCore/QSet>

#include <array>

namespace portcullis::spam {

/// The rendered text while it grows: fragments between tags, with their space made one.
class HtmlTextBuilder
{
public:
    explicit HtmlTextBuilder(HtmlRendering &rendering)
        : m_rendering(rendering)
    {
    }

    void addBreak(QByteArrayView space);
    void addText(QByteArrayView text, PerlText kind, bool isInvisible);

    /// The last fragment as it stands, and how Perl holds it.
    [[nodiscard]] QByteArrayView lastFragment() const;
    [[nodiscard]] PerlText lastKind() const { return m_lastKind; }

private:
    HtmlRendering &m_rendering;
    qsizetype m_lastStart = 0;
    PerlText m_lastKind = PerlText::Octets;
    bool m_isLastBreak = false;
    bool m_isLastInvisible = false;
    bool m_hasFragment = false;
};

/// Listens to the tokenizer and makes an HtmlRendering of it. Used once.
class HtmlRenderer final : public HtmlSink
{
public:
    HtmlRenderer(const HtmlSource &source, const HtmlLimits &limits);

    HtmlRendering render();

    void startTag(HtmlTag &tag) override;
    void endTag(QByteArrayView name) override;
    void text(QByteArrayView text, Entities entities) override;
    void comment(QByteArrayView markup) override;
    void declaration(QByteArrayView markup) override;
    [[nodiscard]] QByteArrayView unclosed() const override;

private:
    struct Occurrence {
        QByteArray name;
        int open = 0;
    };
    static constexpr int noOccurrence = -1;

    int countTag(QByteArrayView name, int change);
    int occurrenceOf(int element, QByteArrayView lowerName);
    [[nodiscard]] bool isInside(int element) const;
    void addBreak(HtmlBreak kind);

    void openStyle(int element, const HtmlTag &tag);
    void closeStyle(int element);
    void closeCells(int element);
    void popStyle();
    void readStyle(int element, const HtmlTag &tag, HtmlStyle &style) const;
    bool readBaseFont(const HtmlTag &tag);
    void noteSize(double size);
    [[nodiscard]] bool isInvisible();

    void collectLinks(int element, HtmlTag &tag);
    int addLink(QByteArrayView tag, QByteArrayView address);
    void setBase(QByteArrayView address);
    QByteArrayView canonicalAddress(QByteArrayView address);
    [[nodiscard]] QByteArray attribute(const HtmlTag &tag, QByteArrayView name) const;

    void examine(int element, const HtmlTag &tag);
    void examineImage(const HtmlTag &tag);
    void openAnchor(const HtmlTag &tag);
    void addToAnchor(QByteArrayView text);
    void lookForObfuscation(QByteArrayView text, PerlText kind);
    void finishFacts();

    HtmlSource m_source;
    HtmlLimits m_limits;
    HtmlRendering m_rendering;
    HtmlTextBuilder m_text;
    QByteArray m_decoded;  ///< Text without entities, for the length of one call.
    QByteArray m_name;     ///< Of the tag at hand, in lower case.

    std::vector<Occurrence> m_occurrences;
    std::array<int, htmlElements.size()> m_known{};  ///< Index into m_occurrences.
    QHash<QByteArray, int> m_unknown;
    int m_tags = 0;
    int m_standardTags = 0;
    int m_names = 0;
    int m_standardNames = 0;
    int m_extraEnds = 0;
    int m_obfuscations = 0;
    QSet<int> m_backhairs;

    std::vector<HtmlStyle> m_styles;
    std::array<int, htmlElements.size()> m_openStyles{};
    double m_baseFont = 3;
    double m_minSize = 3;
    double m_maxSize = 3;

    QByteArray m_base;
    int m_anchorLink = -1;  ///< Index of the last link with href.
    int m_anchor = -1;      ///< Index of the link that collects anchor text.
    double m_imageArea = 0;
};

}  // namespace portcullis::spam
