// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Compactor.h"

#include "appliance/spool/Crc32c.h"
#include "appliance/spool/EntryCodec.h"
#include "appliance/spool/SegmentReader.h"

#include <algorithm>

namespace portcullis::spool {

namespace {

constexpr size_t removalsPerStep = 4096;

}  // namespace

Compactor::Compactor(Folder &folder,
                     const Index &index,
                     const EntryStore &store,
                     const SpoolSettings &settings)
    : m_folder(folder)
    , m_index(index)
    , m_store(store)
    , m_settings(settings)
{
}

Compactor::~Compactor()
{
    if (m_planning.valid()) {
        m_planning.wait();
    }
}

Compactor::Plan Compactor::makePlan(quint64 segment) const
{
    Plan plan;
    plan.segment = segment;
    plan.entries = m_index.entriesIn(segment);
    std::sort(plan.entries.begin(), plan.entries.end());
    const auto file = m_index.segment(segment);
    if (!file) {
        return plan;
    }
    SegmentReader reader(*file, segment, m_folder.spoolId());
    const auto onItem = [this, &plan, segment](const SegmentReader::Item &item) {
        if (item.head.kind == ItemKind::Remove
            && m_index.hasSegmentIn(item.head.firstSegment, segment)) {
            plan.removals.push_back({item.head.number, item.head.firstSegment});
        }
    };
    reader.walk(onItem, [](qint64, qint64, SegmentReader::Defect) {});
    return plan;
}

bool Compactor::preparePlan()
{
    using namespace std::chrono_literals;
    if (m_plan) {
        return true;
    }
    if (m_planning.valid()) {
        if (m_planning.wait_for(0s) != std::future_status::ready) {
            return false;
        }
        m_plan = m_planning.get();
        return true;
    }
    const auto segment = m_index.sparsest(m_settings.compactBelowPercent);
    if (segment) {
        m_planning = std::async(std::launch::async,
                                [this, number = *segment] { return makePlan(number); });
    }
    return false;
}

void Compactor::setAside(quint64 number,
                         quint64 segment,
                         quint64 offset,
                         quint64 length,
                         const QString &reason)
{
    const auto file = m_index.segment(segment);
    if (!file) {
        return;
    }
    Damage damage;
    damage.file = QStringLiteral("%1.seg").arg(segment, 10, 10, QLatin1Char('0'));
    damage.offset = static_cast<qint64>(offset);
    damage.length = static_cast<qint64>(length);
    damage.reason = reason;
    damage.queueId = queueIdOf(number);
    m_folder.setAside(*file, std::move(damage));
}

std::optional<StagedItem> Compactor::withoutContent(quint64 number, const Record &record)
{
    const auto entry = m_store.metadata(number, record);
    if (!entry) {
        return {};
    }
    Entry &held = **entry;
    if (held.stage != Stage::Held) {
        held.heldFrom = std::exchange(held.stage, Stage::Held);
    }
    held.reason = "content damaged on disk; what was left of it is in corrupt/";
    StagedItem item;
    item.domains = pendingDomains(held);
    item.body = encodeBody(held);
    item.head.stage = held.stage;
    item.head.bodyCrc = crc32c(item.body, crc32c(item.domains));
    item.head.content = {};
    return item;
}

std::optional<StagedItem> Compactor::relocated(StagedFrame &frame, quint64 number, Record record)
{
    auto raw = m_store.rawItem(number, record);
    if (!raw) {
        setAside(number, record.itemSegment, record.itemOffset, record.itemBytes,
                 raw.error().detail);
        setAside(number, record.contentSegment, record.contentOffset, record.contentLength,
                 QStringLiteral("content of an entry whose metadata is damaged"));
        return {};
    }
    StagedItem item;
    item.head.stage = record.stage;
    item.head.content = record.contentPlace();
    const bool movesContent = record.contentLength > 0 && record.contentSegment == m_plan->segment;
    const auto shared = std::find_if(m_moved.begin(), m_moved.end(), [&record](const auto &one) {
        return one.first == record.contentOffset;
    });
    if (movesContent && shared != m_moved.end()) {
        item.content = shared->second;
    } else if (movesContent) {
        auto content = m_store.content(record);
        if (!content) {
            setAside(number, record.contentSegment, record.contentOffset, record.contentLength,
                     content.error().detail);
            return withoutContent(number, record);
        }
        item.content = static_cast<int>(frame.contents.size());
        frame.contents.push_back({std::move(*content), record.contentCrc});
        m_moved.emplace_back(record.contentOffset, item.content);
    }
    item.head.bodyCrc = raw->bodyCrc;
    item.domains = std::move(raw->domains);
    item.body = std::move(raw->body);
    return item;
}

void Compactor::addEntry(StagedFrame &frame, quint64 number)
{
    const auto record = m_index.find(number);
    const bool isHere = record
                        && (record->itemSegment == m_plan->segment
                            || record->contentSegment == m_plan->segment);
    if (!isHere) {
        return;  // Gone or moved since the plan was made.
    }
    std::optional<StagedItem> item = relocated(frame, number, *record);
    if (!item) {
        item.emplace();
        item->head.kind = ItemKind::Remove;
    }
    item->head.number = number;
    item->head.firstSegment = record->firstSegment;
    item->head.direction = record->direction;
    item->head.receivedAt = record->receivedAt;
    item->head.nextAttempt = record->nextAttempt;
    item->head.domainBytes = static_cast<quint32>(item->domains.size());
    item->head.bodyBytes = static_cast<quint32>(item->body.size());
    frame.items.push_back(std::move(*item));
}

void Compactor::addRemovals(StagedFrame &frame)
{
    while (!m_plan->removals.empty() && frame.items.size() < removalsPerStep) {
        const Removal removal = m_plan->removals.back();
        m_plan->removals.pop_back();
        if (m_index.find(removal.number)) {
            continue;  // The id is in use: the removal was overtaken.
        }
        StagedItem item;
        item.head.kind = ItemKind::Remove;
        item.head.number = removal.number;
        item.head.firstSegment = removal.firstSegment;
        frame.items.push_back(std::move(item));
    }
}

void Compactor::abandon()
{
    m_plan.reset();
    m_finished.reset();
}

std::optional<StagedFrame> Compactor::nextStep()
{
    if (!preparePlan()) {
        return {};
    }
    StagedFrame frame;
    frame.isRelocation = true;
    m_moved.clear();
    qint64 bytes = 0;
    while (!m_plan->entries.empty() && bytes < m_settings.compactStepBytes) {
        const quint64 number = m_plan->entries.back();
        m_plan->entries.pop_back();
        const size_t before = frame.contents.size();
        addEntry(frame, number);
        bytes += frame.contents.size() > before ? frame.contents.back().content.size() : 0;
        bytes += frame.items.empty() ? 0 : frame.items.back().head.totalSize();
    }
    if (m_plan->entries.empty()) {
        addRemovals(frame);
        if (m_plan->removals.empty()) {
            m_finished = m_plan->segment;
            m_plan.reset();
        }
    }
    return frame.items.empty() ? std::nullopt : std::optional(std::move(frame));
}

}  // namespace portcullis::spool
