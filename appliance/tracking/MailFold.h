// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/tracking/TrackingStore.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

/// How events become rows of the tracking centre; the same for every store. Internal to tracking.
namespace portcullis::tracking {

/// What some events say about one mail and recipient; what they do not say stays as it is.
struct MailChange {
    Clock::WallTime receivedAt{};
    Clock::WallTime updatedAt{};
    mail::Direction direction = mail::Direction::In;
    std::optional<QByteArray> sender;
    std::optional<QByteArray> client;
    std::optional<qint64> size;
    std::optional<MailStatus> status;
    std::optional<DeliveryStatus> delivery;
    std::optional<int> spamLevel;
    std::optional<QString> virus;
    std::optional<QString> rule;
    std::optional<QString> reason;
    std::optional<QByteArray> nextHop;
    std::optional<QByteArray> reply;
};

using MailKey = std::pair<QByteArray, QByteArray>;  ///< Queue id, recipient.
using MailChanges = std::map<MailKey, MailChange>;

/// Folds events, in their order, to one change a row. Copies and notifications make no row: they
/// travel under queue ids of their own.
MailChanges foldEvents(const std::vector<TrackingEvent> &events);

}  // namespace portcullis::tracking
