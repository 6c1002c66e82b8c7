// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/relays/RelayChain.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>

#include <vector>

namespace portcullis::spam {

/// What a list of senders with their relays says.
enum class RelayVerdict {
    Forged = -1,  ///< The address is listed, but another relay brought the message.
    Unlisted = 0,
    Listed = 1,
};

/// welcomelist_from_rcvd and its kind: addresses that are welcome through named relays only.
class WelcomeListRelays
{
public:
    /// "address relay", relay being a domain of its reverse name, "[192.0.2.1]", "[192.0.2]",
    /// "[2001:db8::/32]" or "[192.0.2.0]/24". False: not understood.
    bool add(const QByteArray &value);
    /// `address` in any case. The first untrusted relay decides, trusted ones only if there is no other.
    [[nodiscard]] RelayVerdict find(const QByteArray &address, const RelayChain &relays) const;

private:
    struct Entry {
        QByteArray glob;
        QByteArray relay;
    };
    std::vector<Entry> m_entries;
};

/// Whether a relay is the one named.
bool isRelayNamed(const Relay &relay, const QByteArray &name);

}  // namespace portcullis::spam
