// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/TrackingEvent.h"

#include "appliance/base/Log.h"

#include <QtCore/QJsonArray>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <tuple>

namespace portcullis::tracking {

namespace {

using verdict::Fate;
using verdict::FilterRequest;
using verdict::FilterResponse;

constexpr std::array<const char *, lastEventKind + 1> kindNames{
    "",          "refused",  "accepted",     "filtered", "quarantined", "blocked",
    "delivered", "deferred", "bounced",      "delayed",  "expired",     "held",
    "released",  "deleted",  "notification", "bcc"};

constexpr std::array<const char *, lastEventKind + 1> logIds{"",
                                                             "tracking.refused",
                                                             "tracking.accepted",
                                                             "tracking.filtered",
                                                             "tracking.quarantined",
                                                             "tracking.blocked",
                                                             "tracking.delivered",
                                                             "tracking.deferred",
                                                             "tracking.bounced",
                                                             "tracking.delayed",
                                                             "tracking.expired",
                                                             "tracking.held",
                                                             "tracking.released",
                                                             "tracking.deleted",
                                                             "tracking.notification",
                                                             "tracking.bcc"};

EventKind kindOf(Fate fate)
{
    switch (fate) {
    case Fate::Delivered:
        return EventKind::Filtered;
    case Fate::Quarantined:
        return EventKind::Quarantined;
    case Fate::Blocked:
        return EventKind::Blocked;
    }
    return EventKind::Filtered;
}

/// What every event of one filter answer has in common.
TrackingEvent commonPart(const FilterRequest &request, const FilterResponse &response)
{
    TrackingEvent event;
    event.kind = EventKind::Filtered;
    event.direction = request.direction;
    event.queueId = request.queueId;
    event.client = request.client.address.toString().toLatin1();
    event.sender = request.envelope.sender.toString();
    event.size = request.content.size();
    event.spamLevel = response.evidence.value(QLatin1String("spam"))
                          .toObject()
                          .value(QLatin1String("level"))
                          .toInt();
    event.virus = response.evidence.value(QLatin1String("virus")).toString();
    for (const verdict::QuarantineItem &item : response.quarantined) {
        event.spamLevel = std::max(event.spamLevel, item.spamLevel);
        event.virus = event.virus.isEmpty() ? item.virus : event.virus;
    }
    return event;
}

void appendFates(const FilterResponse &response,
                 const TrackingEvent &common,
                 std::vector<TrackingEvent> &events)
{
    // Ordered by fate first, so that Filtered comes before Quarantined and Blocked.
    std::map<std::tuple<Fate, QString, QString>, std::vector<QByteArray>> groups;
    for (const verdict::RecipientFate &fate : response.fates) {
        groups[{fate.fate, fate.rule, fate.reason}].push_back(fate.recipient.toString());
    }
    if (groups.empty() || std::get<Fate>(groups.begin()->first) != Fate::Delivered) {
        events.push_back(common);
    }
    for (auto &[key, recipients] : groups) {
        TrackingEvent event = common;
        event.kind = kindOf(std::get<0>(key));
        event.rule = std::get<1>(key);
        event.reason = std::get<2>(key);
        event.recipients = std::move(recipients);
        events.push_back(std::move(event));
    }
}

void appendCopies(const FilterResponse &response,
                  const TrackingEvent &common,
                  std::vector<TrackingEvent> &events)
{
    for (const verdict::OutgoingMessage &message : response.outgoing) {
        if (message.origin == verdict::Origin::Original) {
            continue;
        }
        TrackingEvent event = common;
        event.kind = message.origin == verdict::Origin::Bcc ? EventKind::Bcc
                                                            : EventKind::Notification;
        for (const mail::Recipient &recipient : message.envelope.recipients) {
            event.recipients.push_back(recipient.address.toString());
        }
        events.push_back(std::move(event));
    }
}

/// The null reverse-path is said, not left out.
QByteArray senderField(const QByteArray &sender)
{
    return sender.isEmpty() ? QByteArray("<>") : sender;
}

/// All recipients in one field; a line that names a thousand of them helps nobody.
QByteArray recipientField(const std::vector<QByteArray> &recipients)
{
    constexpr size_t shown = 20;
    QByteArray text;
    for (size_t i = 0; i < std::min(shown, recipients.size()); ++i) {
        text.append(i == 0 ? "" : ",").append(recipients[i]);
    }
    if (recipients.size() > shown) {
        text.append(",+").append(QByteArray::number(recipients.size() - shown));
    }
    return text;
}

}  // namespace

const char *nameOf(EventKind kind)
{
    return kindNames[static_cast<size_t>(kind)];
}

std::optional<EventKind> eventKindOf(quint8 number)
{
    if (number == 0 || number > lastEventKind) {
        return std::nullopt;
    }
    return static_cast<EventKind>(number);
}

std::vector<TrackingEvent> eventsOf(const FilterRequest &request,
                                    const FilterResponse &response,
                                    Clock::WallTime at,
                                    std::chrono::milliseconds duration)
{
    TrackingEvent common = commonPart(request, response);
    common.at = at;
    std::vector<TrackingEvent> events;
    appendFates(response, common, events);
    appendCopies(response, common, events);
    events.front().duration = duration;
    events.front().detail = response.evidence;
    return events;
}

QByteArray makeRefusalId(Clock::WallTime at)
{
    static std::atomic<quint32> count{0};
    return 'T'
           + QByteArray::number(static_cast<qint64>(at.time_since_epoch().count()), 16).toUpper()
           + 'L' + QByteArray::number(++count, 16).toUpper();
}

void writeLogLine(const TrackingEvent &event)
{
    using log::Severity;
    const char *id = logIds[static_cast<size_t>(event.kind)];
    const QByteArray to = recipientField(event.recipients);
    switch (event.kind) {
    case EventKind::Refused:
        log::write(Severity::Info, id, event.queueId,
                   {{"client", event.client},
                    {"from", senderField(event.sender)},
                    {"to", to},
                    {"reply", event.reply}});
        return;
    case EventKind::Accepted:
        log::write(Severity::Info, id, event.queueId,
                   {{"client", event.client},
                    {"from", senderField(event.sender)},
                    {"to", to},
                    {"size", QByteArray::number(event.size)},
                    {"direction", event.direction == mail::Direction::In ? "in" : "out"},
                    {"tls", event.tls}});
        return;
    case EventKind::Filtered:
    case EventKind::Quarantined:
    case EventKind::Blocked:
        log::write(Severity::Info, id, event.queueId,
                   {{"to", to},
                    {"rule", event.rule.toUtf8()},
                    {"reason", event.reason.toUtf8()},
                    {"level", QByteArray::number(event.spamLevel)},
                    {"virus", event.virus.toUtf8()},
                    {"ms", QByteArray::number(static_cast<qint64>(event.duration.count()))}});
        return;
    case EventKind::Delivered:
    case EventKind::Deferred:
    case EventKind::Bounced:
        log::write(Severity::Info, id, event.queueId,
                   {{"to", to},
                    {"relay", event.nextHop},
                    {"reply", event.reply},
                    {"tls", event.tls},
                    {"delay-ms", QByteArray::number(static_cast<qint64>(event.duration.count()))}});
        return;
    case EventKind::Delayed:
    case EventKind::Expired:
    case EventKind::Held:
    case EventKind::Released:
    case EventKind::Deleted:
    case EventKind::Notification:
    case EventKind::Bcc:
        log::write(Severity::Info, id, event.queueId,
                   {{"to", to}, {"reason", event.reason.toUtf8()}});
        return;
    }
}

}  // namespace portcullis::tracking
