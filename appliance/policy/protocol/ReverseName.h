// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/policy/AddressKey.h"
#include "appliance/policy/SessionPolicy.h"

#include <QtNetwork/QHostAddress>

#include <functional>
#include <optional>

namespace portcullis::policy {

/// A client's name by its address, and whether the name leads back to the address ("iprev" of
/// RFC 8601 §3, forward-confirmed reverse DNS).
struct ReverseNameResult {
    enum class Kind {
        Confirmed,  ///< `name` has the address.
        NoName,     ///< No PTR record with a usable name.
        Mismatch,   ///< There are names, none has the address; `name` is the first.
        TempError   ///< DNS did not answer, so nothing is known.
    };
    Kind kind = Kind::TempError;
    QByteArray name;  ///< Lower case, no trailing dot.

    /// For the Received field and SessionPolicy::clientName(); empty unless confirmed.
    [[nodiscard]] QByteArray confirmedName() const;
    /// "pass", "fail", "permerror" or "temperror" (RFC 8601 §2.7.3).
    [[nodiscard]] const char *iprev() const;
    /// `rejectunknown`: 450 4.7.25, also for TempError (check "reverse-name"); nothing: it passes.
    [[nodiscard]] std::optional<Refusal> refusal(const QHostAddress &client) const;
};

struct ReverseNameLimits {
    int names = 5;  ///< PTR names followed; RFC 7208 §4.6.4 allows 10. Range 1 … 10.
    /// For all look-ups together. Range 1 s … 30 s.
    std::chrono::milliseconds deadline = std::chrono::seconds(5);
};

/// Finds reverse names. One a thread, as its Resolver, which also caches.
class ReverseName
{
public:
    using Callback = std::function<void(const ReverseNameResult &)>;

    explicit ReverseName(Resolver &resolver, ReverseNameLimits limits = {});

    /// Exactly one `done`, never before this returned, within the deadline, on this thread; not at
    /// all after `context` is gone.
    void find(const QHostAddress &client, QObject *context, Callback done);

private:
    Resolver &m_resolver;
    ReverseNameLimits m_limits;
};

/// `192.0.2.1` → `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5), IPv6 → `….ip6.arpa` (RFC 3596 §2.5).
[[nodiscard]] QByteArray reverseQueryName(const AddressKey &client);

}  // namespace portcullis::policy
