// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgqm/Show.h"

#include "appliance/cli/support/Terminal.h"

#include <QtCore/QJsonArray>

namespace portcullis::cli::qm {

namespace {

using quarantine::Entry;
using quarantine::EntryStatus;

constexpr int maxEvidenceDepth = 8;

QString statusText(EntryStatus status)
{
    switch (status) {
    case EntryStatus::New:
        return QStringLiteral("new");
    case EntryStatus::Delivered:
        return QStringLiteral("delivered");
    case EntryStatus::Deleted:
        return QStringLiteral("deleted");
    }
    return QStringLiteral("?");
}

QString kindText(quarantine::QuarantineKind kind)
{
    return QString::fromLatin1(quarantine::nameOf(kind));
}

QString scalarText(const QJsonValue &value)
{
    if (value.isDouble()) {
        return QString::number(value.toDouble());
    }
    if (value.isBool()) {
        return value.toBool() ? QStringLiteral("yes") : QStringLiteral("no");
    }
    return value.isNull() ? QStringLiteral("-") : printable(value.toString(), 1000);
}

/// Objects and lists as indented lines; what the filter wrote is shown whole, whatever its shape.
// NOLINTNEXTLINE(misc-no-recursion) depth bounded by Qt's reader, 1,024 levels
void appendEvidence(const QString &name, const QJsonValue &value, int depth, QString &text)
{
    const QString indent(depth * 2, QLatin1Char(' '));
    if (value.isObject() && depth < maxEvidenceDepth) {
        text.append(indent + printable(name) + QStringLiteral(":\n"));
        const QJsonObject object = value.toObject();
        for (auto it = object.begin(); it != object.end(); ++it) {
            appendEvidence(it.key(), it.value(), depth + 1, text);
        }
    } else if (value.isArray() && depth < maxEvidenceDepth) {
        text.append(indent + printable(name) + QStringLiteral(":\n"));
        const QJsonArray array = value.toArray();
        for (const QJsonValue &element : array) {
            appendEvidence(QStringLiteral("-"), element, depth + 1, text);
        }
    } else {
        text.append(indent + printable(name) + QStringLiteral(": ") + scalarText(value)
                    + QLatin1Char('\n'));
    }
}

/// Score, threshold and tests of the spam engine, as people know them.
QString spamText(const QJsonObject &spam)
{
    QString text = QStringLiteral("  spam: %1 points, %2 required; level %3\n")
                       .arg(scalarText(spam.value(QLatin1String("score"))),
                            scalarText(spam.value(QLatin1String("threshold"))),
                            scalarText(spam.value(QLatin1String("level"))));
    std::vector<QStringList> rows;
    const QJsonArray tests = spam.value(QLatin1String("hits")).toArray();
    for (const QJsonValue &value : tests) {
        const QJsonObject test = value.toObject();
        rows.push_back({QStringLiteral(" "),
                        QStringLiteral("%1").arg(test.value(QLatin1String("score")).toDouble(), 6),
                        printable(test.value(QLatin1String("rule")).toString()),
                        printable(test.value(QLatin1String("description")).toString())});
    }
    return rows.empty() ? text : text + table(rows);
}

QString whyText(const Entry &entry)
{
    QString text = QStringLiteral("Why it is here:\n");
    text.append(QStringLiteral("  rule: %1\n").arg(printable(entry.rule)));
    if (!entry.virus.isEmpty()) {
        text.append(QStringLiteral("  virus: %1\n").arg(printable(entry.virus)));
    }
    for (auto it = entry.evidence.begin(); it != entry.evidence.end(); ++it) {
        if (it.key() == QLatin1String("spam") && it.value().isObject()) {
            text.append(spamText(it.value().toObject()));
        } else {
            appendEvidence(it.key(), it.value(), 1, text);
        }
    }
    return text;
}

}  // namespace

QString listText(const std::vector<Entry> &entries)
{
    std::vector<QStringList> rows{{QStringLiteral("ID"), QStringLiteral("TIME"),
                                   QStringLiteral("KIND"), QStringLiteral("LEVEL"),
                                   QStringLiteral("SIZE"), QStringLiteral("MAILBOX"),
                                   QStringLiteral("SENDER"), QStringLiteral("SUBJECT")}};
    for (const Entry &entry : entries) {
        rows.push_back({entry.id.toString(), localTime(entry.receivedAt), kindText(entry.kind),
                        QString::number(entry.spamLevel), QString::number(entry.size),
                        printable(entry.mailbox, 60),
                        entry.sender.isEmpty() ? QStringLiteral("<>") : printable(entry.sender, 60),
                        printable(entry.subject, 80)});
    }
    return table(rows);
}

QString entryText(const Entry &entry)
{
    const QString seen = entry.isSeen ? QStringLiteral(", seen") : QString();
    return table({{QStringLiteral("Entry:"), entry.id.toString()},
                  {QStringLiteral("Queue id:"), printable(entry.queueId)},
                  {QStringLiteral("Kind:"), kindText(entry.kind)},
                  {QStringLiteral("Status:"), statusText(entry.status) + seen},
                  {QStringLiteral("Received:"), localTime(entry.receivedAt)},
                  {QStringLiteral("Sender:"), QStringLiteral("<%1>").arg(printable(entry.sender))},
                  {QStringLiteral("Recipient:"),
                   QStringLiteral("<%1>").arg(printable(entry.recipient))},
                  {QStringLiteral("From:"), printable(entry.fromHeader)},
                  {QStringLiteral("Subject:"), printable(entry.subject)},
                  {QStringLiteral("Message-ID:"), printable(entry.messageId)},
                  {QStringLiteral("Size:"), QStringLiteral("%1 bytes").arg(entry.size)}})
           + whyText(entry);
}

QString countsText(const std::vector<quarantine::KindCount> &counts)
{
    std::vector<QStringList> rows{{QStringLiteral("KIND"), QStringLiteral("MAILS"),
                                   QStringLiteral("ENTRIES"), QStringLiteral("NEW"),
                                   QStringLiteral("BYTES"), QStringLiteral("STORED")}};
    for (const quarantine::KindCount &count : counts) {
        rows.push_back({kindText(count.kind), QString::number(count.mails),
                        QString::number(count.entries), QString::number(count.newEntries),
                        QString::number(count.bytes), QString::number(count.storedBytes)});
    }
    return table(rows);
}

QJsonObject toJson(const Entry &entry)
{
    return {{QStringLiteral("id"), entry.id.toString()},
            {QStringLiteral("queue_id"), entry.queueId},
            {QStringLiteral("kind"), kindText(entry.kind)},
            {QStringLiteral("status"), statusText(entry.status)},
            {QStringLiteral("seen"), entry.isSeen},
            {QStringLiteral("received"), isoTime(entry.receivedAt)},
            {QStringLiteral("sender"), entry.sender},
            {QStringLiteral("recipient"), entry.recipient},
            {QStringLiteral("mailbox"), entry.mailbox},
            {QStringLiteral("from"), entry.fromHeader},
            {QStringLiteral("subject"), entry.subject},
            {QStringLiteral("message_id"), entry.messageId},
            {QStringLiteral("bytes"), entry.size},
            {QStringLiteral("spam_level"), entry.spamLevel},
            {QStringLiteral("virus"), entry.virus},
            {QStringLiteral("rule"), entry.rule},
            {QStringLiteral("evidence"), entry.evidence}};
}

QJsonObject toJson(const quarantine::KindCount &count)
{
    return {{QStringLiteral("kind"), kindText(count.kind)},
            {QStringLiteral("mails"), count.mails},
            {QStringLiteral("entries"), count.entries},
            {QStringLiteral("new"), count.newEntries},
            {QStringLiteral("bytes"), count.bytes},
            {QStringLiteral("stored"), count.storedBytes}};
}

}  // namespace portcullis::cli::qm
