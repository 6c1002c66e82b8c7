// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/LifetimeClock.h"

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QSaveFile>

#include <algorithm>

namespace portcullis::delivery {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::seconds;

// JSON numbers are doubles; seconds stay exact in them for ever.
double toJson(Clock::WallTime time)
{
    return static_cast<double>(duration_cast<seconds>(time.time_since_epoch()).count());
}

Clock::WallTime wallFromJson(const QJsonValue &value)
{
    return Clock::WallTime(seconds(static_cast<qint64>(value.toDouble())));
}

}  // namespace

LifetimeClock::LifetimeClock(const Clock &clock, QString file)
    : LifetimeClock(clock, std::move(file), Limits())
{
}

LifetimeClock::LifetimeClock(const Clock &clock, QString file, Limits limits)
    : m_clock(clock)
    , m_file(std::move(file))
    , m_limits(limits)
    , m_lastWall(clock.wall())
    , m_lastMonotonic(clock.monotonic())
    , m_lastMark(m_lastMonotonic)
{
    if (!m_file.isEmpty()) {
        readMark();
        writeMark();
    }
}

microseconds LifetimeClock::tick()
{
    const Clock::WallTime wall = m_clock.wall();
    const Clock::MonotonicTime monotonic = m_clock.monotonic();
    const auto passed = duration_cast<microseconds>(monotonic - m_lastMonotonic);
    const microseconds jump = (wall - m_lastWall) - passed;
    const Clock::WallTime before = m_lastWall + passed;
    m_lastWall = wall;
    m_lastMonotonic = monotonic;
    const bool isNoticed = std::chrono::abs(jump) > m_limits.noticed;
    if (isNoticed) {
        addJump(before, jump);
    }
    if (!m_file.isEmpty() && (isNoticed || monotonic - m_lastMark >= m_limits.markInterval)) {
        m_lastMark = monotonic;
        writeMark();
    }
    return isNoticed ? jump : microseconds(0);
}

void LifetimeClock::addJump(Clock::WallTime before, microseconds length)
{
    if (length > microseconds(0)) {
        m_jumps.push_back({before, length});
        if (static_cast<int>(m_jumps.size()) > m_limits.jumps) {
            m_jumps[1].length += m_jumps[0].length;
            m_jumps.erase(m_jumps.begin());
        }
        return;
    }
    // Backwards: the latest jumps forwards were the mistake and are taken back first.
    microseconds left = -length;
    while (left > microseconds(0) && !m_jumps.empty()) {
        const microseconds part = std::min(left, m_jumps.back().length);
        m_jumps.back().length -= part;
        left -= part;
        if (m_jumps.back().length == microseconds(0)) {
            m_jumps.pop_back();
        }
    }
}

microseconds LifetimeClock::ageOf(Clock::WallTime arrival) const
{
    microseconds age = m_clock.wall() - arrival;
    for (const Jump &jump : m_jumps) {
        if (arrival <= jump.before) {
            age -= jump.length;
        }
    }
    return std::max(age, microseconds(0));
}

void LifetimeClock::readMark()
{
    QFile file(m_file);
    constexpr qint64 longestMark = 64 * 1024;
    if (!file.open(QIODevice::ReadOnly)) {
        return;
    }
    const QJsonObject mark = QJsonDocument::fromJson(file.read(longestMark)).object();
    if (!mark.contains(QLatin1StringView("wall"))) {
        return;
    }
    for (const QJsonValue &value : mark.value(QLatin1StringView("jumps")).toArray()) {
        const QJsonObject jump = value.toObject();
        const auto length = seconds(
            static_cast<qint64>(jump.value(QLatin1StringView("seconds")).toDouble()));
        if (length > seconds(0) && static_cast<int>(m_jumps.size()) < m_limits.jumps) {
            m_jumps.push_back({wallFromJson(jump.value(QLatin1StringView("before"))), length});
        }
    }
    const Clock::WallTime marked = wallFromJson(mark.value(QLatin1StringView("wall")));
    const microseconds gap = m_lastWall - marked;
    if (gap > m_limits.trustedGap) {
        addJump(marked, gap - m_limits.trustedGap);
    } else if (gap < -m_limits.noticed) {
        addJump(marked, gap);
    }
}

void LifetimeClock::writeMark()
{
    QJsonArray jumps;
    for (const Jump &jump : m_jumps) {
        jumps.append(
            QJsonObject{{QStringLiteral("before"), toJson(jump.before)},
                        {QStringLiteral("seconds"),
                         static_cast<double>(duration_cast<seconds>(jump.length).count())}});
    }
    // Losing a mark costs nothing but a minute's accuracy, so failures are not worth a word.
    QSaveFile file(m_file);
    if (file.open(QIODevice::WriteOnly)) {
        file.write(QJsonDocument(QJsonObject{{QStringLiteral("wall"), toJson(m_lastWall)},
                                             {QStringLiteral("jumps"), jumps}})
                       .toJson(QJsonDocument::Compact));
        file.commit();
    }
}

}  // namespace portcullis::delivery
