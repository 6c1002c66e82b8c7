// SPDX-License-Identifier: GPL-2.0-or-later
// HtmlRenderer's links and what single elements tell besides their text.
#include "appliance/spam/html/HtmlAddress.h"
#include "appliance/spam/html/HtmlEntities.h"
#include "appliance/spam/html/HtmlRenderer.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr int anchorTag = htmlElementId("a");
constexpr int embedTag = htmlElementId("embed");
constexpr int fontTag = htmlElementId("font");
constexpr int formTag = htmlElementId("form");
constexpr int iframeTag = htmlElementId("iframe");
constexpr int imageTag = htmlElementId("img");
constexpr int objectTag = htmlElementId("object");
constexpr int titleTag = htmlElementId("title");

/// Percentages of a width and a height, on a screen of 800 by 600; and the side of an image whose size
/// makes no sense.
constexpr double screenWidthPercent = 8;
constexpr double screenHeightPercent = 6;
constexpr double guessedImageSide = 200;

bool containsWithoutCase(QByteArrayView text, QByteArrayView lowerWord)
{
    for (qsizetype at = 0; at + lowerWord.size() <= text.size(); ++at) {
        if (qstrnicmp(text.data() + at, lowerWord.size(), lowerWord.data(), lowerWord.size())
            == 0) {
            return true;
        }
    }
    return false;
}

/// Schemes whose addresses have nothing to resolve.
bool hasOpaqueScheme(QByteArrayView address)
{
    for (const QByteArrayView scheme : {"data:", "mailto:", "file:", "cid:", "tel:"}) {
        if (address.size() >= scheme.size()
            && qstrnicmp(address.data(), scheme.size(), scheme.data(), scheme.size()) == 0) {
            return true;
        }
    }
    return false;
}

/// "x/href" in broken tags such as <a class=x/href="…">: the name behind a word and a slash.
bool hidesName(QByteArrayView attributeName, QByteArrayView name)
{
    for (qsizetype slash = attributeName.indexOf('/'); slash > 0;
         slash = attributeName.indexOf('/', slash + 1)) {
        const QByteArrayView rest = attributeName.sliced(slash + 1);
        if (isPerlWord(static_cast<unsigned char>(attributeName[slash - 1]), PerlText::Octets)
            && rest.size() >= name.size()
            && qstrnicmp(rest.data(), name.size(), name.data(), name.size()) == 0) {
            return true;
        }
    }
    return false;
}

void uncoverAttribute(HtmlTag &tag, QByteArrayView name)
{
    for (HtmlAttribute &attribute : tag.attributes) {
        if (attribute.name.contains('/') && hidesName(attribute.name, name)) {
            const HtmlAttribute uncovered{name, attribute.value};
            tag.attributes.insert(tag.attributes.begin(), uncovered);
            return;
        }
    }
}

/// Width or height of an image; 0: not a number.
double imageSide(QByteArrayView text, double percent)
{
    double side = 0;
    qsizetype at = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        side = side * 10 + (text[at] - '0');
    }
    const QByteArrayView rest = text.sliced(at);
    if (rest.startsWith('%')) {
        side *= percent;
    }
    const bool isNumber = at > 0
                          && (rest.isEmpty() || rest == "%" || rest == "\n" || rest == "%\n");
    return isNumber && side > 0 ? side : guessedImageSide;
}

constexpr bool isFontLetter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool isFontNameCharacter(char c)
{
    return isFontLetter(c) || c == ' ' || c == '-';
}

/// Reads one name of a font list at `at`: letters, spaces and hyphens, starting and ending with a letter,
/// at least two; a digit and a quote may follow. Space in front of the first one may be its first letter.
bool takeFontName(QByteArrayView face, qsizetype &at, bool isFirst)
{
    const qsizetype spaceStart = at;
    while (at < face.size() && isAsciiSpace(face[at])) {
        ++at;
    }
    const bool isQuoted = at < face.size()
                          && (face[at] == '"' || face[at] == '\'' || (isFirst && face[at] == '.'));
    at += isQuoted ? 1 : 0;
    const qsizetype start = at;
    while (at < face.size() && isFontNameCharacter(face[at])) {
        ++at;
    }
    const bool isAfterSpace = isFirst && !isQuoted && start > spaceStart && face[start - 1] == ' ';
    const bool startsWell = at > start
                            && (isFontLetter(face[start])
                                || (isFirst && (face[start] == ' ' || isAfterSpace)));
    if (!startsWell || at - start + (isAfterSpace ? 1 : 0) < 2 || !isFontLetter(face[at - 1])) {
        return false;
    }
    if (at < face.size() && face[at] >= '0' && face[at] <= '9') {
        ++at;
    }
    if (at < face.size() && (face[at] == '"' || face[at] == '\'')) {
        ++at;
    }
    return true;
}

/// Whether <font face> is a list of names as people write them.
bool isFontList(QByteArrayView face)
{
    qsizetype at = 0;
    if (!takeFontName(face, at, true)) {
        return false;
    }
    while (at < face.size() && face[at] == ',') {
        ++at;
        if (!takeFontName(face, at, false)) {
            return false;
        }
    }
    const QByteArrayView rest = face.sliced(at);
    return rest.isEmpty() || rest == ";" || rest == "\n" || rest == ";\n";
}

}  // namespace

/// Value of an attribute with its entities resolved; empty if it is not there.
QByteArray HtmlRenderer::attribute(const HtmlTag &tag, QByteArrayView name) const
{
    const HtmlAttribute *found = tag.find(name);
    if (!found) {
        return {};
    }
    if (!found->value.contains('&')) {
        return found->value.toByteArray();
    }
    QByteArray value;
    appendDecodedEntities(value, found->value, EntityPlace::Attribute);
    return value;
}

