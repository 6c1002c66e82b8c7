// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/verdict/SessionEvidence.h"
#include "shared/base/Result.h"
#include "shared/schema/DnsblEntry.h"

#include <QtNetwork/QHostAddress>

#include <vector>

namespace portcullis::policy {

/// A DNS list and everything that dnsbl_sites wants to know of it: one question answers all entries.
struct DnsblList {
    QByteArray domain;
    /// The domain as clients may see it: a first label that looks like a key (paid lists put the
    /// customer's secret there) is left out.
    QByteArray publicName;
    std::vector<schema::DnsblEntry> entries;

    [[nodiscard]] int highest() const;  ///< The most that an answer can add to the score; ≥ 0.
    [[nodiscard]] int lowest() const;   ///< The most that it can take away; ≤ 0.
    /// What these answers (IPv4, host byte order) count: each entry at most once, however many match.
    [[nodiscard]] std::vector<verdict::DnsblFinding> findings(
        const std::vector<quint32> &answers) const;
};

/// dnsbl_sites and dnsbl_threshold, read. Immutable value.
class DnsblSites
{
public:
    DnsblSites() = default;  ///< No lists.

    /// Errors: `dnsbl.syntax` as of schema::parseDnsblEntries(). A threshold below 1 means that
    /// lists are asked and noted but nobody is refused (Postfix knows no such threshold).
    static Result<DnsblSites> parse(QByteArrayView text, int threshold);

    [[nodiscard]] const std::vector<DnsblList> &lists() const { return m_lists; }
    [[nodiscard]] bool isEmpty() const { return m_lists.empty(); }
    [[nodiscard]] int threshold() const { return m_threshold; }
    [[nodiscard]] bool refuses(int score) const { return m_threshold > 0 && score >= m_threshold; }
    /// Differs for different settings; what was decided under other settings is void.
    [[nodiscard]] quint64 stamp() const { return m_stamp; }

private:
    std::vector<DnsblList> m_lists;
    int m_threshold = 1;
    quint64 m_stamp = 0;
};

/// The name to ask: octets of an IPv4 address or nibbles of an IPv6 address in reverse order, then
/// the list (RFC 5782 §2.1, §2.4). An IPv4-mapped address is asked as IPv4.
[[nodiscard]] QByteArray dnsblQueryName(const QHostAddress &client, const QByteArray &domain);

}  // namespace portcullis::policy
