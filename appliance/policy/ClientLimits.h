// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/AddressKey.h"
#include "shared/base/Clock.h"

#include <QtCore/QPair>
#include <QtNetwork/QHostAddress>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace portcullis::policy {

/// How much of us one client network may use (conn_count_limit, conn_rate_limit,
/// message_rate_limit, recipient_rate_limit). 0 switches a limit off.
struct ClientLimitSettings {
    int connections = 50;          ///< Sessions at a time. Range 0 … 100,000.
    int connectionsPerMinute = 0;  ///< Sessions begun in 60 s. Range 0 … 1,000,000.
    int messagesPerMinute = 0;     ///< MAIL commands in 60 s. Range 0 … 1,000,000.
    int recipientsPerMinute = 0;   ///< RCPT commands in 60 s. Range 0 … 10,000,000.
    /// What counts as one client (client_limit_mask4): the network of this prefix. Range 8 … 32.
    int prefix4 = 32;
    /// The same for IPv6 (client_limit_mask6). Whoever has one address of a /64 has them all.
    /// Range 16 … 128.
    int prefix6 = 64;
    /// Networks without limits, as QHostAddress::parseSubnet() gives them (mynetworks).
    std::vector<QPair<QHostAddress, int>> exempt{};
    /// Client networks remembered at a time, about 100 octets each. Range 1,000 … 10,000,000.
    /// When full, the table forgets rates (never open sessions) of the clients it meets first:
    /// a flood of addresses costs precision, not memory.
    int maxClients = 100'000;
};

/// Counts what each client network does. Thread-safe; cheap enough for every command.
///
/// Rates slide: a minute is the current minute and the still overlapping share of the one before.
class ClientLimits
{
public:
    explicit ClientLimits(const Clock &clock, ClientLimitSettings settings = {});
    ~ClientLimits();
    Q_DISABLE_COPY_MOVE(ClientLimits)

    /// A reload. Counts stay; with another prefix they begin anew, but open sessions that were
    /// counted for the old network give their place back there.
    void setSettings(ClientLimitSettings settings);

    enum class Verdict {
        Allowed,
        TooManyConnections,  ///< 421 4.7.0
        TooFast              ///< 421 4.7.0 at connect, 450 4.7.1 later (RFC 5321 has no better)
    };

    /// One open session; destroying it gives the place back. Movable, empty if refused.
    class Place
    {
    public:
        Place() = default;
        Place(Place &&other) noexcept;
        Place &operator=(Place &&other) noexcept;
        ~Place();

        [[nodiscard]] Verdict verdict() const { return m_verdict; }

    private:
        friend class ClientLimits;
        ClientLimits *m_limits = nullptr;
        AddressKey m_network;
        Verdict m_verdict = Verdict::Allowed;
    };

    /// Counts a new session against both connection limits. The Place must not outlive this.
    [[nodiscard]] Place connect(const QHostAddress &client);
    [[nodiscard]] Verdict countMessage(const QHostAddress &client);
    [[nodiscard]] Verdict countRecipient(const QHostAddress &client);

    /// Client networks in the table, for statistics and tests.
    [[nodiscard]] size_t clientCount() const;

private:
    struct Shard;
    void release(const AddressKey &network);
    [[nodiscard]] AddressKey networkOf(const QHostAddress &client) const;
    template<typename Counter>
    [[nodiscard]] Verdict count(const QHostAddress &client,
                                int ClientLimitSettings::*perMinute,
                                Counter counter);

    const Clock &m_clock;
    std::atomic<int> m_prefix4;
    std::atomic<int> m_prefix6;
    std::unique_ptr<Shard[]> m_shards;
};

}  // namespace portcullis::policy
