// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlStyle.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <vector>

namespace portcullis::spam {

namespace {

/// Takes "! important" off the end of a value.
QByteArrayView withoutImportance(QByteArrayView lowerValue)
{
    constexpr QByteArrayView important("important");
    if (!lowerValue.endsWith(important)) {
        return lowerValue;
    }
    const QByteArrayView rest = trimmedOctets(lowerValue.chopped(important.size()));
    return rest.endsWith('!') ? trimmedOctets(rest.chopped(1)) : lowerValue;
}

/// Words of the last layer of a `background`, strings and arguments kept together.
std::vector<QByteArrayView> lastBackgroundLayer(QByteArrayView value)
{
    std::vector<QByteArrayView> layer;
    std::vector<QByteArrayView> lastLayer;
    qsizetype wordStart = 0;
    char closing = 0;  // what ends the string or the arguments we are in
    bool isInArguments = false;
    const auto finishWord = [&](qsizetype end) {
        if (end > wordStart) {
            layer.push_back(value.sliced(wordStart, end - wordStart));
        }
        wordStart = end;
    };
    for (qsizetype at = 0; at < value.size(); ++at) {
        const char c = value[at];
        if (closing == '"' || closing == '\'') {
            if (c == closing) {
                closing = isInArguments ? ')' : char(0);
            }
        } else if (c == '"' || c == '\'') {
            closing = c;
        } else if (isInArguments) {
            if (c == ')') {
                finishWord(at + 1);
                closing = 0;
                isInArguments = false;
            }
        } else if (c == '(') {
            closing = ')';
            isInArguments = true;
        } else if (c == ' ' || c == ',') {
            finishWord(at);
            wordStart = at + 1;
            if (c == ',') {
                lastLayer = std::exchange(layer, {});
            }
        }
    }
    finishWord(value.size());
    return layer.empty() ? lastLayer : layer;
}

bool isPropertyName(QByteArrayView name)
{
    for (const char c : name) {
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-')) {
            return false;
        }
    }
    return !name.isEmpty();
}

bool equalsKeyword(QByteArrayView value, QByteArrayView keyword)
{
    return qstrnicmp(value.data(), value.size(), keyword.data(), keyword.size()) == 0;
}

}  // namespace

void HtmlStyle::applyCss(QByteArrayView css)
{
    const HtmlColor outerBackground = background;
    m_hasTransparentText = m_hasTransparentBackground = false;
    for (qsizetype start = 0; start <= css.size();) {
        const qsizetype semicolon = css.indexOf(';', start);
        const qsizetype end = semicolon < 0 ? css.size() : semicolon;
        applyDeclaration(css.sliced(start, end - start));
        start = end + 1;
    }
    if (m_hasTransparentBackground) {
        background = outerBackground;
    }
    if (m_hasTransparentText) {
        foreground = background;
    }
}

void HtmlStyle::applyDeclaration(QByteArrayView declaration)
{
    const qsizetype colon = declaration.indexOf(':');
    if (colon < 0) {
        return;
    }
    while (!declaration.isEmpty() && isAsciiSpace(declaration.front())) {
        declaration = declaration.sliced(1);
    }
    const qsizetype nameSize = declaration.indexOf(':');
    QByteArrayView property = declaration.first(nameSize);
    const QByteArrayView rawValue = declaration.sliced(nameSize + 1);
    const QByteArrayView value = trimmedOctets(rawValue);
    if (value.contains('\n')) {
        return;
    }
    // Colours want the colon at once; "color:" with nothing but space is a colour, if an invalid one.
    const bool hasValue = !value.isEmpty()
                          || (!rawValue.isEmpty() && rawValue.count('\n') < rawValue.size());
    if (hasValue && applyColor(property, value)) {
        return;
    }
    if (hasValue && property == "background") {
        applyBackground(value);
        return;
    }
    property = trimmedOctets(property);
    if (value.isEmpty() || !isPropertyName(property)) {
        return;
    }
    if (property == "display") {
        isDisplayNone = equalsKeyword(value, "none");
    } else if (property == "visibility") {
        isVisibilityHidden = equalsKeyword(value, "hidden");
    }
}

bool HtmlStyle::applyColor(QByteArrayView property, QByteArrayView value)
{
    const bool isBackground = equalsKeyword(property, "background-color");
    if (!isBackground && !equalsKeyword(property, "color")) {
        return false;
    }
    HtmlColor &color = isBackground ? background : foreground;
    bool &isTransparent = isBackground ? m_hasTransparentBackground : m_hasTransparentText;
    const QByteArray lower = value.toByteArray().toLower();
    const QByteArrayView word = withoutImportance(lower);
    if (word == "inherit") {
        return true;
    }
    isTransparent = word == "transparent";
    if (!isTransparent) {
        color = HtmlColor::parseCss(word);
    }
    return true;
}

void HtmlStyle::applyBackground(QByteArrayView value)
{
    const QByteArray lower = value.toByteArray().toLower();
    for (const QByteArrayView word : lastBackgroundLayer(lower)) {
        const HtmlColor color = HtmlColor::parse(word);
        if (!color.isInvalid()) {
            background = color;
            m_hasTransparentBackground = false;
            return;
        }
    }
}

}  // namespace portcullis::spam
