// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/MessageBuilder.h"

#include <QtCore/QHash>

#include <algorithm>

namespace portcullis::mail {

namespace {

struct HtmlTag {
    QString name;  // lower case, with the `/` of an end tag
    qsizetype next = 0;
};

HtmlTag tagAt(const QString &html, qsizetype at)
{
    HtmlTag tag;
    qsizetype i = at + 1;
    if (html.mid(i, 3) == QLatin1StringView("!--")) {
        const qsizetype end = html.indexOf(QLatin1StringView("-->"), i);
        tag.next = end < 0 ? html.size() : end + 3;
        return tag;
    }
    while (i < html.size() && (html[i].isLetterOrNumber() || (html[i] == u'/' && i == at + 1))) {
        tag.name.append(html[i++].toLower());
    }
    const qsizetype end = html.indexOf(u'>', i);
    tag.next = end < 0 ? html.size() : end + 1;
    return tag;
}

bool isLineTag(const QString &name)
{
    static const QStringList c_names = {
        QStringLiteral("br"),  QStringLiteral("/p"),  QStringLiteral("/div"),
        QStringLiteral("/tr"), QStringLiteral("/h1"), QStringLiteral("/h2"),
        QStringLiteral("/h3"), QStringLiteral("/h4"), QStringLiteral("/li"),
        QStringLiteral("/ul"), QStringLiteral("/ol"), QStringLiteral("/table"),
        QStringLiteral("hr")};
    return c_names.contains(name);
}

QString resolveEntity(const QString &entity)
{
    static const QHash<QString, char32_t> c_named = {
        {QStringLiteral("amp"), U'&'},    {QStringLiteral("lt"), U'<'},
        {QStringLiteral("gt"), U'>'},     {QStringLiteral("quot"), U'"'},
        {QStringLiteral("apos"), U'\''},  {QStringLiteral("nbsp"), U' '},
        {QStringLiteral("copy"), U'©'},   {QStringLiteral("reg"), U'®'},
        {QStringLiteral("euro"), U'€'},   {QStringLiteral("ndash"), U'–'},
        {QStringLiteral("mdash"), U'—'},  {QStringLiteral("hellip"), U'…'},
        {QStringLiteral("auml"), U'ä'},   {QStringLiteral("ouml"), U'ö'},
        {QStringLiteral("uuml"), U'ü'},   {QStringLiteral("Auml"), U'Ä'},
        {QStringLiteral("Ouml"), U'Ö'},   {QStringLiteral("Uuml"), U'Ü'},
        {QStringLiteral("szlig"), U'ß'},  {QStringLiteral("sect"), U'§'},
        {QStringLiteral("eacute"), U'é'}, {QStringLiteral("egrave"), U'è'},
        {QStringLiteral("agrave"), U'à'}, {QStringLiteral("ccedil"), U'ç'}};
    char32_t code = c_named.value(entity, 0);
    if (entity.startsWith(u'#')) {
        const bool isHex = entity.startsWith(QLatin1StringView("#x"), Qt::CaseInsensitive);
        code = isHex ? entity.mid(2).toUInt(nullptr, 16) : entity.mid(1).toUInt();
    }
    const bool isCharacter = code >= 0x20 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    return isCharacter ? QString::fromUcs4(&code, 1) : u'&' + entity + u';';
}

// Blanks at line ends and more than one empty line in a row are an artefact of the tags.
QString tidy(const QString &text)
{
    QStringList lines;
    for (const QString &line : text.split(u'\n')) {
        const QString simple = line.simplified();
        if (!simple.isEmpty() || (!lines.isEmpty() && !lines.last().isEmpty())) {
            lines.append(simple);
        }
    }
    while (!lines.isEmpty() && lines.last().isEmpty()) {
        lines.removeLast();
    }
    return lines.join(u'\n');
}

}  // namespace

QString plainTextOf(const QString &html)
{
    const bool hasTags = html.contains(u'<');
    QString text;
    qsizetype i = 0;
    while (i < html.size()) {
        const QChar c = html[i];
        if (c == u'<') {
            const HtmlTag tag = tagAt(html, i);
            i = tag.next;
            if (tag.name == QLatin1StringView("script") || tag.name == QLatin1StringView("style")) {
                const qsizetype end = html.indexOf(QLatin1StringView("</") + tag.name, i,
                                                   Qt::CaseInsensitive);
                i = end < 0 ? html.size() : end;
            } else if (tag.name == QLatin1StringView("li")) {
                text.append(QLatin1StringView("\n* "));
            } else if (isLineTag(tag.name)) {
                text.append(u'\n');
            }
            continue;
        }
        const qsizetype semicolon = c == u'&' ? html.indexOf(u';', i) : -1;
        if (semicolon > i && semicolon - i <= 10) {
            text.append(resolveEntity(html.mid(i + 1, semicolon - i - 1)));
            i = semicolon + 1;
            continue;
        }
        // In HTML a line break is a blank; text without any tag was written as lines.
        text.append(hasTags && (c == u'\n' || c == u'\r') ? QChar(u' ') : c);
        ++i;
    }
    return tidy(text);
}

}  // namespace portcullis::mail
