// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlRenderer.h"

#include "appliance/spam/html/HtmlEntities.h"
#include "appliance/spam/html/HtmlSourceText.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr int noElement = -1;
constexpr int anchorElement = htmlElementId("a");
constexpr int scriptElement = htmlElementId("script");
constexpr int styleElement = htmlElementId("style");
constexpr int titleElement = htmlElementId("title");
constexpr int wordLimit = 7;  ///< Characters of a word that backhair is looked for in.

/// "o:p", "st1:place": names of Microsoft Office, which everybody writes.
bool isOfficeName(QByteArrayView name)
{
    qsizetype colon = 1;
    if (name.startsWith("st") && name.size() > 3 && name[2] >= '0' && name[2] <= '9') {
        colon = 3;
    } else if (!name.startsWith('o')) {
        return false;
    }
    if (name.size() < colon + 2 || name[colon] != ':') {
        return false;
    }
    QByteArrayView rest = name.sliced(colon + 1);
    if (rest.size() > 1 && rest.endsWith('/')) {
        rest = rest.chopped(1);
    }
    return std::all_of(rest.begin(), rest.end(), [](char c) {
        return c == '-' || isPerlWord(static_cast<unsigned char>(c), PerlText::Octets);
    });
}

constexpr bool isAsciiPunctuation(char32_t code)
{
    return (code >= 0x21 && code <= 0x2F) || (code >= 0x3A && code <= 0x40)
           || (code >= 0x5B && code <= 0x60) || (code >= 0x7B && code <= 0x7E);
}

bool isPrinting(HtmlCharacter character, PerlText kind)
{
    return character.size > 0 && !isAsciiPunctuation(character.code)
           && !isPerlSpace(character.code, kind);
}

bool isBlank(QByteArrayView text)
{
    constexpr QByteArrayView twiceCodedSpace("\xC3\x82\xC2\xA0");
    for (qsizetype at = 0; at < text.size(); ++at) {
        if (isAsciiSpace(text[at])) {
            continue;
        }
        if (!text.sliced(at).startsWith(twiceCodedSpace)) {
            return false;
        }
        at += twiceCodedSpace.size() - 1;
    }
    return true;
}

/// Length of the word that ends a text, at most wordLimit; 0: it does not end with one.
int wordAtEnd(QByteArrayView text, PerlText kind)
{
    int length = 0;
    qsizetype end = text.size();
    HtmlCharacter character = characterBefore(text, end);
    for (int count = 1; count <= wordLimit && isPrinting(character, kind); ++count) {
        end -= character.size;
        const HtmlCharacter before = characterBefore(text, end);
        const bool isWordBefore = before.size > 0 && isPerlWord(before.code, kind);
        if (isPerlWord(character.code, kind) != isWordBefore) {
            length = count;
        }
        character = before;
    }
    return length;
}

int wordAtStart(QByteArrayView text, PerlText kind)
{
    int length = 0;
    qsizetype at = 0;
    HtmlCharacter character = characterAt(text, 0);
    for (int count = 1; count <= wordLimit && isPrinting(character, kind); ++count) {
        at += character.size;
        const HtmlCharacter next = characterAt(text, at);
        const bool isWordNext = next.size > 0 && isPerlWord(next.code, kind);
        if (isPerlWord(character.code, kind) != isWordNext) {
            length = count;
        }
        character = next;
    }
    return length;
}

}  // namespace

HtmlRenderer::HtmlRenderer(const HtmlSource &source, const HtmlLimits &limits)
    : m_source(source)
    , m_limits(limits)
    , m_text(m_rendering)
    , m_styles(1)
{
    m_source.text = m_source.text.first(std::min(m_source.text.size(), limits.bytes));
    m_known.fill(noOccurrence);
    m_rendering.isWide = source.isWide;
    m_rendering.text.reserve(m_source.text.size() / 2);
    m_rendering.visible.reserve(m_source.text.size() / 2);
}

HtmlRendering HtmlRenderer::render()
{
    HtmlTokenizer(preparedSource(m_source.text), *this).run();
    finishFacts();
    return std::move(m_rendering);
}

