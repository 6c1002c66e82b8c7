// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <array>
#include <bitset>
#include <optional>
#include <vector>

namespace portcullis::schema {

/// Which answers of a DNS list count: for each octet of 127.a.b.c the values that are welcome.
class DnsblFilter
{
public:
    using Octets = std::array<std::bitset<256>, 4>;  ///< Most significant first.

    explicit DnsblFilter(const Octets &octets)
        : m_octets(octets)
    {
    }

    /// `d.d.d.d`, each d a number or `[member;member]` of numbers and ranges `number..number`, as in
    /// Postfix's postscreen_dnsbl_sites. Error: `dnsbl.syntax`, permanent, with the position.
    static Result<DnsblFilter> parse(QByteArrayView text);

    /// Whether an answer (IPv4, host byte order) counts.
    [[nodiscard]] bool matches(quint32 answer) const;

    friend bool operator==(const DnsblFilter &, const DnsblFilter &) = default;

private:
    Octets m_octets;
};

/// One entry of dnsbl_sites: `domain[=filter][*weight]`.
struct DnsblEntry {
    static constexpr int maxWeight = 9999;     ///< In both directions; enough for any threshold.
    static constexpr size_t maxEntries = 200;  ///< Each list is one more question a client.

    QByteArray domain;                  ///< Lower case, no trailing dot.
    std::optional<DnsblFilter> filter;  ///< None: every answer counts.
    int weight = 1;                     ///< Negative: a list of the good.

    friend bool operator==(const DnsblEntry &, const DnsblEntry &) = default;
};

/// Reads dnsbl_sites: entries separated by commas and white space, and by semicolons outside
/// brackets, since PMG's files have those. An empty text is an empty list.
/// Error: `dnsbl.syntax`, permanent; the detail says at which character what is wrong.
Result<std::vector<DnsblEntry>> parseDnsblEntries(QByteArrayView text);

}  // namespace portcullis::schema
