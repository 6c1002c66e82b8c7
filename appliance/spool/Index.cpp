// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Index.h"

#include <algorithm>

namespace portcullis::spool {

namespace {

Clock::WallTime indexTime(qint64 micros)
{
    return Clock::WallTime(std::chrono::microseconds(micros));
}

size_t ageColumn(qint64 ageMicros)
{
    constexpr qint64 minute = 60'000'000;
    size_t column = 0;
    while (column < ShapeRow::ageMinutes.size()
           && ageMicros > ShapeRow::ageMinutes[column] * minute) {
        ++column;
    }
    return column;
}

}  // namespace

Record Record::of(const ItemHead &head, quint64 segment, qint64 itemOffset)
{
    Record record;
    record.receivedAt = head.receivedAt;
    record.nextAttempt = head.nextAttempt;
    record.contentOffset = head.content.offset;
    record.itemOffset = static_cast<quint64>(itemOffset);
    record.contentSegment = static_cast<quint32>(head.content.segment);
    record.contentLength = static_cast<quint32>(head.content.length);
    record.contentCrc = head.content.crc;
    record.itemSegment = static_cast<quint32>(segment);
    record.itemBytes = static_cast<quint32>(head.totalSize());
    record.firstSegment = static_cast<quint32>(head.firstSegment);
    record.stage = head.stage;
    record.direction = head.direction;
    return record;
}

quint32 NameTable::acquire(const QByteArray &name)
{
    if (const auto found = m_numbers.find(name); found != m_numbers.end()) {
        ++m_slots[found->second].uses;
        return found->second;
    }
    quint32 number = 0;
    if (m_free.empty()) {
        number = static_cast<quint32>(m_slots.size());
        m_slots.push_back({name, 1});
    } else {
        number = m_free.back();
        m_free.pop_back();
        m_slots[number] = {name, 1};
    }
    m_numbers.emplace(name, number);
    return number;
}

void NameTable::release(quint32 number)
{
    Slot &slot = m_slots[number];
    if (--slot.uses == 0) {
        m_numbers.erase(slot.name);
        slot.name = {};
        m_free.push_back(number);
    }
}

EntrySummary Index::summaryOf(quint64 number, const Record &record) const
{
    return {queueIdOf(number),
            record.stage,
            record.direction,
            indexTime(record.receivedAt),
            indexTime(record.nextAttempt),
            record.contentLength,
            m_names.name(record.domains)};
}

void Index::reference(const Record &record, qint64 sign)
{
    const auto touch = [this, sign](quint64 segment, qint64 bytes) {
        SegmentUse &use = m_segments[segment];
        use.references += sign;
        use.liveBytes += sign * bytes;
    };
    touch(record.itemSegment, record.itemBytes);
    if (record.contentLength > 0) {
        touch(record.contentSegment, record.contentLength);
    }
}

void Index::link(quint64 number, const Record &record, qint64 sign)
{
    StageList &list = stageList(record.stage);
    list.bytes += sign * qint64(record.contentLength);
    if (sign > 0) {
        list.entries.emplace(record.nextAttempt, number);
    } else {
        list.entries.erase({record.nextAttempt, number});
    }
    reference(record, sign);
}

std::vector<Change> Index::apply(std::span<const Update> updates, bool wantsChanges)
{
    std::vector<Change> changes;
    const std::unique_lock lock(m_mutex);
    for (const Update &update : updates) {
        const auto old = m_records.find(update.number);
        const bool wasThere = old != m_records.end();
        Change change;
        if (wasThere) {
            change.previousStage = old->second.stage;
            if (!update.record && wantsChanges) {
                change.entry = summaryOf(update.number, old->second);
            }
            link(update.number, old->second, -1);
        }
        if (update.record) {
            Record record = *update.record;
            record.domains = m_names.acquire(update.domains);
            if (wasThere) {
                record.firstSegment = std::min(record.firstSegment, old->second.firstSegment);
                m_names.release(old->second.domains);
                old->second = record;
            } else {
                m_records.emplace(update.number, record);
            }
            link(update.number, record, 1);
            change.kind = wasThere ? Change::Kind::Changed : Change::Kind::Added;
            if (wantsChanges) {
                change.entry = summaryOf(update.number, record);
            }
        } else if (wasThere) {
            m_names.release(old->second.domains);
            m_records.erase(old);
            change.kind = Change::Kind::Removed;
        } else {
            continue;
        }
        if (wantsChanges) {
            changes.push_back(std::move(change));
        }
    }
    return changes;
}

std::optional<Record> Index::find(quint64 number) const
{
    const std::shared_lock lock(m_mutex);
    const auto found = m_records.find(number);
    return found == m_records.end() ? std::nullopt : std::optional(found->second);
}

std::optional<EntrySummary> Index::summary(quint64 number) const
{
    const std::shared_lock lock(m_mutex);
    const auto found = m_records.find(number);
    return found == m_records.end() ? std::nullopt
                                    : std::optional(summaryOf(number, found->second));
}

Page Index::list(Stage stage, const Cursor &after, int limit, std::optional<qint64> dueUntil) const
{
    Page page;
    page.next = after;
    const std::shared_lock lock(m_mutex);
    const auto &entries = m_stages[static_cast<size_t>(stage)].entries;
    for (auto at = entries.upper_bound({after.due, after.number}); at != entries.end(); ++at) {
        if (dueUntil && at->first > *dueUntil) {
            break;
        }
        if (static_cast<int>(page.entries.size()) >= limit) {
            return page;
        }
        page.entries.push_back(summaryOf(at->second, m_records.at(at->second)));
        page.next = {at->first, at->second};
    }
    page.isLast = true;
    return page;
}

std::vector<ShapeRow> Index::shape(Stage stage, qint64 now, int maxRows) const
{
    ShapeRow total{"TOTAL", 0, {}};
    std::unordered_map<quint32, ShapeRow> byNames;
    std::unordered_map<QByteArray, ShapeRow> byDomain;
    {
        const std::shared_lock lock(m_mutex);
        for (const Due &due : m_stages[static_cast<size_t>(stage)].entries) {
            const Record &record = m_records.at(due.second);
            const size_t column = ageColumn(now - record.receivedAt);
            ShapeRow &row = byNames[record.domains];
            ++row.total;
            ++row.byAge[column];
            ++total.total;
            ++total.byAge[column];
        }
        for (const auto &[names, counts] : byNames) {
            for (const QByteArray &domain : m_names.name(names).split(' ')) {
                ShapeRow &row = byDomain[domain];
                row.total += counts.total;
                std::transform(row.byAge.begin(), row.byAge.end(), counts.byAge.begin(),
                               row.byAge.begin(), std::plus());
            }
        }
    }
    std::vector<ShapeRow> rows;
    for (auto &[domain, row] : byDomain) {
        row.domain = domain;
        rows.push_back(std::move(row));
    }
    std::sort(rows.begin(), rows.end(), [](const ShapeRow &a, const ShapeRow &b) {
        return a.total != b.total ? a.total > b.total : a.domain < b.domain;
    });
    rows.insert(rows.begin(), total);
    if (rows.size() > static_cast<size_t>(maxRows) + 1) {
        rows.resize(static_cast<size_t>(maxRows) + 1);
    }
    return rows;
}

void Index::count(SpoolStatistics &statistics) const
{
    const std::shared_lock lock(m_mutex);
    for (size_t i = 0; i < m_stages.size(); ++i) {
        statistics.entries[i] = static_cast<qint64>(m_stages[i].entries.size());
        statistics.bytes[i] = m_stages[i].bytes;
    }
    for (const auto &[number, use] : m_segments) {
        ++statistics.segments;
        statistics.diskBytes += use.isActive && use.file ? use.file->size() : use.usedBytes;
    }
}

void Index::addSegment(std::shared_ptr<SegmentFile> file, bool isActive)
{
    const std::unique_lock lock(m_mutex);
    SegmentUse &use = m_segments[file->number()];
    use.usedBytes = SegmentHeader::size;
    use.isActive = isActive;
    use.file = std::move(file);
}

void Index::noteUsed(quint64 segment, qint64 usedBytes, bool isActive)
{
    const std::unique_lock lock(m_mutex);
    SegmentUse &use = m_segments[segment];
    use.usedBytes = usedBytes;
    use.isActive = isActive;
}

void Index::noteRemoval(quint64 segment, quint64 first)
{
    if (first >= segment) {
        return;  // Everything of that entry lies in the same segment.
    }
    const std::unique_lock lock(m_mutex);
    SegmentUse &use = m_segments[segment];
    use.oldestRemoval = std::min(use.oldestRemoval, first);
}

void Index::sealSegment(quint64 segment)
{
    const std::unique_lock lock(m_mutex);
    m_segments[segment].isActive = false;
}

void Index::forgetRemovals(quint64 segment)
{
    const std::unique_lock lock(m_mutex);
    m_segments[segment].oldestRemoval = std::numeric_limits<quint64>::max();
}

std::shared_ptr<SegmentFile> Index::segment(quint64 number) const
{
    const std::shared_lock lock(m_mutex);
    const auto found = m_segments.find(number);
    return found == m_segments.end() ? nullptr : found->second.file;
}

bool Index::isRemovalNeeded(quint64 number, const SegmentUse &use) const
{
    const auto older = m_segments.lower_bound(use.oldestRemoval);
    return older != m_segments.end() && older->first < number;
}

bool Index::isNeeded(quint64 number, const SegmentUse &use) const
{
    return use.isActive || use.references > 0 || isRemovalNeeded(number, use);
}

std::optional<quint64> Index::deletable() const
{
    const std::shared_lock lock(m_mutex);
    for (const auto &[number, use] : m_segments) {
        if (!isNeeded(number, use)) {
            return number;
        }
    }
    return {};
}

void Index::forgetSegment(quint64 number)
{
    const std::unique_lock lock(m_mutex);
    m_segments.erase(number);
}

std::optional<quint64> Index::sparsest(int percent) const
{
    const std::shared_lock lock(m_mutex);
    std::optional<quint64> best;
    qint64 bestShare = percent;
    for (const auto &[number, use] : m_segments) {
        const qint64 share = use.liveBytes * 100 / std::max<qint64>(use.usedBytes, 1);
        if (!use.isActive && share < bestShare) {
            best = number;
            bestShare = share;
        }
    }
    return best;
}

std::vector<quint64> Index::entriesIn(quint64 segment) const
{
    std::vector<quint64> numbers;
    const std::shared_lock lock(m_mutex);
    for (const auto &[number, record] : m_records) {
        if (record.itemSegment == segment
            || (record.contentSegment == segment && record.contentLength > 0)) {
            numbers.push_back(number);
        }
    }
    return numbers;
}

bool Index::hasSegmentIn(quint64 from, quint64 before) const
{
    const std::shared_lock lock(m_mutex);
    const auto first = m_segments.lower_bound(from);
    return first != m_segments.end() && first->first < before;
}

}  // namespace portcullis::spool
