// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/SessionPolicy.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtNetwork/QHostAddress>

#include <optional>
#include <vector>

namespace portcullis::policy {

/// What `helotests` has against a HELO name.
enum class HeloFault {
    None,
    Missing,  ///< No name at all.
    Invalid,  ///< No domain name by syntax (RFC 5321 §4.1.2), an address without brackets included.
    NotFqdn,    ///< One label only (RFC 5321 §2.3.5).
    Literal,    ///< Brackets without an address in them (RFC 5321 §4.1.3).
    OurName,    ///< A stranger says it is us.
    OurAddress  ///< A stranger gives one of our addresses as its own.
};

/// Names that are ours alone.
struct HeloSettings {
    std::vector<QByteArray> ownNames;        ///< FQDNs of this gateway, any case.
    std::vector<QHostAddress> ownAddresses;  ///< Addresses it listens on.
};

/// The tests of the HELO name (`helotests`): what Postfix calls reject_invalid_helo_hostname and
/// reject_non_fqdn_helo_hostname, and whoever claims to be this gateway. Trusted networks are not to
/// be tested. Whether the name fits the client's address is no reason to refuse (RFC 5321 §4.1.4).
///
/// Immutable; thread-safe.
class HeloTest
{
public:
    explicit HeloTest(HeloSettings settings = {});

    [[nodiscard]] HeloFault faultOf(QByteArrayView name) const;

    /// 501, 504 or 550 with a text that says what is expected (check "helo"); nothing: it passes.
    [[nodiscard]] std::optional<Refusal> refusal(QByteArrayView name) const;

private:
    HeloSettings m_settings;
};

/// Whether this is a domain name as a HELO name or a sender may have it: labels of letters, digits,
/// hyphens and (since real hosts have them) underscores; one dot at the end is let through.
[[nodiscard]] bool isHostName(QByteArrayView name);

}  // namespace portcullis::policy
