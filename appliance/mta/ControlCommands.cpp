// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/ControlCommands.h"

#include "appliance/mta/OutcomeWriter.h"

#include <QtCore/QJsonArray>

namespace portcullis::mta {

namespace {

Error invalidArgument(const QString &detail)
{
    return Error::permanent("control.argument", detail);
}

/// `<>` and the empty string are the null reverse-path.
Result<mail::Address> addressArgument(const QJsonValue &value)
{
    const QByteArray text = value.toString().toUtf8();
    if (text.isEmpty() || text == "<>") {
        return mail::Address();
    }
    return mail::Address::parse(text);
}

Result<mail::Envelope> envelopeArgument(const QJsonObject &arguments)
{
    const QJsonObject given = arguments.value(QLatin1String("envelope")).toObject();
    mail::Envelope envelope;
    envelope.sender = TRY(addressArgument(given.value(QLatin1String("sender"))));
    envelope.isSmtpUtf8 = !envelope.sender.isAscii();
    const QJsonArray recipients = given.value(QLatin1String("recipients")).toArray();
    for (const QJsonValue &value : recipients) {
        const auto address = TRY(addressArgument(value));
        if (address.isNull()) {
            return invalidArgument(QStringLiteral("a recipient is empty"));
        }
        envelope.isSmtpUtf8 = envelope.isSmtpUtf8 || !address.isAscii();
        envelope.recipients.push_back({address, {}, {}});
    }
    if (envelope.recipients.empty()) {
        return invalidArgument(QStringLiteral("envelope.recipients is missing or empty"));
    }
    envelope.body = mail::BodyType::EightBitMime;
    return envelope;
}

Result<spool::Entry> submittedEntry(const Services &services, const spool::ControlRequest &request)
{
    if (request.body.isEmpty()) {
        return invalidArgument(QStringLiteral("there is no message"));
    }
    spool::Entry entry;
    entry.envelope = TRY(envelopeArgument(request.arguments));
    entry.id = services.spool.nextQueueId();
    entry.stage = spool::Stage::Deliverable;
    const bool isOut = request.arguments.value(QLatin1String("direction")).toString()
                       == QLatin1String("out");
    entry.direction = isOut ? mail::Direction::Out : mail::Direction::In;
    entry.receivedAt = services.clock.wall();
    entry.origin = "submit";
    entry.content = mail::Content(request.body);
    return entry;
}

void submit(const Services &services,
            spool::ControlServer &server,
            const spool::ControlRequest &request,
            spool::ControlAnswer answer)
{
    auto entry = submittedEntry(services, request);
    if (!entry) {
        answer(entry.error());
        return;
    }
    const auto accepted = std::make_shared<tracking::TrackingEvent>(
        acceptedEvent(*entry, entry->content.size()));
    accepted->reason = QStringLiteral("submitted by a command");
    spool::Transaction transaction;
    transaction.add(*std::move(entry));
    services.spool.commit(std::move(transaction), spool::Durability::Flushed, &server,
                          [answer = std::move(answer), accepted, &services](const Status &status) {
                              if (!status) {
                                  answer(status.error());
                                  return;
                              }
                              services.journal.append(*accepted);
                              const QString id = QString::fromLatin1(accepted->queueId);
                              answer(spool::ControlReply{{{QLatin1String("queue_id"), id}}, {}});
                          });
}

spool::ControlReply statusReply(const ControlContext &context)
{
    const spool::SpoolStatistics queue = context.services.spool.statistics();
    QJsonObject stages;
    for (int i = 0; i < spool::stageCount; ++i) {
        stages.insert(QString::fromLatin1(spool::nameOf(static_cast<spool::Stage>(i))),
                      queue.entries[static_cast<size_t>(i)]);
    }
    const delivery::DeliveryStatistics sent = context.delivery.statistics();
    const QJsonObject delivery{{QLatin1String("active"), sent.active},
                               {QLatin1String("connections"), sent.connections},
                               {QLatin1String("destinations"), sent.destinations},
                               {QLatin1String("dead_destinations"), sent.deadDestinations},
                               {QLatin1String("delivered"), sent.delivered},
                               {QLatin1String("deferred"), sent.deferred},
                               {QLatin1String("bounced"), sent.bounced},
                               {QLatin1String("expired"), sent.expired}};
    return {{{QLatin1String("sessions"), context.server.sessionCount()},
             {QLatin1String("queue"), stages},
             {QLatin1String("queue_disk_bytes"), queue.diskBytes},
             {QLatin1String("queue_damages"), queue.damages},
             {QLatin1String("delivery"), delivery}},
            {}};
}

}  // namespace

void registerControlCommands(spool::ControlServer &server, const ControlContext &context)
{
    server.addCommand("submit",
                      [&server, &services = context.services](const spool::ControlRequest &request,
                                                              spool::ControlAnswer answer) {
                          submit(services, server, request, std::move(answer));
                      });
    server.addCommand("reload", [reload = context.reload](const spool::ControlRequest & /*request*/,
                                                          const spool::ControlAnswer &answer) {
        const Status status = reload();
        answer(status ? Result<spool::ControlReply>(spool::ControlReply{})
                      : Result<spool::ControlReply>(status.error()));
    });
    server.addCommand(
        "status", [context](const spool::ControlRequest & /*request*/,
                            const spool::ControlAnswer &answer) { answer(statusReply(context)); });
}

}  // namespace portcullis::mta
