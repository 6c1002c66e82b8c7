// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"
#include "appliance/policy/greylist/GreylistSettings.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>

#include <optional>

namespace portcullis::policy::greylist {

/// What makes a second attempt recognisable as a retry of the first (RFC 6647 §2.4). Valid UTF-8
/// without NUL, so that a database gives back what it was given.
struct Triplet {
    QByteArray network;    ///< "192.0.2.0/24"; "*" for a reply that may come from anywhere.
    QByteArray sender;     ///< normalisedSender(); empty for the null reverse-path.
    QByteArray recipient;  ///< Lower case; empty for a known sender, whose `sender` is "@domain".

    friend bool operator==(const Triplet &, const Triplet &) = default;
};

/// The sender as greylisting compares it: lower case, and what bulk mailers change from mail to mail
/// taken out of the local part (VERP, BATV, SRS): an extension after `+` goes, each group of digits
/// becomes `#`, as do BATV's tag and the hash and day of SRS.
QByteArray normalisedSender(const mail::Address &sender,
                            const GreylistLimits &limits = GreylistLimits());
QByteArray normalisedRecipient(const mail::Address &recipient,
                               const GreylistLimits &limits = GreylistLimits());

/// The client's network with the masks of the settings; IPv4 in IPv6 clothes counts as IPv4.
QByteArray networkOf(const QHostAddress &client, const GreylistSettings &settings);

/// The network whose share of the table is bounded: /24 or /48 whatever the masks are, because
/// whoever has an IPv6 /48 has 65,536 networks of /64.
QByteArray boundedNetworkOf(const QHostAddress &client);

/// Under which a sender's domain is known to a network: "@domain" without a recipient. Nothing for the
/// null reverse-path and for what is no triplet of an attempt.
std::optional<Triplet> knownSenderOf(const Triplet &triplet);

/// Under which a reply to our mail is expected, wherever it comes from.
Triplet replyOf(const QByteArray &sender, const QByteArray &recipient);

/// Whether the client speaks IPv6 and is not an IPv4 client in IPv6 clothes.
bool isIpv6(const QHostAddress &client);

}  // namespace portcullis::policy::greylist
