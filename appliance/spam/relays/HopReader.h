// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/relays/HopForms.h"
#include "appliance/spam/relays/RelayChain.h"

namespace portcullis::spam {

/// What one Received field turned out to be.
struct HopReading {
    HopOutcome outcome = HopOutcome::Unknown;
    Relay relay;  ///< For HopOutcome::Hop.
    /// The reverse-path that qmail-scanner notes in a line of its own: it belongs to the next field.
    QByteArray scannerSender;
};

/// Reads the value of one Received field.
HopReading readHop(QByteArrayView received);

/// A line with single spaces between its words and without the space and semicolons at its ends.
QByteArray simplifiedHopLine(QByteArrayView received);
/// Without the date at its end, if that has no comment behind it (RFC 5322 §3.6.7).
QByteArrayView withoutDate(QByteArrayView line);
/// How the line says that the client was authenticated; empty: it does not.
QByteArray authenticationSaid(const HopLine &line);

}  // namespace portcullis::spam
