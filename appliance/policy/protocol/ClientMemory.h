// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/AddressTable.h"
#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <QtCore/QString>
#include <QtNetwork/QHostAddress>

#include <atomic>

namespace portcullis::policy {

struct ClientMemoryLimits {
    /// How long a client that kept the rules is not tested again, as postscreen_greet_ttl.
    /// Range 1 min … 30 d.
    std::chrono::seconds lifetime = std::chrono::hours(24);
    /// Clients remembered, about 110 octets each, 24 in the file. Range 100 … 10,000,000.
    int maxClients = 200'000;
};

/// Which clients passed the pre-greeting test and broke no rule of the protocol since: they are
/// greeted without a wait. By address, not by network: a neighbour proves nothing.
///
/// One for all threads; thread-safe. Kept over a restart by save() and load(); a lost memory costs
/// each client one more wait and nothing else.
class ClientMemory
{
public:
    explicit ClientMemory(const Clock &clock, ClientMemoryLimits limits = {});
    Q_DISABLE_COPY_MOVE(ClientMemory)

    [[nodiscard]] bool isKnown(const QHostAddress &client) const;
    void remember(const QHostAddress &client);  ///< The lifetime starts anew.
    void forget(const QHostAddress &client);    ///< It broke a rule.
    [[nodiscard]] size_t size() const { return m_table.size(); }

    /// Whether anything changed since the last save(); ask now and then, and at the end.
    [[nodiscard]] bool isChanged() const { return m_isChanged.load(); }
    /// Writes the file anew, atomically. Error: `policy.client-memory`, transient.
    Status save(const QString &path);
    /// Reads what save() wrote, in addition to what is known. No file is no error; a damaged one is
    /// `policy.client-memory`, transient, and changes nothing: log it and go on.
    Status load(const QString &path);

private:
    const Clock &m_clock;
    const ClientMemoryLimits m_limits;
    AddressTable<Clock::WallTime> m_table;  ///< When each is to be tested again.
    std::atomic<bool> m_isChanged{false};
};

}  // namespace portcullis::policy
