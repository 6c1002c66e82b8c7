// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/Database.h"

#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QStringDecoder>

namespace portcullis::store {

namespace {

QJsonValue cleanedJson(const QJsonValue &value);

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by Qt's reader, 1,024 levels
QJsonObject cleanedObject(const QJsonObject &object)
{
    QJsonObject cleaned;
    for (auto it = object.begin(); it != object.end(); ++it) {
        cleaned.insert(cleanText(it.key()), cleanedJson(it.value()));
    }
    return cleaned;
}

/// jsonb refuses \u0000 just as text refuses NUL.
// NOLINTNEXTLINE(misc-no-recursion) depth bounded by Qt's reader, 1,024 levels
QJsonValue cleanedJson(const QJsonValue &value)
{
    if (value.isString()) {
        return cleanText(value.toString());
    }
    if (value.isObject()) {
        return cleanedObject(value.toObject());
    }
    if (value.isArray()) {
        QJsonArray cleaned;
        const QJsonArray array = value.toArray();
        for (const QJsonValue &element : array) {
            cleaned.append(cleanedJson(element));
        }
        return cleaned;
    }
    return value;
}

}  // namespace

QString cleanText(const QString &text)
{
    QString cleaned = text.isNull() ? QStringLiteral("") : text;
    for (qsizetype i = 0; i < cleaned.size(); ++i) {
        const QChar c = std::as_const(cleaned)[i];
        const bool isPair = c.isHighSurrogate() && i + 1 < cleaned.size()
                            && std::as_const(cleaned)[i + 1].isLowSurrogate();
        if (isPair) {
            ++i;
        } else if (c.isNull() || c.isSurrogate()) {
            cleaned[i] = QChar(QChar::ReplacementCharacter);
        }
    }
    return cleaned;
}

QString cleanText(QByteArrayView bytes)
{
    QStringDecoder decoder(QStringDecoder::Utf8);
    const QString text = decoder.decode(bytes);
    return cleanText(text);
}

QString jsonText(const QJsonObject &object)
{
    return QString::fromUtf8(QJsonDocument(cleanedObject(object)).toJson(QJsonDocument::Compact));
}

}  // namespace portcullis::store
