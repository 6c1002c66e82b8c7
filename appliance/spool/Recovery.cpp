// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Recovery.h"

#include "appliance/spool/SegmentReader.h"

namespace portcullis::spool {

namespace {

constexpr size_t publishStep = 1024;  ///< Entries that go into the index under one lock.

}  // namespace

void Recovery::readSegment(const SegmentFile &file)
{
    const quint64 segment = file.number();
    const auto onItem = [this, segment](const SegmentReader::Item &item) {
        const auto known = m_found.find(item.head.number);
        if (known != m_found.end()) {
            m_names.release(known->second.domains);
        }
        if (item.head.kind == ItemKind::Remove) {
            m_index.noteRemoval(segment, item.head.firstSegment);
            if (known != m_found.end()) {
                m_found.erase(known);
            }
            return;
        }
        m_found[item.head.number] = {Record::of(item.head, segment, item.offset),
                                     m_names.acquire(item.domains.toByteArray())};
    };
    const auto onDefect = [this, &file](qint64 from, qint64 to, SegmentReader::Defect defect) {
        Damage damage;
        damage.file = QStringLiteral("%1.seg").arg(file.number(), 10, 10, QLatin1Char('0'));
        damage.offset = from;
        damage.length = to - from;
        damage.reason = defect == SegmentReader::Defect::Damaged
                            ? QStringLiteral("no valid record")
                            : QStringLiteral("unfinished or damaged write at the end of the log");
        m_folder.setAside(file, std::move(damage));
    };
    SegmentReader reader(file, segment, m_folder.spoolId());
    const SegmentReader::Outcome outcome = reader.walk(onItem, onDefect);
    if (!outcome.hasHeader && outcome.usedEnd > SegmentHeader::size && !m_isReadOnly) {
        Damage damage;
        damage.file = QStringLiteral("%1.seg").arg(segment, 10, 10, QLatin1Char('0'));
        damage.length = SegmentHeader::size;
        damage.reason = QStringLiteral("the head of the segment is damaged; its records are read");
        m_folder.setAside(file, std::move(damage));
    }
    if (!m_isReadOnly && outcome.usedEnd < file.size()) {
        (void)file.truncate(outcome.usedEnd).has_value();  // Only to give space back.
    }
    m_index.noteUsed(segment, outcome.usedEnd, true);  // Kept until all is read.
}

void Recovery::publish(const std::atomic<bool> &stop)
{
    std::vector<Index::Update> updates;
    updates.reserve(publishStep);
    for (auto at = m_found.begin(); at != m_found.end() && !stop;) {
        updates.push_back({at->first, at->second.record, m_names.name(at->second.domains)});
        at = m_found.erase(at);
        if (updates.size() == publishStep || at == m_found.end()) {
            m_index.apply(updates, false);
            updates.clear();
        }
    }
}

void Recovery::run(const std::vector<std::shared_ptr<SegmentFile>> &segments,
                   const std::atomic<bool> &stop)
{
    for (const auto &file : segments) {
        if (stop) {
            return;
        }
        readSegment(*file);
    }
    publish(stop);
    if (stop) {
        return;
    }
    for (const auto &file : segments) {
        m_index.sealSegment(file->number());
    }
}

}  // namespace portcullis::spool
