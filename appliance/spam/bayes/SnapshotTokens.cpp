// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/SnapshotTokens.h"

#include <algorithm>
#include <limits>

namespace portcullis::spam {

namespace {

constexpr qint64 secondsPerHour = 3'600;
constexpr quint64 hourMask = 0xffffff;

quint32 slotCount(qint64 count)
{
    return quint32(std::clamp<qint64>(count, 0, std::numeric_limits<quint32>::max()));
}

}  // namespace

SnapshotSlot slotOfToken(Token token, const TokenCounts &counts)
{
    const quint64 hours = quint64(std::max<qint64>(0, counts.seconds) / secondsPerHour) & hourMask;
    return {slotKeyOfToken(token) | hours, slotCount(counts.spam), slotCount(counts.ham)};
}

TokenCounts countsOfSlot(const SnapshotSlot &slot)
{
    return {slot.first, slot.second, qint64(slot.key & hourMask) * secondsPerHour};
}

SnapshotTokens::SnapshotTokens(const QString &path)
    : m_reader(path, SnapshotKind::Bayes)
{
}

bool SnapshotTokens::refresh()
{
    m_view = m_reader.current();
    return m_view != nullptr;
}

LearntMessages SnapshotTokens::messages() const
{
    return m_view == nullptr ? LearntMessages()
                             : LearntMessages{m_view->totals()[0], m_view->totals()[1]};
}

std::optional<TokenCounts> SnapshotTokens::counts(Token token) const
{
    const SnapshotSlot *slot = m_view == nullptr ? nullptr : m_view->find(slotKeyOfToken(token));
    return slot == nullptr ? std::nullopt : std::optional(countsOfSlot(*slot));
}

}  // namespace portcullis::spam
