// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/mail/Envelope.h"
#include "shared/base/Clock.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::mta {

/// Our Received field (RFC 5321 §4.4), with its final CRLF. What the client said of itself is cut
/// and cleaned, so that it can neither add a field nor break the line length.
QByteArray receivedField(const config::Config &config,
                         const mail::Client &client,
                         const mail::Envelope &envelope,
                         const QByteArray &queueId,
                         Clock::WallTime at);

/// Received fields in the header of a message: hops it has made (RFC 5321 §6.3).
int countReceived(QByteArrayView message);

}  // namespace portcullis::mta
