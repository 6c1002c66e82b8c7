// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <array>
#include <optional>
#include <vector>

namespace portcullis::spam {

/// An IP address as 128 bits in network order; IPv4 is mapped (::ffff:0:0/96).
using AddressBits = std::array<quint8, 16>;

/// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing: no address.
std::optional<AddressBits> addressBits(QByteArrayView text);

/// trusted_networks, internal_networks, msa_networks with their "!" exceptions; first match wins.
class NetworkSet
{
public:
    /// 127.0.0.0/8 and ::1, which SpamAssassin always puts first into trusted and internal networks.
    static NetworkSet withLoopback();

    /// One entry: "192.0.2.0/24", "10.", "2001:db8::/32", "!192.0.2.5"; false: not understood. An entry
    /// that an earlier one already covers has no effect.
    bool add(QByteArrayView text);
    [[nodiscard]] bool contains(QByteArrayView address) const;
    [[nodiscard]] bool isEmpty() const { return m_entries.empty(); }

private:
    struct Entry {
        AddressBits network{};
        int bits = 128;
        bool isExcluded = false;
        [[nodiscard]] bool covers(const AddressBits &address) const;
    };
    std::vector<Entry> m_entries;
};

}  // namespace portcullis::spam
