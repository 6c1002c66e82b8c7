// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgqm/Release.h"

#include "appliance/spool/ControlClient.h"

#include <QtCore/QJsonArray>

namespace portcullis::cli::qm {

namespace {

constexpr qint64 maxReleaseBytes = 1024LL * 1024 * 1024;  ///< As large as any mail we accept.
constexpr std::chrono::minutes submitTimeout{5};

QString envelopeSender(const ReleaseRequest &request, const quarantine::Entry &entry)
{
    if (request.sender == QLatin1String("original")) {
        return entry.sender;
    }
    if (request.sender == QLatin1String("null")) {
        return {};
    }
    return request.sender.isEmpty()
               ? QStringLiteral("postmaster@") + QString::fromUtf8(request.fqdn)
               : request.sender;
}

spool::ControlRequest submission(const ReleaseRequest &request,
                                 const quarantine::Entry &entry,
                                 const QString &recipient,
                                 const QByteArray &content)
{
    const QJsonObject envelope{
        {QStringLiteral("sender"), envelopeSender(request, entry)},
        {QStringLiteral("recipients"), QJsonArray{recipient}},
    };
    const bool isIn = entry.direction == mail::Direction::In;
    return {"submit",
            {{QStringLiteral("envelope"), envelope},
             {QStringLiteral("direction"), isIn ? QStringLiteral("in") : QStringLiteral("out")},
             {QStringLiteral("origin"), QStringLiteral("quarantine")},
             {QStringLiteral("entry"), entry.id.toString()}},
            content};
}

tracking::TrackingEvent releasedEvent(const ReleaseRequest &request,
                                      const quarantine::Entry &entry,
                                      const QString &recipient,
                                      const QByteArray &newQueueId)
{
    tracking::TrackingEvent event;
    event.at = SystemClock::instance().wall();
    event.kind = tracking::EventKind::Released;
    event.direction = entry.direction;
    event.queueId = entry.queueId.toUtf8();
    event.recipients = {entry.recipient.toUtf8()};
    event.reason = QStringLiteral("released by %1 to %2").arg(request.who, recipient);
    event.detail = {{QStringLiteral("entry"), entry.id.toString()},
                    {QStringLiteral("to"), recipient},
                    {QStringLiteral("queue_id"), QString::fromUtf8(newQueueId)}};
    return event;
}

}  // namespace

Result<QByteArray> release(const ReleaseRequest &request,
                           const Paths &paths,
                           quarantine::QuarantineStore &store,
                           tracking::TrackingStore &tracking)
{
    const quarantine::Entry entry = TRY(store.entry(request.id));
    const QByteArray content = TRY(store.content(request.id));
    const QString recipient = request.to.isEmpty() ? entry.recipient
                                                   : QString::fromUtf8(request.to);
    spool::ControlLimits limits;
    limits.requestBytes = maxReleaseBytes;
    auto client = TRY(spool::ControlClient::connect(paths.controlSocket(), limits));
    const spool::ControlReply reply = TRY(
        client.call(submission(request, entry, recipient, content), submitTimeout));
    const QByteArray queueId = reply.result.value(QLatin1String("queue_id")).toString().toUtf8();

    const Status marked = store.mark({request.id}, quarantine::EntryMark::Delivered, request.who);
    if (!marked) {
        return Error::transient(
            "release.not-marked",
            QStringLiteral("%1 is on its way as %2, but could not be marked: %3")
                .arg(request.id.toString(), QString::fromUtf8(queueId), marked.error().toString()));
    }
    const auto event = releasedEvent(request, entry, recipient, queueId);
    tracking::writeLogLine(event);
    TRY(tracking.append({event}, {}));
    return queueId;
}

}  // namespace portcullis::cli::qm
