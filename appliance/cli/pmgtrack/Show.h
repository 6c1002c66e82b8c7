// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/tracking/TrackingStore.h"

#include <QtCore/QJsonObject>

namespace portcullis::cli::track {

QString rowsText(const std::vector<tracking::MailRow> &rows);
QString eventsText(const std::vector<tracking::StoredEvent> &events);

/// `{"mails":[…],"events":[…]}`
QJsonObject toJson(const std::vector<tracking::MailRow> &rows,
                   const std::vector<tracking::StoredEvent> &events);

}  // namespace portcullis::cli::track
