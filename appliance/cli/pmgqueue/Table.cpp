// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgqueue/Table.h"

#include <QtCore/QJsonArray>

#include <array>

namespace portcullis::pmgqueue {

namespace {

QByteArray text(const QJsonObject &object, const char *name)
{
    return harmless(object.value(QLatin1String(name)).toString());
}

QByteArray number(const QJsonValue &value)
{
    return QByteArray::number(value.toInteger());
}

QByteArray renderList(const QJsonObject &result)
{
    QByteArray out;
    const QJsonArray entries = result.value(QStringLiteral("entries")).toArray();
    for (const QJsonValue &value : entries) {
        const QJsonObject row = value.toObject();
        out += text(row, "id").leftJustified(14) + text(row, "stage").leftJustified(12)
               + number(row.value(QStringLiteral("size"))).rightJustified(10) + "  "
               + text(row, "arrival").leftJustified(26) + '<' + text(row, "sender") + ">\n";
        const QJsonArray recipients = row.value(QStringLiteral("recipients")).toArray();
        for (const QJsonValue &recipient : recipients) {
            out += "    to <" + harmless(recipient.toString()) + ">\n";
        }
        if (const QByteArray reason = text(row, "reason"); !reason.isEmpty()) {
            out += "    (" + reason + ")\n";
        }
    }
    if (entries.isEmpty()) {
        out += "The queue is empty.\n";
    }
    if (result.value(QStringLiteral("recovering")).toBool()) {
        out += "The queue is still being read; there may be more.\n";
    }
    if (result.contains(QStringLiteral("cursor"))) {
        out += "There are more; use --all or a larger --limit.\n";
    }
    return out;
}

QByteArray renderShape(const QJsonObject &result)
{
    constexpr std::array<const char *, 10> ages{"5",   "10",  "20",  "40",   "80",
                                                "160", "320", "640", "1280", "1280+"};
    QByteArray out = QByteArray("domain").leftJustified(32) + QByteArray("T").rightJustified(8);
    for (const char *age : ages) {
        out += QByteArray(age).rightJustified(7);
    }
    out += '\n';
    const QJsonArray rows = result.value(QStringLiteral("rows")).toArray();
    for (const QJsonValue &value : rows) {
        const QJsonObject row = value.toObject();
        out += text(row, "domain").leftJustified(32)
               + number(row.value(QStringLiteral("total"))).rightJustified(8);
        const QJsonArray counts = row.value(QStringLiteral("ages")).toArray();
        for (const QJsonValue &count : counts) {
            out += number(count).rightJustified(7);
        }
        out += '\n';
    }
    return out;
}

QByteArray renderEntry(const QJsonObject &entry)
{
    const QJsonObject client = entry.value(QStringLiteral("client")).toObject();
    QByteArray out;
    const auto line = [&out](const char *name, const QByteArray &value) {
        if (!value.isEmpty()) {
            out += QByteArray(name).leftJustified(16) + value + '\n';
        }
    };
    line("queue id", text(entry, "id"));
    line("stage", text(entry, "stage"));
    line("direction", text(entry, "direction"));
    line("arrival", text(entry, "arrival"));
    line("next attempt", text(entry, "next_attempt"));
    line("size", number(entry.value(QStringLiteral("size"))));
    line("origin", text(entry, "origin"));
    line("client", text(client, "name") + '[' + text(client, "address") + "] helo "
                       + text(client, "helo") + ' ' + text(client, "protocol") + ' '
                       + text(client, "tls"));
    line("filter attempts", number(entry.value(QStringLiteral("filter_attempts"))));
    line("reason", text(entry, "reason"));
    line("sender", '<' + text(entry, "sender") + '>');
    const QJsonArray recipients = entry.value(QStringLiteral("recipients")).toArray();
    for (const QJsonValue &value : recipients) {
        const QJsonObject recipient = value.toObject();
        line("recipient", '<' + text(recipient, "address") + "> " + text(recipient, "state") + ", "
                              + number(recipient.value(QStringLiteral("attempts"))) + " attempts");
        line("", text(recipient, "last_attempt") + ' ' + text(recipient, "next_hop") + ' '
                     + text(recipient, "last_reply"));
    }
    const QJsonArray history = entry.value(QStringLiteral("history")).toArray();
    for (const QJsonValue &value : history) {
        line("history", text(value.toObject(), "time") + ' ' + text(value.toObject(), "text"));
    }
    return out;
}

QByteArray renderStatistics(const QJsonObject &result)
{
    QByteArray out;
    const QJsonObject stages = result.value(QStringLiteral("stages")).toObject();
    for (auto at = stages.constBegin(); at != stages.constEnd(); ++at) {
        const QJsonObject stage = at->toObject();
        out += harmless(at.key()).leftJustified(14)
               + number(stage.value(QStringLiteral("entries"))).rightJustified(10) + " messages "
               + number(stage.value(QStringLiteral("bytes"))).rightJustified(14) + " bytes\n";
    }
    out += "on disk: " + number(result.value(QStringLiteral("segments"))) + " segments, "
           + number(result.value(QStringLiteral("disk_bytes"))) + " bytes\n";
    const QJsonArray damages = result.value(QStringLiteral("damages")).toArray();
    for (const QJsonValue &value : damages) {
        const QJsonObject damage = value.toObject();
        out += "damaged: " + text(damage, "file") + " at "
               + number(damage.value(QStringLiteral("offset"))) + ", "
               + number(damage.value(QStringLiteral("length"))) + " bytes, "
               + text(damage, "reason") + "; kept as " + text(damage, "saved_as") + ' '
               + text(damage, "id") + '\n';
    }
    return out;
}

}  // namespace

QByteArray harmless(const QString &text)
{
    QString clean = text;
    for (QChar &character : clean) {
        const bool isHarmful = character.category() == QChar::Other_Control
                               || character.category() == QChar::Other_Format
                               || character.category() == QChar::Separator_Line
                               || character.category() == QChar::Separator_Paragraph;
        if (isHarmful) {
            character = u'?';
        }
    }
    return clean.toUtf8();
}

QByteArray render(const QByteArray &command, const spool::ControlReply &reply)
{
    if (!reply.body.isEmpty()) {
        return reply.body;
    }
    if (command == "list") {
        return renderList(reply.result);
    }
    if (command == "shape") {
        return renderShape(reply.result);
    }
    if (command == "show") {
        return renderEntry(reply.result);
    }
    if (command == "statistics") {
        return renderStatistics(reply.result);
    }
    if (command == "delete") {
        return number(reply.result.value(QStringLiteral("deleted"))) + " deleted\n";
    }
    return {};
}

}  // namespace portcullis::pmgqueue
