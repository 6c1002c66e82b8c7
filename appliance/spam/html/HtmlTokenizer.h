// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <array>
#include <vector>

namespace portcullis::spam {

/// An attribute as written; entities are not resolved.
struct HtmlAttribute {
    QByteArrayView name;
    QByteArrayView
        value;  ///< Without quotes. For one without "=" the name, as HTML::Parser says it.
};

/// One tag. Views are valid during the call that hands it over.
struct HtmlTag {
    QByteArrayView name;  ///< As written.
    std::vector<HtmlAttribute> attributes;

    /// The first attribute of that name (lower case), null if there is none.
    [[nodiscard]] const HtmlAttribute *find(QByteArrayView name) const;
};

/// Takes what the tokenizer finds, in order.
class HtmlSink
{
public:
    enum class Entities { Encoded, Literal };

    virtual ~HtmlSink() = default;
    virtual void startTag(HtmlTag &tag) = 0;
    virtual void endTag(QByteArrayView name) = 0;
    virtual void text(QByteArrayView text, Entities entities) = 0;
    virtual void comment(QByteArrayView markup) = 0;      ///< With <! and >.
    virtual void declaration(QByteArrayView markup) = 0;  ///< <!DOCTYPE …> and <!ENTITY …>
    /// The element "style" or "script" whose end never came, empty if there is none.
    [[nodiscard]] virtual QByteArrayView unclosed() const = 0;
};

/// Cuts HTML as HTML::Parser 3.81 does with marked sections: tolerant where browsers of the time were.
/// Linear: markup that never ends is searched for its end only once.
class HtmlTokenizer
{
public:
    explicit HtmlTokenizer(QByteArray html, HtmlSink &sink);

    void run();

private:
    /// Elements whose content is no markup.
    enum class Literal : quint8 { Script, Style, Xmp, Iframe, Plaintext, Title, Textarea, None };
    /// SGML marked sections, <![ INCLUDE [ … ]]>, in the order of their precedence.
    enum class Section : quint8 { None, Include, RcData, CData, Ignore };
    static constexpr qsizetype noMarkup = -1;

    // Each returns the position behind what it took; its own start: the end is missing; noMarkup.
    qsizetype takeMarkup(qsizetype start);
    qsizetype takeStartTag(qsizetype start);
    bool takeAttribute(qsizetype &at);
    qsizetype takeEndTag(qsizetype start);
    qsizetype takeDeclaration(qsizetype start);
    qsizetype takeDoctype(qsizetype start, qsizetype &failedAt);
    qsizetype takeComment(qsizetype start);
    qsizetype takeShortComment(qsizetype start, qsizetype at);
    qsizetype takeSection(qsizetype start);

    qsizetype tokenize(qsizetype start);
    bool takeLiteral(qsizetype &at);
    bool takeCharacterSection(qsizetype &at);
    qsizetype findTextEnd(qsizetype &textStart, qsizetype at);
    qsizetype lastWord(qsizetype start) const;
    void finish(qsizetype at);

    void enterLiteral(QByteArrayView name);
    void pushSection(Section section);
    void popSection();
    qsizetype findEndTag(Literal literal, qsizetype from, qsizetype &behind);
    [[nodiscard]] qsizetype skipUntilGreater(qsizetype at) const;
    [[nodiscard]] qsizetype skipSpace(qsizetype at) const;
    [[nodiscard]] qsizetype find(char wanted, qsizetype from) const;
    [[nodiscard]] QByteArrayView view(qsizetype from, qsizetype to) const;

    void giveText(qsizetype from, qsizetype to);
    void giveComment(qsizetype from, qsizetype to);
    void giveEnd(QByteArrayView name);
    void givePendingEnd();

    QByteArray m_html;
    const char *m_data;  ///< Of m_html; a NUL follows.
    qsizetype m_size;
    HtmlSink &m_sink;
    HtmlTag m_tag;
    Literal m_literal = Literal::None;
    Literal m_pendingEnd = Literal::None;  ///< An end tag that comes before the next tag.
    bool m_isCData = false;
    bool m_endsCommentsAtGreater = false;  ///< Second look at a document with an open comment.
    std::vector<Section> m_sections;       ///< Strongest of the open ones, for each depth.
    Section m_section = Section::None;
    std::array<qsizetype, size_t(Literal::None)> m_noEndFrom{};  ///< No end tag at or behind it.
};

}  // namespace portcullis::spam
