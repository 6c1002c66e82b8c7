// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArrayView>

/// Addresses within free text, with SpamAssassin's ideas of where one begins and ends.
namespace portcullis::spam {

/// A piece of a text; nothing found: length 0.
struct TextSpan {
    qsizetype begin = 0;
    qsizetype length = 0;
};

/// Length of the dotted quad that begins at `at` and stands as a word of its own; 0: none.
qsizetype ipv4LengthAt(QByteArrayView text, qsizetype at);
/// The same for IPv4, IPv6 and IPv4 in IPv6, the latter two also after "IPv6:".
qsizetype addressLengthAt(QByteArrayView text, qsizetype at);
/// The first address at or after `from`.
TextSpan findAddress(QByteArrayView text, qsizetype from = 0);

/// The whole text is a dotted quad.
bool isIpv4(QByteArrayView text);
/// Begins like an address that is not routed: private, loopback, link-local, carrier NAT.
bool isPrivateAddress(QByteArrayView text);
/// Length of "localhost", "localhost.localdomain", 127.0.0.1 or ::1 in any spelling at `at`; 0: none.
qsizetype localhostLengthAt(QByteArrayView text, qsizetype at);

/// Letters, digits and the underscore, as Perl's \w in octets.
bool isWordByte(char c);

}  // namespace portcullis::spam
