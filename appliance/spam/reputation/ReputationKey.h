// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// How much of an address counts: hosts of one network are taken for one sender.
struct ReputationMasks {
    int ipv4Bits = 16;
    int ipv6Bits = 48;
};

/// "192.0" of 192.0.2.1 and 16 bits; "none" for what is no address. As in AutoWelcomelist there.
QByteArray reputationNetwork(const QByteArray &ip, const ReputationMasks &masks);

/// "anna@example.com|ip=192.0": by whom, and through which network. With a domain that signed, the
/// network does not matter where signatures are told apart: "…|ip=192.0|signedby=example.com".
QByteArray reputationKey(const QByteArray &address,
                         const QByteArray &network,
                         const QByteArray &signedBy = {});

/// 64 bits of a key, for snapshots: never 0.
quint64 reputationHash(QByteArrayView key);

}  // namespace portcullis::spam