void HtmlRenderer::collectLinks(int element, HtmlTag &tag)
{
    const std::string_view elementName = htmlElements[size_t(element)].name;
    const QByteArrayView name(elementName.data(), qsizetype(elementName.size()));
    switch (htmlElements[size_t(element)].link) {
    case HtmlLinkKind::None:
        break;
    case HtmlLinkKind::Background:
        addLink(name, attribute(tag, "background"));
        break;
    case HtmlLinkKind::Href:
        uncoverAttribute(tag, "href");
        m_anchorLink = addLink(name, attribute(tag, "href").replace("\xEF\xBB\xBF", ""));
        addLink(name, attribute(tag, "data-saferedirecturl"));
        break;
    case HtmlLinkKind::Source:
        uncoverAttribute(tag, "src");
        if (addLink(name, attribute(tag, "src")) >= 0 && element == iframeTag) {
            m_rendering.facts.hasIframeUri = true;
        }
        break;
    case HtmlLinkKind::Action:
        addLink(name, attribute(tag, "action"));
        break;
    case HtmlLinkKind::Base:
        setBase(attribute(tag, "href"));
        break;
    case HtmlLinkKind::Refresh:
        if (containsWithoutCase(attribute(tag, "http-equiv"), "refresh")) {
            addLink(name, addressOfRefresh(attribute(tag, "content")));
        }
        break;
    }
}

/// Notes a link and returns its index; -1: it is none.
int HtmlRenderer::addLink(QByteArrayView tag, QByteArrayView address)
{
    const QByteArrayView canonical = canonicalAddress(address);
    if (canonical.isEmpty() || m_rendering.uris.size() >= size_t(m_limits.uris)) {
        return -1;
    }
    QByteArray target = hasOpaqueScheme(canonical) ? canonical.toByteArray()
                                                   : resolveAddress(m_base, canonical);
    if (target.isEmpty()) {
        return -1;
    }
    m_rendering.uris.push_back({std::move(target), tag.toByteArray(), QByteArray()});
    return int(m_rendering.uris.size()) - 1;
}

void HtmlRenderer::setBase(QByteArrayView address)
{
    const QByteArrayView canonical = canonicalAddress(address);
    addLink("base", canonical);
    const QByteArray base = baseOfAddress(canonical);
    if (!base.isEmpty()) {
        m_base = base;
    }
}

/// Without space around it and of bounded length.
QByteArrayView HtmlRenderer::canonicalAddress(QByteArrayView address)
{
    const QByteArrayView trimmed = trimmedCharacters(address);
    if (trimmed.size() <= m_limits.uriLength) {
        return trimmed;
    }
    qsizetype end = 0;
    for (int count = 0; count < m_limits.uriLength; ++count) {
        const HtmlCharacter character = characterAt(trimmed, end);
        if (character.size == 0) {
            return trimmed;
        }
        end += character.size;
    }
    if (end == trimmed.size()) {
        return trimmed;
    }
    m_rendering.facts.setValue(HtmlMeasure::UriTruncated, 1);
    return trimmed.first(end);
}

void HtmlRenderer::examine(int element, const HtmlTag &tag)
{
    HtmlFacts &facts = m_rendering.facts;
    switch (element) {
    case fontTag:
        if (tag.find("face") && !isFontList(attribute(tag, "face"))) {
            facts.setValue(HtmlMeasure::BadFontFace, 1);
        }
        break;
    case imageTag:
        examineImage(tag);
        break;
    case formTag:
        if (containsWithoutCase(attribute(tag, "action"), "mailto:")) {
            facts.setValue(HtmlMeasure::FormMailto, 1);
        }
        break;
    case objectTag:
    case embedTag:
        facts.setValue(HtmlMeasure::Embeds, 1);
        break;
    case anchorTag:
        openAnchor(tag);
        break;
    case titleTag:
        if (facts.titles.size() < size_t(m_limits.uris)) {
            facts.titles.emplace_back("");
        }
        break;
    default:
        break;
    }
}

void HtmlRenderer::examineImage(const HtmlTag &tag)
{
    if (isInside(anchorTag)) {
        addToAnchor("<img>\n");
    }
    if (tag.find("width") && tag.find("height")) {
        m_imageArea += imageSide(attribute(tag, "width"), screenWidthPercent)
                       * imageSide(attribute(tag, "height"), screenHeightPercent);
    }
}

/// The text up to the next <a> belongs to this address as it is written: SpamAssassin keeps the texts
/// apart from the resolved links.
void HtmlRenderer::openAnchor(const HtmlTag &tag)
{
    std::vector<HtmlUri> &links = m_rendering.uris;
    const QByteArray value = attribute(tag, "href").replace("\xEF\xBB\xBF", "");
    const QByteArrayView address = canonicalAddress(value);
    m_anchor = -1;
    if (links.size() >= size_t(m_limits.uris)) {
        return;
    }
    if (m_anchorLink < 0 || links[size_t(m_anchorLink)].uri != address) {
        links.push_back({address.toByteArray(), QByteArray(), QByteArray()});
        m_anchorLink = int(links.size()) - 1;
    }
    links[size_t(m_anchorLink)].text = QByteArray("");
    m_anchor = m_anchorLink;
    m_rendering.facts.anchors.emplace_back("");
}

void HtmlRenderer::addToAnchor(QByteArrayView text)
{
    if (m_anchor >= 0) {
        m_rendering.uris[size_t(m_anchor)].text.append(text);
        m_rendering.facts.anchors.back().append(text);
    }
}

}  // namespace portcullis::spam
