// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/Database.h"
#include "shared/base/Clock.h"
#include "shared/base/Error.h"

#include <QtCore/QDateTime>
#include <QtCore/QString>
#include <QtCore/QStringList>
#include <QtCore/QVariant>

/// Values whose microseconds or elements Qt Sql does not carry, as text that PostgreSQL reads.
namespace portcullis::store {

/// A timestamptz with all its microseconds: "2026-11-21 08:00:00.000001+00".
inline QString timestampText(Clock::WallTime time)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const qint64 micros = (time - seconds).count();
    return QDateTime::fromSecsSinceEpoch(seconds.time_since_epoch().count(), Qt::UTC)
               .toString(QStringLiteral("yyyy-MM-dd HH:mm:ss"))
           + QStringLiteral(".%1+00").arg(micros, 6, 10, QLatin1Char('0'));
}

/// From `(extract(epoch FROM column) * 1000000)::bigint`.
inline Clock::WallTime wallTimeOf(const QVariant &microseconds)
{
    return Clock::WallTime(std::chrono::microseconds(microseconds.toLongLong()));
}

/// Without it a QByteArray would fit both cleanText(QString) and cleanText(QByteArrayView).
inline QString cleanText(const QByteArray &bytes)
{
    return cleanText(QByteArrayView(bytes));
}

/// An array literal, `{"a","b"}`, for a parameter `?::text[]`. Null strings become NULL.
inline QString arrayText(const QStringList &elements)
{
    QString text(QLatin1Char('{'));
    for (const QString &element : elements) {
        if (text.size() > 1) {
            text.append(QLatin1Char(','));
        }
        if (element.isNull()) {
            text.append(QLatin1String("NULL"));
            continue;
        }
        QString escaped = element;
        escaped.replace(QLatin1Char('\\'), QLatin1String("\\\\"));
        escaped.replace(QLatin1Char('"'), QLatin1String("\\\""));
        text.append(QLatin1Char('"')).append(escaped).append(QLatin1Char('"'));
    }
    return text.append(QLatin1Char('}'));
}

/// Whether the values are at fault rather than the database: trying the same again is of no use.
/// A missing schema or right is the database's fault, and is healed by an administrator.
inline bool isValueFault(const Error &error)
{
    return error.id == "store.query" || error.id == "store.constraint"
           || error.id == "store.duplicate";
}

}  // namespace portcullis::store
