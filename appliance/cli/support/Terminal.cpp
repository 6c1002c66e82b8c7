// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/support/Terminal.h"

#include <QtCore/QDateTime>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QRegularExpression>

#include <algorithm>
#include <cstdio>

namespace portcullis::cli {

namespace {

qint64 secondsOf(Clock::WallTime time)
{
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::chrono::seconds unitOf(QChar unit)
{
    switch (unit.toLatin1()) {
    case 'm':
        return std::chrono::minutes(1);
    case 'h':
        return std::chrono::hours(1);
    default:
        return std::chrono::hours(24);
    }
}

bool isUnsafe(QChar c)
{
    const QChar::Category category = c.category();
    return category == QChar::Other_Control || category == QChar::Other_Format
           || category == QChar::Separator_Line || category == QChar::Separator_Paragraph;
}

}  // namespace

void print(const QString &text)
{
    printBytes(text.toUtf8());
}

void printBytes(const QByteArray &bytes)
{
    std::fwrite(bytes.constData(), 1, static_cast<size_t>(bytes.size()), stdout);
}

void printJson(const QJsonValue &value)
{
    printBytes(value.isArray() ? QJsonDocument(value.toArray()).toJson()
                               : QJsonDocument(value.toObject()).toJson());
}

int fail(const Error &error)
{
    std::fprintf(stderr, "%s\n", printable(error.toString(), 2000).toUtf8().constData());
    return Failure;
}

int usageError(const char *program, const QString &problem)
{
    std::fprintf(stderr, "%s: %s\nTry '%s --help'.\n", program,
                 printable(problem).toUtf8().constData(), program);
    return Usage;
}

QString printable(const QString &text, int maxLength)
{
    QString safe = text.left(maxLength);
    for (QChar &c : safe) {
        if (c == QLatin1Char('\n') || c == QLatin1Char('\t') || c == QLatin1Char('\r')) {
            c = QLatin1Char(' ');
        } else if (isUnsafe(c)) {
            c = QLatin1Char('?');
        }
    }
    return safe;
}

QString table(const std::vector<QStringList> &rows)
{
    std::vector<qsizetype> widths;
    for (const QStringList &row : rows) {
        widths.resize(std::max(widths.size(), static_cast<size_t>(row.size())));
        for (qsizetype i = 0; i < row.size(); ++i) {
            qsizetype &width = widths[static_cast<size_t>(i)];
            width = std::max(width, row[i].size());
        }
    }
    QString text;
    for (const QStringList &row : rows) {
        for (qsizetype i = 0; i < row.size(); ++i) {
            const bool isLast = i + 1 == row.size();
            text.append(isLast ? row[i] : row[i].leftJustified(widths[static_cast<size_t>(i)] + 2));
        }
        text.append(QLatin1Char('\n'));
    }
    return text;
}

QString localTime(Clock::WallTime time)
{
    return QDateTime::fromSecsSinceEpoch(secondsOf(time))
        .toString(QStringLiteral("yyyy-MM-dd HH:mm:ss"));
}

QString isoTime(Clock::WallTime time)
{
    const qint64 micros = time.time_since_epoch().count() - secondsOf(time) * 1'000'000;
    return QDateTime::fromSecsSinceEpoch(secondsOf(time), Qt::UTC)
               .toString(QStringLiteral("yyyy-MM-ddTHH:mm:ss"))
           + QStringLiteral(".%1Z").arg(micros, 6, 10, QLatin1Char('0'));
}

Result<Clock::WallTime> parseTime(const QString &text, Clock::WallTime now)
{
    static const QRegularExpression span(QStringLiteral("\\A([0-9]{1,6})([mhd])\\z"));
    const auto match = span.match(text);
    if (match.hasMatch()) {
        return now - match.captured(1).toLongLong() * unitOf(match.captured(2).front());
    }
    QString iso = text;
    const QDateTime time = QDateTime::fromString(iso.replace(QLatin1Char(' '), QLatin1Char('T')),
                                                 Qt::ISODate);
    if (!time.isValid()) {
        return Error::permanent(
            "cli.time", QStringLiteral("'%1' is no time; write 2026-11-21, '2026-11-21 08:00' or a "
                                       "span back from now such as 30m, 2h, 7d")
                            .arg(text));
    }
    return Clock::WallTime(std::chrono::seconds(time.toSecsSinceEpoch()));
}

}  // namespace portcullis::cli
