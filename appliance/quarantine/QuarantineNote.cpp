// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/QuarantineNote.h"

#include <QtCore/QJsonDocument>

namespace portcullis::quarantine {

QuarantineNote QuarantineNote::of(const verdict::QuarantineItem &item, const QByteArray &queueId)
{
    return {queueId,   item.kind,    item.spamLevel,  item.virus,
            item.rule, item.subject, item.fromHeader, item.evidence};
}

QByteArray QuarantineNote::toJson() const
{
    const QJsonObject object{
        {QStringLiteral("queue_id"), QString::fromUtf8(queueId)},
        {QStringLiteral("kind"), QString::fromLatin1(nameOf(kind))},
        {QStringLiteral("spam_level"), spamLevel},
        {QStringLiteral("virus"), virus},
        {QStringLiteral("rule"), rule},
        {QStringLiteral("subject"), subject},
        {QStringLiteral("from"), fromHeader},
        {QStringLiteral("evidence"), evidence},
    };
    return QJsonDocument(object).toJson(QJsonDocument::Compact);
}

QuarantineNote QuarantineNote::fromJson(const QByteArray &json)
{
    const QJsonObject object = QJsonDocument::fromJson(json).object();
    QuarantineNote note;
    note.queueId = object.value(QLatin1String("queue_id")).toString().toUtf8();
    const auto kind = quarantineKindOf(object.value(QLatin1String("kind")).toString().toUtf8());
    note.kind = kind ? *kind : QuarantineKind::FilterFailure;
    note.spamLevel = object.value(QLatin1String("spam_level")).toInt();
    note.virus = object.value(QLatin1String("virus")).toString();
    note.rule = object.value(QLatin1String("rule")).toString();
    note.subject = object.value(QLatin1String("subject")).toString();
    note.fromHeader = object.value(QLatin1String("from")).toString();
    note.evidence = object.value(QLatin1String("evidence")).toObject();
    return note;
}

}  // namespace portcullis::quarantine
