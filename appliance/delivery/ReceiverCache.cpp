// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/ReceiverCache.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDataStream>
#include <QtCore/QIODevice>
#include <QtCore/QtEndian>

namespace portcullis::delivery {

namespace {

constexpr quint32 receiverCacheVersion = 1;
constexpr auto allKinds = {ReceiverCache::Kind::Exists, ReceiverCache::Kind::Unknown,
                           ReceiverCache::Kind::Undecided};

quint64 digestOf(const QByteArray &route)
{
    return qFromBigEndian<quint64>(
        QCryptographicHash::hash(route, QCryptographicHash::Sha256).constData());
}

}  // namespace

ReceiverCache::ReceiverCache(const ReceiverLimits &limits)
    : m_limits(limits)
{
}

void ReceiverCache::setLimits(const ReceiverLimits &limits)
{
    m_limits = limits;
}

std::chrono::seconds ReceiverCache::lifetime(Kind kind) const
{
    switch (kind) {
    case Kind::Exists:
        return m_limits.positiveLifetime;
    case Kind::Unknown:
        return m_limits.negativeLifetime;
    case Kind::Undecided:
        break;
    }
    return m_limits.undecidedLifetime;
}

qsizetype ReceiverCache::most(Kind kind) const
{
    return kind == Kind::Exists ? m_limits.positive : m_limits.negative;
}

bool ReceiverCache::holds(Kind kind, const Entry &entry, Clock::WallTime now) const
{
    // What was stored "later" than now was stored by a clock that was wrong.
    return now >= entry.stored && now - entry.stored < lifetime(kind);
}

std::optional<ReceiverCache::Answer> ReceiverCache::find(const QByteArray &address,
                                                         const QByteArray &route,
                                                         Clock::WallTime now)
{
    const quint64 digest = digestOf(route);
    for (const Kind kind : allKinds) {
        Shelf &candidates = shelf(kind);
        const auto found = candidates.byAddress.constFind(address);
        if (found == candidates.byAddress.cend()) {
            continue;
        }
        const Entries::iterator entry = *found;
        if (entry->route != digest || !holds(kind, *entry, now)) {
            remove(kind, address);
            continue;
        }
        candidates.entries.splice(candidates.entries.begin(), candidates.entries, entry);
        const bool isStale = kind == Kind::Exists && now - entry->stored >= m_limits.positiveRefresh
                             && !wasTriedLately(address, now);
        return Answer{{kind, entry->reply}, isStale};
    }
    return std::nullopt;
}

bool ReceiverCache::wasTriedLately(const QByteArray &address, Clock::WallTime now)
{
    const Shelf &undecided = shelf(Kind::Undecided);
    const auto found = undecided.byAddress.constFind(address);
    return found != undecided.byAddress.cend() && holds(Kind::Undecided, **found, now);
}

void ReceiverCache::store(const QByteArray &address,
                          const QByteArray &route,
                          const policy::ReceiverState &state,
                          Clock::WallTime now)
{
    if (state.kind != Kind::Undecided) {
        remove(Kind::Exists, address);
        remove(Kind::Unknown, address);
        m_isChanged = true;
    }
    insert(state.kind, {address, digestOf(route), state.reply, now});
}

void ReceiverCache::insert(Kind kind, Entry entry)
{
    remove(kind, entry.address);
    Shelf &target = shelf(kind);
    const QByteArray address = entry.address;
    target.entries.push_front(std::move(entry));
    target.byAddress.insert(address, target.entries.begin());
    while (target.byAddress.size() > most(kind)) {
        target.byAddress.remove(target.entries.back().address);
        target.entries.pop_back();
    }
}

void ReceiverCache::remove(Kind kind, const QByteArray &address)
{
    Shelf &target = shelf(kind);
    const auto found = target.byAddress.constFind(address);
    if (found != target.byAddress.cend()) {
        target.entries.erase(*found);
        target.byAddress.erase(found);
    }
}

void ReceiverCache::clear()
{
    for (Shelf &each : m_shelves) {
        each.byAddress.clear();
        each.entries.clear();
    }
    m_isChanged = true;
}

qsizetype ReceiverCache::size() const
{
    qsizetype size = 0;
    for (const Shelf &each : m_shelves) {
        size += each.byAddress.size();
    }
    return size;
}

QByteArray ReceiverCache::toBytes()
{
    QByteArray bytes;
    QDataStream out(&bytes, QIODevice::WriteOnly);
    out.setVersion(QDataStream::Qt_6_4);
    out << receiverCacheVersion;
    for (const Kind kind : {Kind::Exists, Kind::Unknown}) {
        const Entries &entries = shelf(kind).entries;
        out << static_cast<quint32>(entries.size());
        // The oldest first, so that reading puts them back in order.
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            out << entry->address << entry->route << entry->reply
                << static_cast<qint64>(entry->stored.time_since_epoch().count());
        }
    }
    m_isChanged = false;
    return bytes;
}

bool ReceiverCache::readBytes(const QByteArray &bytes)
{
    QDataStream in(bytes);
    in.setVersion(QDataStream::Qt_6_4);
    quint32 version = 0;
    in >> version;
    if (version != receiverCacheVersion) {
        return false;
    }
    for (const Kind kind : {Kind::Exists, Kind::Unknown}) {
        quint32 count = 0;
        in >> count;
        for (quint32 i = 0; i < count && in.status() == QDataStream::Ok; ++i) {
            Entry entry;
            qint64 stored = 0;
            in >> entry.address >> entry.route >> entry.reply >> stored;
            entry.stored = Clock::WallTime(std::chrono::microseconds(stored));
            if (in.status() == QDataStream::Ok) {
                insert(kind, std::move(entry));
            }
        }
    }
    return in.status() == QDataStream::Ok;
}

}  // namespace portcullis::delivery
