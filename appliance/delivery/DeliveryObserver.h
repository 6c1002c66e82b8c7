// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/TlsReport.h"
#include "appliance/mail/Envelope.h"
#include "appliance/smtp/Reply.h"

#include <QtCore/QByteArray>

#include <chrono>

namespace portcullis::delivery {

/// What happened to one recipient, after it was committed to the spool.
struct DeliveryEvent {
    enum class Kind {
        Delivered,  ///< The next hop took it.
        Deferred,   ///< To be tried again.
        Bounced,    ///< Refused for good.
        Expired,    ///< Given up after the lifetime.
        Delayed     ///< The sender was told that it takes longer.
    };
    Kind kind = Kind::Delivered;
    QByteArray queueId;
    QByteArray origin;  ///< Entry::origin.
    QByteArray note;    ///< Entry::note: whatever its owner wanted to be told again.
    mail::Direction direction = mail::Direction::In;
    mail::Address sender;
    mail::Recipient recipient;
    QByteArray nextHop;  ///< "mx.example.org[192.0.2.1]:25"; empty if none was reached.
    smtp::Reply reply;
    QByteArray tls;                     ///< As ClientConnection::tls().
    TlsReport tlsPolicy;                ///< Empty where TLS is off.
    std::chrono::microseconds delay{};  ///< Since the message arrived.
    qint64 size = 0;
    QByteArray dsnQueueId;  ///< Of the bounce, warning or success report that was queued, if any.
};

/// Is told about each outcome. Called in the delivery thread; must not block and must not throw.
class DeliveryObserver
{
public:
    virtual ~DeliveryObserver() = default;
    virtual void onDelivery(const DeliveryEvent &event) = 0;
};

}  // namespace portcullis::delivery
