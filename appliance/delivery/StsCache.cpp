// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/StsCache.h"

#include "appliance/delivery/ChecksummedFile.h"

#include <QtCore/QDataStream>
#include <QtCore/QIODevice>

#include <algorithm>

namespace portcullis::delivery {

namespace {

constexpr quint32 stsCacheVersion = 1;
constexpr qint64 largestStsFile = 256LL * 1024 * 1024;

qint64 toMicroseconds(Clock::WallTime time)
{
    return time.time_since_epoch().count();
}

Clock::WallTime fromMicroseconds(qint64 value)
{
    return Clock::WallTime(std::chrono::microseconds(value));
}

void writeEntry(QDataStream &out, const QByteArray &domain, const StsCache::Entry &entry)
{
    out << domain << entry.id << toMicroseconds(entry.fetched) << toMicroseconds(entry.used)
        << static_cast<quint8>(entry.policy.mode)
        << static_cast<qint64>(entry.policy.maxAge.count())
        << QByteArrayList(entry.policy.hosts.begin(), entry.policy.hosts.end());
}

std::pair<QByteArray, StsCache::Entry> readEntry(QDataStream &in)
{
    QByteArray domain;
    StsCache::Entry entry;
    qint64 fetched = 0;
    qint64 used = 0;
    quint8 mode = 0;
    qint64 maxAge = 0;
    QByteArrayList hosts;
    in >> domain >> entry.id >> fetched >> used >> mode >> maxAge >> hosts;
    if (mode > static_cast<quint8>(StsPolicy::Mode::Enforce)) {
        in.setStatus(QDataStream::ReadCorruptData);
    }
    entry.fetched = fromMicroseconds(fetched);
    entry.used = fromMicroseconds(used);
    entry.policy.mode = static_cast<StsPolicy::Mode>(mode);
    entry.policy.maxAge = std::chrono::seconds(maxAge);
    entry.policy.hosts = {hosts.begin(), hosts.end()};
    return {domain, entry};
}

}  // namespace

StsCache::StsCache(QString file, qsizetype entries)
    : m_file(std::move(file))
    , m_most(entries)
{
}

Status StsCache::read()
{
    if (m_file.isEmpty()) {
        return ok();
    }
    const QByteArray content = TRY(readChecksummed(m_file, largestStsFile));
    if (content.isEmpty()) {
        return ok();
    }
    QDataStream in(content);
    in.setVersion(QDataStream::Qt_6_4);
    quint32 version = 0;
    qint32 count = 0;
    in >> version >> count;
    if (version != stsCacheVersion) {
        return ok();  // Of another release: fetched anew.
    }
    for (qint32 i = 0; i < count && in.status() == QDataStream::Ok; ++i) {
        auto [domain, entry] = readEntry(in);
        if (in.status() == QDataStream::Ok) {
            store(domain, entry);
        }
    }
    m_isChanged = false;
    if (in.status() != QDataStream::Ok) {
        return Error::transient("file.damaged", m_file + QStringLiteral(": cannot be read"));
    }
    return ok();
}

Status StsCache::write()
{
    if (m_file.isEmpty() || !m_isChanged) {
        return ok();
    }
    QByteArray content;
    QDataStream out(&content, QIODevice::WriteOnly);
    out.setVersion(QDataStream::Qt_6_4);
    out << stsCacheVersion << static_cast<qint32>(m_entries.size());
    for (auto entry = m_entries.cbegin(); entry != m_entries.cend(); ++entry) {
        writeEntry(out, entry.key(), *entry);
    }
    TRY(writeChecksummed(m_file, content));
    m_isChanged = false;
    return ok();
}

std::optional<StsCache::Entry> StsCache::find(const QByteArray &domain, Clock::WallTime now)
{
    const auto found = m_entries.find(domain);
    // A policy from the future was stored by a clock that was wrong; it is better kept than lost.
    if (found == m_entries.end() || now >= found->expires()) {
        return std::nullopt;
    }
    found->used = now;
    return *found;
}

std::optional<Clock::WallTime> StsCache::lastUse(const QByteArray &domain) const
{
    const auto found = m_entries.constFind(domain);
    return found == m_entries.cend() ? std::nullopt : std::optional(found->used);
}

void StsCache::store(const QByteArray &domain, const Entry &entry)
{
    m_entries.insert(domain, entry);
    m_isChanged = true;
    makeRoom();
}

void StsCache::makeRoom()
{
    while (m_entries.size() > m_most) {
        auto oldest = m_entries.begin();
        for (auto entry = m_entries.begin(); entry != m_entries.end(); ++entry) {
            if (entry->used < oldest->used) {
                oldest = entry;
            }
        }
        m_entries.erase(oldest);
    }
}

std::vector<QByteArray> StsCache::dueForRefresh(Clock::WallTime now,
                                                std::chrono::seconds age,
                                                std::chrono::seconds idle) const
{
    std::vector<QByteArray> domains;
    for (auto entry = m_entries.cbegin(); entry != m_entries.cend(); ++entry) {
        const bool isOld = now - entry->fetched >= std::min(age, entry->policy.maxAge / 2);
        if (isOld && now < entry->expires() && now - entry->used < idle) {
            domains.push_back(entry.key());
        }
    }
    return domains;
}

}  // namespace portcullis::delivery
