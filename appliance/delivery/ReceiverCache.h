// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/DeliverySettings.h"
#include "appliance/policy/ReceiverCheck.h"
#include "shared/base/Clock.h"

#include <QtCore/QHash>

#include <list>
#include <optional>

namespace portcullis::delivery {

/// What next hops said of recipients, each answer for its lifetime. Not thread-safe.
///
/// Answers belong to the route they came by: asked for by another route, they do not exist. Each kind
/// of answer has room of its own, where the least lately used makes way, so that a flood of guessed
/// addresses does not push out the real ones.
class ReceiverCache
{
public:
    using Kind = policy::ReceiverState::Kind;

    struct Answer {
        policy::ReceiverState state;
        bool isStale = false;  ///< Holds, but should be asked for again.
    };

    explicit ReceiverCache(const ReceiverLimits &limits);

    void setLimits(const ReceiverLimits &limits);

    /// `address` is mail::Address::key(), `route` Route::key().
    [[nodiscard]] std::optional<Answer> find(const QByteArray &address,
                                             const QByteArray &route,
                                             Clock::WallTime now);
    /// An answer for now; an Undecided one leaves one that still holds in force.
    void store(const QByteArray &address,
               const QByteArray &route,
               const policy::ReceiverState &state,
               Clock::WallTime now);
    void clear();
    [[nodiscard]] qsizetype size() const;
    /// Whether there is something that toBytes() gave not yet.
    [[nodiscard]] bool isChanged() const { return m_isChanged; }

    /// What is worth keeping across a restart: all but the undecided.
    [[nodiscard]] QByteArray toBytes();
    /// Adds what toBytes() gave. Returns false if it cannot be read.
    bool readBytes(const QByteArray &bytes);

private:
    struct Entry {
        QByteArray address;
        quint64 route = 0;  ///< Digest of the route's key: the key of one file fits the next run.
        QByteArray reply;
        Clock::WallTime stored{};
    };
    using Entries = std::list<Entry>;  ///< The latest used first.
    struct Shelf {
        Entries entries;
        QHash<QByteArray, Entries::iterator> byAddress;
    };

    Shelf &shelf(Kind kind) { return m_shelves[static_cast<size_t>(kind)]; }
    [[nodiscard]] std::chrono::seconds lifetime(Kind kind) const;
    [[nodiscard]] qsizetype most(Kind kind) const;
    void insert(Kind kind, Entry entry);
    void remove(Kind kind, const QByteArray &address);
    [[nodiscard]] bool wasTriedLately(const QByteArray &address, Clock::WallTime now);
    [[nodiscard]] bool holds(Kind kind, const Entry &entry, Clock::WallTime now) const;

    ReceiverLimits m_limits;
    Shelf m_shelves[3];
    bool m_isChanged = false;
};

}  // namespace portcullis::delivery
