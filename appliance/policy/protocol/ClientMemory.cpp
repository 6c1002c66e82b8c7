// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/ClientMemory.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>
#include <QtCore/QSaveFile>
#include <QtCore/QtEndian>

#include <algorithm>

namespace portcullis::policy {

namespace {

// The file: magic, then 24 octets an entry (address high and low, end of its lifetime in seconds
// since 1970, all big-endian), then SHA-256 of everything before.
constexpr QByteArrayView fileMagic = "PMGCLNT1";
constexpr qsizetype entrySize = 24;
constexpr qsizetype hashSize = 32;

void append64(QByteArray &bytes, quint64 value)
{
    std::array<char, sizeof value> octets{};
    qToBigEndian(value, octets.data());
    bytes.append(octets.data(), octets.size());
}

QByteArray hashOf(QByteArrayView bytes)
{
    return QCryptographicHash::hash(bytes.toByteArray(), QCryptographicHash::Sha256);
}

Error memoryError(const QString &path, const QString &reason)
{
    return Error::transient("policy.client-memory", path + QStringLiteral(": ") + reason);
}

}  // namespace

ClientMemory::ClientMemory(const Clock &clock, ClientMemoryLimits limits)
    : m_clock(clock)
    , m_limits(limits)
    , m_table(static_cast<size_t>(limits.maxClients))
{
}

bool ClientMemory::isKnown(const QHostAddress &client) const
{
    const auto until = m_table.find(AddressKey::of(client));
    const auto now = m_clock.wall();
    // A clock that was set back must not make a lifetime longer.
    return until && now < *until && *until <= now + m_limits.lifetime;
}

void ClientMemory::remember(const QHostAddress &client)
{
    m_table.put(AddressKey::of(client), m_clock.wall() + m_limits.lifetime);
    m_isChanged = true;
}

void ClientMemory::forget(const QHostAddress &client)
{
    if (m_table.erase(AddressKey::of(client))) {
        m_isChanged = true;
    }
}

Status ClientMemory::save(const QString &path)
{
    m_isChanged = false;
    QByteArray bytes = fileMagic.toByteArray();
    const auto now = m_clock.wall();
    for (const auto &[key, until] : m_table.entries()) {
        if (now < until) {
            append64(bytes, key.high);
            append64(bytes, key.low);
            append64(
                bytes,
                static_cast<quint64>(
                    std::chrono::floor<std::chrono::seconds>(until).time_since_epoch().count()));
        }
    }
    bytes += hashOf(bytes);
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.commit()) {
        m_isChanged = true;
        return memoryError(path, file.errorString());
    }
    return ok();
}

Status ClientMemory::load(const QString &path)
{
    QFile file(path);
    if (!file.exists()) {
        return ok();
    }
    const qint64 largest = fileMagic.size() + entrySize * m_limits.maxClients + hashSize;
    if (!file.open(QIODevice::ReadOnly)) {
        return memoryError(path, file.errorString());
    }
    const QByteArray bytes = file.read(largest + 1);
    const qsizetype entries = bytes.size() - fileMagic.size() - hashSize;
    if (bytes.size() > largest || entries < 0 || entries % entrySize != 0
        || !bytes.startsWith(fileMagic)
        || hashOf(QByteArrayView(bytes).chopped(hashSize)) != bytes.last(hashSize)) {
        return memoryError(path, QStringLiteral("is damaged; clients are tested anew"));
    }
    const auto now = m_clock.wall();
    for (const char *at = bytes.constData() + fileMagic.size(), *const end = at + entries; at < end;
         at += entrySize) {
        const AddressKey key{qFromBigEndian<quint64>(at), qFromBigEndian<quint64>(at + 8)};
        const Clock::WallTime until(std::chrono::seconds(qFromBigEndian<qint64>(at + 16)));
        if (now < until && until <= now + m_limits.lifetime && !m_table.find(key)) {
            m_table.put(key, until);
        }
    }
    return ok();
}

}  // namespace portcullis::policy