void HtmlRenderer::startTag(HtmlTag &tag)
{
    const int element = countTag(tag.name, 1);
    if (element == noElement) {
        return;
    }
    const HtmlElement &meaning = htmlElements[size_t(element)];
    if (meaning.hasStyle) {
        openStyle(element, tag);
    }
    addBreak(meaning.breaks);
    if (meaning.link != HtmlLinkKind::None) {
        collectLinks(element, tag);
    }
    examine(element, tag);
}

void HtmlRenderer::endTag(QByteArrayView name)
{
    const int element = countTag(name, -1);
    if (element == noElement) {
        return;
    }
    if (htmlElements[size_t(element)].hasStyle) {
        closeStyle(element);
    }
    addBreak(htmlElements[size_t(element)].breaks);
}

/// Counts a tag; returns the element, or noElement if it means nothing.
int HtmlRenderer::countTag(QByteArrayView name, int change)
{
    m_name.resize(name.size());
    std::transform(name.begin(), name.end(), m_name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
    const int element = findHtmlElement(m_name);
    const bool isStandard = element == noElement ? isOfficeName(m_name)
                                                 : htmlElements[size_t(element)].isStandard;
    ++m_tags;
    m_standardTags += isStandard ? 1 : 0;
    const size_t namesBefore = m_occurrences.size();
    const int occurrence = occurrenceOf(element, m_name);
    if (occurrence == noOccurrence) {
        return noElement;
    }
    if (m_occurrences.size() > namesBefore) {
        ++m_names;
        m_standardNames += isStandard ? 1 : 0;
    }
    int &open = m_occurrences[size_t(occurrence)].open;
    open += change;
    if (open < 0) {
        open = 0;
        ++m_extraEnds;
    }
    return element;
}

int HtmlRenderer::occurrenceOf(int element, QByteArrayView lowerName)
{
    if (element != noElement) {
        int &known = m_known[size_t(element)];
        if (known == noOccurrence) {
            known = int(m_occurrences.size());
            const std::string_view name = htmlElements[size_t(element)].name;
            m_occurrences.push_back(
                {QByteArray::fromRawData(name.data(), qsizetype(name.size())), 0});
        }
        return known;
    }
    const auto found = m_unknown.constFind(m_name);
    if (found != m_unknown.constEnd()) {
        return *found;
    }
    if (m_unknown.size() >= m_limits.unknownTags) {
        return noOccurrence;
    }
    const QByteArray name = lowerName.toByteArray();
    m_unknown.insert(name, int(m_occurrences.size()));
    m_occurrences.push_back({name, 0});
    return int(m_occurrences.size()) - 1;
}

bool HtmlRenderer::isInside(int element) const
{
    const int occurrence = m_known[size_t(element)];
    return occurrence != noOccurrence && m_occurrences[size_t(occurrence)].open > 0;
}

QByteArrayView HtmlRenderer::unclosed() const
{
    return isInside(styleElement) ? "style" : isInside(scriptElement) ? "script" : QByteArrayView();
}

void HtmlRenderer::addBreak(HtmlBreak kind)
{
    switch (kind) {
    case HtmlBreak::None:
        break;
    case HtmlBreak::Space:
        m_text.addBreak(" ");
        break;
    case HtmlBreak::Line:
        m_text.addBreak("\n");
        break;
    case HtmlBreak::Paragraph:
        m_text.addBreak("\n\n");
        break;
    }
}

void HtmlRenderer::text(QByteArrayView source, Entities entities)
{
    QByteArrayView text = source;
    bool isWide = m_source.isWide;
    if (entities == Entities::Encoded && source.contains('&')) {
        m_decoded.resize(0);
        isWide = appendDecodedEntities(m_decoded, source, EntityPlace::Text) || isWide;
        text = m_decoded;
    }
    if (isInside(scriptElement)) {
        m_rendering.facts.scripts.push_back(text.toByteArray());
        return;
    }
    if (isInside(styleElement)) {
        return;
    }
    if (isInside(anchorElement)) {
        addToAnchor(text);
    }
    if (isInside(titleElement) && !m_rendering.facts.titles.empty()) {
        m_rendering.facts.titles.back().append(text);
    }
    const PerlText kind = isWide ? PerlText::Characters : PerlText::Octets;
    m_rendering.isWide = m_rendering.isWide || isWide;
    const bool isHidden = !isBlank(text) && isInvisible();
    lookForObfuscation(text, kind);
    m_text.addText(text, kind, isHidden);
}

/// Tags within a word hide it from whoever looks for words.
void HtmlRenderer::lookForObfuscation(QByteArrayView text, PerlText kind)
{
    const QByteArrayView before = m_text.lastFragment();
    const PerlText kindBefore = m_text.lastKind();
    if (!isPrinting(characterAt(text, 0), kind)
        || !isPrinting(characterBefore(before, before.size()), kindBefore)) {
        return;
    }
    ++m_obfuscations;
    const int lengthBefore = wordAtEnd(before, kindBefore);
    const int length = lengthBefore > 0 ? wordAtStart(text, kind) : 0;
    if (length > 0) {
        m_backhairs.insert(lengthBefore * (wordLimit + 1) + length);
    }
}

void HtmlRenderer::comment(QByteArrayView markup)
{
    m_rendering.facts.comments.push_back(markup.toByteArray());
}

void HtmlRenderer::declaration(QByteArrayView markup)
{
    constexpr QByteArrayView doctype("<!doctype");
    if (markup.size() < doctype.size()
        || qstrnicmp(markup.data(), doctype.size(), doctype.data(), doctype.size()) != 0) {
        return;
    }
    ++m_tags;
    ++m_standardTags;
    m_name = "!doctype";
    const int occurrence = occurrenceOf(noElement, m_name);
    if (occurrence != noOccurrence) {
        m_occurrences[size_t(occurrence)].open = 0;
    }
}

void HtmlRenderer::finishFacts()
{
    HtmlFacts &facts = m_rendering.facts;
    for (const Occurrence &occurrence : m_occurrences) {
        facts.addElement(occurrence.name, occurrence.open);
    }
    const PerlText kind = m_rendering.isWide ? PerlText::Characters : PerlText::Octets;
    const auto textLength = double(countCharacters(m_rendering.text));
    const auto octets = double(m_source.octets > 0 ? m_source.octets : m_source.text.size());
    facts.setValue(HtmlMeasure::Html, 1);
    facts.setValue(HtmlMeasure::Length, double(countCharacters(m_source.text)));
    facts.setValue(HtmlMeasure::TextLength, textLength);
    facts.setValue(HtmlMeasure::NonSpaceLength,
                   textLength - double(countSpaces(m_rendering.text, kind)));
    if (octets > 0) {
        facts.setValue(HtmlMeasure::Ratio, (octets - textLength) / octets);
    }
    facts.setValue(HtmlMeasure::ImageArea, m_imageArea);
    facts.setValue(HtmlMeasure::MinSize, m_minSize);
    facts.setValue(HtmlMeasure::MaxSize, m_maxSize);
    if (!m_backhairs.isEmpty()) {
        facts.setValue(HtmlMeasure::BackhairCount, double(m_backhairs.size()));
    }
    if (m_tags > 0) {
        const double tags = m_tags;
        facts.setValue(HtmlMeasure::ClosedExtraRatio, m_extraEnds / tags);
        if (m_standardTags > 0) {
            facts.setValue(HtmlMeasure::BadTagRatio, (m_tags - m_standardTags) / tags);
        }
        if (m_obfuscations > 0) {
            facts.setValue(HtmlMeasure::ObfuscationRatio, m_obfuscations / tags);
        }
    }
    if (m_standardNames > 0) {
        facts.setValue(HtmlMeasure::NonElementRatio,
                       double(m_names - m_standardNames) / double(m_names));
    }
}

HtmlRendering renderHtml(const HtmlSource &source, const HtmlLimits &limits)
{
    return HtmlRenderer(source, limits).render();
}

QByteArray latin1FromUtf8(const QByteArray &text)
{
    const auto isAscii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (std::all_of(text.begin(), text.end(), isAscii)) {
        return text;
    }
    QByteArray result;
    result.reserve(text.size());
    for (qsizetype at = 0; at < text.size();) {
        const HtmlCharacter character = characterAt(text, at);
        result.append(character.code <= 0xFF ? char(character.code) : '?');
        at += character.size;
    }
    return result;
}

}  // namespace portcullis::spam
