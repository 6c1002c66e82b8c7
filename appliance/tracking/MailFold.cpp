// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/MailFold.h"

#include <algorithm>

namespace portcullis::tracking {

namespace {

template<typename Value>
void setIfAny(std::optional<Value> &field, const Value &value)
{
    if (!value.isEmpty()) {
        field = value;
    }
}

/// Kinds whose event describes the message itself: sender, client and size are meant.
bool describesMessage(EventKind kind)
{
    return kind == EventKind::Refused || kind == EventKind::Accepted || kind == EventKind::Filtered
           || kind == EventKind::Quarantined || kind == EventKind::Blocked;
}

bool makesRow(const TrackingEvent &event)
{
    if (event.kind == EventKind::Bcc || event.kind == EventKind::Notification) {
        return false;
    }
    return event.kind == EventKind::Refused || !event.recipients.empty();
}

std::optional<MailStatus> statusOf(const TrackingEvent &event)
{
    switch (event.kind) {
    case EventKind::Refused:
        return event.detail.value(QLatin1String("check")).toString() == QLatin1String("greylist")
                   ? MailStatus::Greylisted
                   : MailStatus::Refused;
    case EventKind::Filtered:
        return MailStatus::Accepted;
    case EventKind::Quarantined:
        return MailStatus::Quarantined;
    case EventKind::Blocked:
        return MailStatus::Blocked;
    default:
        return std::nullopt;
    }
}

std::optional<DeliveryStatus> deliveryOf(EventKind kind)
{
    switch (kind) {
    case EventKind::Delivered:
        return DeliveryStatus::Sent;
    case EventKind::Deferred:
        return DeliveryStatus::Deferred;
    case EventKind::Bounced:
    case EventKind::Expired:
        return DeliveryStatus::Bounced;
    case EventKind::Held:
        return DeliveryStatus::Held;
    case EventKind::Released:
        return DeliveryStatus::Released;
    case EventKind::Deleted:
        return DeliveryStatus::Deleted;
    default:
        return std::nullopt;
    }
}

void fold(const TrackingEvent &event, MailChange &change)
{
    change.updatedAt = std::max(change.updatedAt, event.at);
    if (describesMessage(event.kind)) {
        change.direction = event.direction;
        change.sender = event.sender;
        setIfAny(change.client, event.client);
        if (event.size > 0) {
            change.size = event.size;
        }
    }
    if (const auto status = statusOf(event)) {
        change.status = status;
        setIfAny(change.rule, event.rule);
        setIfAny(change.reason, event.reason);
        change.spamLevel = event.spamLevel;
        setIfAny(change.virus, event.virus);
    }
    if (const auto delivery = deliveryOf(event.kind)) {
        change.delivery = delivery;
    }
    setIfAny(change.nextHop, event.nextHop);
    setIfAny(change.reply, event.reply);
}

}  // namespace

MailChanges foldEvents(const std::vector<TrackingEvent> &events)
{
    static const std::vector<QByteArray> nobody{QByteArray()};
    MailChanges changes;
    for (const TrackingEvent &event : events) {
        if (!makesRow(event)) {
            continue;
        }
        for (const QByteArray &recipient : event.recipients.empty() ? nobody : event.recipients) {
            const auto [position, isNew] = changes.try_emplace({event.queueId, recipient});
            MailChange &change = position->second;
            change.receivedAt = isNew ? event.at : std::min(change.receivedAt, event.at);
            change.direction = isNew ? event.direction : change.direction;
            fold(event, change);
        }
    }
    return changes;
}

}  // namespace portcullis::tracking
