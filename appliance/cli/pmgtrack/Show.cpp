// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgtrack/Show.h"

#include "appliance/cli/support/Terminal.h"

#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>

namespace portcullis::cli::track {

namespace {

using tracking::DeliveryStatus;
using tracking::MailRow;
using tracking::MailStatus;
using tracking::TrackingEvent;

QString statusText(MailStatus status)
{
    switch (status) {
    case MailStatus::Pending:
        return QStringLiteral("received");
    case MailStatus::Accepted:
        return QStringLiteral("accepted");
    case MailStatus::Blocked:
        return QStringLiteral("blocked");
    case MailStatus::Quarantined:
        return QStringLiteral("quarantined");
    case MailStatus::Refused:
        return QStringLiteral("rejected");
    case MailStatus::Greylisted:
        return QStringLiteral("greylisted");
    }
    return QStringLiteral("?");
}

QString deliveryText(DeliveryStatus status)
{
    switch (status) {
    case DeliveryStatus::None:
        return {};
    case DeliveryStatus::Sent:
        return QStringLiteral("delivered");
    case DeliveryStatus::Deferred:
        return QStringLiteral("deferred");
    case DeliveryStatus::Bounced:
        return QStringLiteral("bounced");
    case DeliveryStatus::Held:
        return QStringLiteral("held");
    case DeliveryStatus::Released:
        return QStringLiteral("released");
    case DeliveryStatus::Deleted:
        return QStringLiteral("deleted");
    }
    return QStringLiteral("?");
}

QString fateText(const MailRow &row)
{
    const QString delivery = deliveryText(row.delivery);
    if (delivery.isEmpty()) {
        return row.status == MailStatus::Accepted ? QStringLiteral("accepted/queued")
                                                  : statusText(row.status);
    }
    return statusText(row.status) + QLatin1Char('/') + delivery;
}

QString directionText(mail::Direction direction)
{
    return direction == mail::Direction::In ? QStringLiteral("in") : QStringLiteral("out");
}

QString joined(const std::vector<QByteArray> &recipients)
{
    QStringList texts;
    for (const QByteArray &recipient : recipients) {
        texts.append(QString::fromUtf8(recipient));
    }
    return texts.join(QLatin1String(", "));
}

/// "name=value" for each that is there.
QString eventFields(const TrackingEvent &event)
{
    QString text;
    const auto add = [&](const char *name, const QString &value) {
        if (!value.isEmpty()) {
            text.append(QStringLiteral(" %1=%2").arg(QLatin1String(name), printable(value, 500)));
        }
    };
    add("client", QString::fromUtf8(event.client));
    add("from", QString::fromUtf8(event.sender));
    add("to", joined(event.recipients));
    add("size", event.size > 0 ? QString::number(event.size) : QString());
    add("rule", event.rule);
    add("reason", event.reason);
    add("level", event.spamLevel != 0 ? QString::number(event.spamLevel) : QString());
    add("virus", event.virus);
    add("relay", QString::fromUtf8(event.nextHop));
    add("reply", QString::fromUtf8(event.reply));
    add("tls", QString::fromUtf8(event.tls));
    add("ms", event.duration.count() > 0 ? QString::number(event.duration.count()) : QString());
    if (!event.detail.isEmpty()) {
        add("detail",
            QString::fromUtf8(QJsonDocument(event.detail).toJson(QJsonDocument::Compact)));
    }
    return text;
}

QJsonObject mailToJson(const MailRow &row)
{
    return {{QStringLiteral("queue_id"), row.queueId},
            {QStringLiteral("recipient"), row.recipient},
            {QStringLiteral("sender"), row.sender},
            {QStringLiteral("client"), row.client},
            {QStringLiteral("direction"), directionText(row.direction)},
            {QStringLiteral("received"), isoTime(row.receivedAt)},
            {QStringLiteral("updated"), isoTime(row.updatedAt)},
            {QStringLiteral("bytes"), row.size},
            {QStringLiteral("status"), statusText(row.status)},
            {QStringLiteral("delivery"), deliveryText(row.delivery)},
            {QStringLiteral("spam_level"), row.spamLevel},
            {QStringLiteral("virus"), row.virus},
            {QStringLiteral("rule"), row.rule},
            {QStringLiteral("reason"), row.reason},
            {QStringLiteral("next_hop"), row.nextHop},
            {QStringLiteral("reply"), row.reply}};
}

QJsonObject stepToJson(const tracking::StoredEvent &stored)
{
    const TrackingEvent &event = stored.event;
    QJsonArray recipients;
    for (const QByteArray &recipient : event.recipients) {
        recipients.append(QString::fromUtf8(recipient));
    }
    return {{QStringLiteral("time"), isoTime(event.at)},
            {QStringLiteral("kind"), QString::fromLatin1(tracking::nameOf(event.kind))},
            {QStringLiteral("queue_id"), QString::fromUtf8(event.queueId)},
            {QStringLiteral("client"), QString::fromUtf8(event.client)},
            {QStringLiteral("sender"), QString::fromUtf8(event.sender)},
            {QStringLiteral("recipients"), recipients},
            {QStringLiteral("rule"), event.rule},
            {QStringLiteral("reason"), event.reason},
            {QStringLiteral("spam_level"), event.spamLevel},
            {QStringLiteral("virus"), event.virus},
            {QStringLiteral("next_hop"), QString::fromUtf8(event.nextHop)},
            {QStringLiteral("reply"), QString::fromUtf8(event.reply)},
            {QStringLiteral("tls"), QString::fromUtf8(event.tls)},
            {QStringLiteral("ms"), static_cast<qint64>(event.duration.count())},
            {QStringLiteral("detail"), event.detail}};
}

}  // namespace

QString rowsText(const std::vector<MailRow> &rows)
{
    std::vector<QStringList> cells{{QStringLiteral("TIME"), QStringLiteral("QUEUE ID"),
                                    QStringLiteral("FATE"), QStringLiteral("FROM"),
                                    QStringLiteral("TO"), QStringLiteral("RULE"),
                                    QStringLiteral("REPLY")}};
    for (const MailRow &row : rows) {
        cells.push_back({localTime(row.receivedAt), printable(row.queueId), fateText(row),
                         row.sender.isEmpty() ? QStringLiteral("<>") : printable(row.sender, 60),
                         printable(row.recipient, 60), printable(row.rule, 40),
                         printable(row.reply, 100)});
    }
    return table(cells);
}

QString eventsText(const std::vector<tracking::StoredEvent> &events)
{
    QString text;
    for (const tracking::StoredEvent &stored : events) {
        text.append(isoTime(stored.event.at) + QLatin1Char(' ')
                    + QString::fromLatin1(tracking::nameOf(stored.event.kind)) + QLatin1Char(':')
                    + eventFields(stored.event) + QLatin1Char('\n'));
    }
    return text;
}

QJsonObject toJson(const std::vector<MailRow> &rows,
                   const std::vector<tracking::StoredEvent> &events)
{
    QJsonArray mails;
    for (const MailRow &row : rows) {
        mails.append(mailToJson(row));
    }
    QJsonArray steps;
    for (const tracking::StoredEvent &event : events) {
        steps.append(stepToJson(event));
    }
    return {{QStringLiteral("mails"), mails}, {QStringLiteral("events"), steps}};
}

}  // namespace portcullis::cli::track
