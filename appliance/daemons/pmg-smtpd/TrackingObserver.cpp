// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtpd/TrackingObserver.h"

namespace portcullis {

namespace {

tracking::EventKind kindOf(delivery::DeliveryEvent::Kind kind)
{
    switch (kind) {
    case delivery::DeliveryEvent::Kind::Delivered:
        return tracking::EventKind::Delivered;
    case delivery::DeliveryEvent::Kind::Deferred:
        return tracking::EventKind::Deferred;
    case delivery::DeliveryEvent::Kind::Bounced:
        return tracking::EventKind::Bounced;
    case delivery::DeliveryEvent::Kind::Expired:
        return tracking::EventKind::Expired;
    case delivery::DeliveryEvent::Kind::Delayed:
        break;
    }
    return tracking::EventKind::Delayed;
}

}  // namespace

void TrackingObserver::onDelivery(const delivery::DeliveryEvent &event)
{
    tracking::TrackingEvent tracked;
    tracked.kind = kindOf(event.kind);
    tracked.direction = event.direction;
    // A further copy of a message is tracked as the message (mta::outcomeOf notes whose it is).
    const bool isFurtherCopy = event.origin == "smtp" && !event.note.isEmpty();
    tracked.queueId = isFurtherCopy ? event.note : event.queueId;
    tracked.sender = event.sender.toString();
    tracked.recipients.push_back(event.recipient.address.toString());
    tracked.size = event.size;
    tracked.nextHop = event.nextHop;
    tracked.reply = event.reply.toLine();
    tracked.tls = event.tls;
    tracked.duration = std::chrono::duration_cast<std::chrono::milliseconds>(event.delay);
    if (!event.dsnQueueId.isEmpty()) {
        tracked.detail.insert(QLatin1String("dsn"), QString::fromLatin1(event.dsnQueueId));
    }
    if (!event.tlsPolicy.isEmpty()) {
        tracked.detail.insert(QLatin1String("tls_policy"), event.tlsPolicy.toJson());
    }
    m_journal.append(std::move(tracked));
}

}  // namespace portcullis
