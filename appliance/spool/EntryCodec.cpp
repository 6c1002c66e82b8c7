// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/EntryCodec.h"

#include "appliance/mail/Serialize.h"

#include <QtCore/QDataStream>

#include <algorithm>

namespace portcullis::spool {

namespace {

/// Entries without session evidence are written as before, so that an older release reads them.
constexpr quint8 plainVersion = 1;
constexpr quint8 evidenceWithoutHeloVersion = 2;  ///< Read, not written any more.
constexpr quint8 evidenceVersion = 3;
constexpr qsizetype maxDomainBytes = 64 * 1024;  ///< Beyond, the list of domains is incomplete.

qint64 micros(Clock::WallTime time)
{
    return time.time_since_epoch().count();
}

Clock::WallTime wallTime(qint64 count)
{
    return Clock::WallTime(std::chrono::microseconds(count));
}

void cut(QByteArray &text, int limit)
{
    if (text.size() > limit) {
        text.truncate(limit);
    }
}

void writeProgress(QDataStream &out, const RecipientProgress &progress)
{
    out << static_cast<quint8>(progress.state) << progress.attempts << micros(progress.lastAttempt)
        << progress.lastReply << progress.nextHop << progress.isDelayReported;
}

void readProgress(QDataStream &in, RecipientProgress &progress)
{
    quint8 state = 0;
    qint64 lastAttempt = 0;
    in >> state >> progress.attempts >> lastAttempt >> progress.lastReply >> progress.nextHop
        >> progress.isDelayReported;
    if (state > 2) {
        in.setStatus(QDataStream::ReadCorruptData);
    }
    progress.state = static_cast<RecipientState>(state);
    progress.lastAttempt = wallTime(lastAttempt);
}

void readHistory(QDataStream &in, std::vector<HistoryLine> &history)
{
    quint32 count = 0;
    in >> count;
    history.clear();
    for (quint32 i = 0; i < count && in.status() == QDataStream::Ok; ++i) {
        qint64 time = 0;
        HistoryLine line;
        in >> time >> line.text;
        line.time = wallTime(time);
        history.push_back(std::move(line));
    }
}

}  // namespace

QByteArray nameOf(Stage stage)
{
    switch (stage) {
    case Stage::Unfiltered:
        return "unfiltered";
    case Stage::Deliverable:
        return "deliverable";
    case Stage::Quarantine:
        return "quarantine";
    case Stage::Held:
        return "held";
    }
    return "unknown";
}

QByteArray nameOf(RecipientState state)
{
    switch (state) {
    case RecipientState::Pending:
        return "pending";
    case RecipientState::Delivered:
        return "delivered";
    case RecipientState::Failed:
        return "failed";
    }
    return "unknown";
}

QByteArray encodeBody(const Entry &entry)
{
    QByteArray bytes;
    bytes.reserve(512);
    QDataStream out(&bytes, QIODevice::WriteOnly);
    out.setVersion(QDataStream::Qt_6_4);
    out << (entry.session.isEmpty() ? plainVersion : evidenceVersion)
        << static_cast<quint8>(entry.heldFrom) << entry.client << entry.envelope;
    // Fresh entries, the common case, spend four bytes on their recipients' progress.
    const bool isUntouched = std::all_of(
        entry.progress.begin(), entry.progress.end(),
        [](const RecipientProgress &one) { return one == RecipientProgress{}; });
    out << static_cast<quint32>(isUntouched ? 0 : entry.progress.size());
    if (!isUntouched) {
        for (const RecipientProgress &progress : entry.progress) {
            writeProgress(out, progress);
        }
    }
    out << entry.filterAttempts << entry.origin << entry.note << entry.reason;
    out << static_cast<quint32>(entry.history.size());
    for (const HistoryLine &line : entry.history) {
        out << micros(line.time) << line.text;
    }
    if (!entry.session.isEmpty()) {
        out << entry.session;
    }
    return bytes;
}

Status decodeBody(QByteArrayView bytes, Entry &entry)
{
    const QByteArray raw = QByteArray::fromRawData(bytes.data(), bytes.size());
    QDataStream in(raw);
    in.setVersion(QDataStream::Qt_6_4);
    quint8 version = 0;
    quint8 heldFrom = 0;
    quint32 progressCount = 0;
    in >> version;
    if (in.status() != QDataStream::Ok || version < plainVersion || version > evidenceVersion) {
        return Error::permanent("spool.damaged",
                                QStringLiteral("metadata of unknown version %1").arg(version));
    }
    in >> heldFrom >> entry.client >> entry.envelope >> progressCount;
    const auto recipients = static_cast<quint32>(entry.envelope.recipients.size());
    if (in.status() != QDataStream::Ok || heldFrom >= stageCount
        || (progressCount != 0 && progressCount != recipients)) {
        return Error::permanent("spool.damaged", QStringLiteral("metadata cannot be read"));
    }
    entry.heldFrom = static_cast<Stage>(heldFrom);
    entry.progress.assign(recipients, {});
    for (quint32 i = 0; i < progressCount && in.status() == QDataStream::Ok; ++i) {
        readProgress(in, entry.progress[i]);
    }
    in >> entry.filterAttempts >> entry.origin >> entry.note >> entry.reason;
    readHistory(in, entry.history);
    if (version == evidenceVersion) {
        in >> entry.session;
    } else if (version == evidenceWithoutHeloVersion) {
        verdict::readEvidenceWithoutHelo(in, entry.session);
    }
    if (in.status() != QDataStream::Ok) {
        return Error::permanent("spool.damaged", QStringLiteral("metadata cannot be read"));
    }
    return ok();
}

QByteArray pendingDomains(const Entry &entry)
{
    std::vector<QByteArray> domains;
    for (size_t i = 0; i < entry.envelope.recipients.size(); ++i) {
        if (i < entry.progress.size() && entry.progress[i].state != RecipientState::Pending) {
            continue;
        }
        domains.push_back(entry.envelope.recipients[i].address.domain().toLower());
    }
    if (domains.size() == 1) {
        return domains.front();
    }
    std::sort(domains.begin(), domains.end());
    domains.erase(std::unique(domains.begin(), domains.end()), domains.end());
    QByteArray joined;
    for (const QByteArray &domain : domains) {
        if (joined.size() + domain.size() >= maxDomainBytes) {
            break;
        }
        if (!joined.isEmpty()) {
            joined += ' ';
        }
        joined += domain;
    }
    return joined;
}

void normalise(Entry &entry)
{
    entry.progress.resize(entry.envelope.recipients.size());
    for (RecipientProgress &progress : entry.progress) {
        cut(progress.lastReply, EntryLimits::replyBytes);
        cut(progress.nextHop, EntryLimits::replyBytes);
    }
    cut(entry.reason, EntryLimits::replyBytes);
    cut(entry.origin, EntryLimits::replyBytes);
    constexpr auto keep = static_cast<size_t>(EntryLimits::historyLines);
    if (entry.history.size() > keep) {
        entry.history.erase(entry.history.begin(),
                            entry.history.end() - static_cast<std::ptrdiff_t>(keep));
    }
    for (HistoryLine &line : entry.history) {
        cut(line.text, EntryLimits::historyBytes);
    }
}

EntrySummary summaryOf(const Entry &entry)
{
    return {entry.id,          entry.stage,          entry.direction,      entry.receivedAt,
            entry.nextAttempt, entry.content.size(), pendingDomains(entry)};
}

}  // namespace portcullis::spool
