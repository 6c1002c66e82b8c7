// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

class DomainTable;

/// The modifier :host of header rules: the first name with a valid top level domain, behind the last "@"
/// if there is one there. Empty: none.
QByteArray firstHost(QByteArrayView value, const DomainTable &domains);
/// What follows the last "@".
QByteArray hostOfAddress(QByteArrayView address);

/// The modifier :ip: the first IPv4 or IPv6 address. Empty: none.
QByteArray firstIpAddress(QByteArrayView value);
/// "192.0.2.1" as "1.2.0.192"; IPv6 by nibbles (RFC 3596 §2.5).
QByteArray reversedIpAddress(const QByteArray &address);

}  // namespace portcullis::spam
