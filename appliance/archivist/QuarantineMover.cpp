// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archivist/QuarantineMover.h"

#include "appliance/base/Log.h"
#include "appliance/quarantine/QuarantineNote.h"

namespace portcullis::archivist {

namespace {

constexpr int maxMailsRefusedPerBatch = 8;

quarantine::NewEntry newEntryOf(const spool::Entry &entry)
{
    const auto note = quarantine::QuarantineNote::fromJson(entry.note);
    quarantine::NewEntry mail;
    mail.key = entry.id;
    mail.queueId = note.queueId.isEmpty() ? entry.id : note.queueId;
    mail.kind = note.kind;
    mail.direction = entry.direction;
    mail.receivedAt = entry.receivedAt;
    mail.sender = entry.envelope.sender.toString();
    for (const mail::Recipient &recipient : entry.envelope.recipients) {
        mail.recipients.push_back(recipient.address.toString());
    }
    mail.subject = note.subject;
    mail.fromHeader = note.fromHeader;
    mail.spamLevel = note.spamLevel;
    mail.virus = note.virus;
    mail.rule = note.rule;
    mail.evidence = note.evidence;
    mail.content = entry.content;
    return mail;
}

}  // namespace

QuarantineMover::QuarantineMover(spool::Spool &spool,
                                 quarantine::QuarantineStore &store,
                                 int mailsPerBatch,
                                 qint64 bytesPerBatch)
    : m_spool(spool)
    , m_store(store)
    , m_mailsPerBatch(mailsPerBatch)
    , m_bytesPerBatch(bytesPerBatch)
{
}

Result<bool> QuarantineMover::move()
{
    const spool::Page page = m_spool.list(spool::Stage::Quarantine, {}, m_mailsPerBatch);
    if (page.entries.empty()) {
        return false;
    }
    const Mails mails = TRY(loadBatch(page.entries));
    if (!mails.empty()) {
        m_refusedInBatch = 0;
        TRY(store(mails, 0, mails.size()));
    }
    return true;
}

Result<QuarantineMover::Mails> QuarantineMover::loadBatch(
    const std::vector<spool::EntrySummary> &waiting)
{
    Mails mails;
    qint64 bytes = 0;
    for (const spool::EntrySummary &summary : waiting) {
        if (!mails.empty() && bytes + summary.size > m_bytesPerBatch) {
            break;
        }
        auto entry = m_spool.load(summary.id);
        if (entry) {
            bytes += summary.size;
            mails.push_back(newEntryOf(*entry));
        } else if (entry.error().isTransient()) {
            return entry.error();
        } else if (entry.error().id != "spool.unknown-entry") {
            TRY(hold(summary.id, entry.error()));
        }
    }
    return mails;
}

/// Stores mails [first, last) and takes them off the spool; refused ones are found by halving.
// NOLINTNEXTLINE(misc-no-recursion) depth is the logarithm of the batch size
Status QuarantineMover::store(const Mails &mails, size_t first, size_t last)
{
    const bool isWhole = last - first == mails.size();
    const Status stored = isWhole ? m_store.insert(mails)
                                  : m_store.insert({mails.begin() + static_cast<ptrdiff_t>(first),
                                                    mails.begin() + static_cast<ptrdiff_t>(last)});
    if (stored) {
        spool::Transaction removal;
        for (size_t i = first; i < last; ++i) {
            removal.remove(mails[i].key);
        }
        // Lazy is enough: an entry that comes back after a crash is known by its key.
        TRY(m_spool.commitAndWait(std::move(removal), spool::Durability::Lazy));
        m_moved += static_cast<qint64>(last - first);
        return ok();
    }
    if (stored.error().isTransient()) {
        return stored;
    }
    if (last - first > 1) {
        const size_t middle = first + (last - first) / 2;
        TRY(store(mails, first, middle));
        return store(mails, middle, last);
    }
    if (++m_refusedInBatch > maxMailsRefusedPerBatch) {
        return Error::transient("archivist.refused", stored.error().toString());
    }
    return hold(mails[first].key, stored.error());
}

Status QuarantineMover::hold(const QByteArray &id, const Error &why)
{
    log::write(log::Severity::Error, "archivist.mail-refused", id,
               {{"reason", why.toString().toUtf8()}});
    spool::Transaction holding;
    holding.hold(id, "cannot be stored in the quarantine: " + why.toString().toUtf8());
    return m_spool.commitAndWait(std::move(holding));
}

}  // namespace portcullis::archivist
