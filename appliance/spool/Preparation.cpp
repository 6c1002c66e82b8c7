// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Preparation.h"

#include "appliance/spool/Crc32c.h"
#include "appliance/spool/EntryCodec.h"
#include "appliance/spool/Frame.h"

namespace portcullis::spool {

namespace {

Result<quint64> numberFrom(const QByteArray &id)
{
    if (const auto number = numberOf(id)) {
        return *number;
    }
    return Error::permanent("spool.invalid",
                            QStringLiteral("'%1' is no queue id").arg(QString::fromLatin1(id)));
}

/// The index of the same bytes among `contents`, which they join if they are new.
int shareContent(std::vector<NewContent> &contents, const mail::Content &content)
{
    for (size_t i = 0; i < contents.size(); ++i) {
        const QByteArrayView known = contents[i].content.view();
        if (known.data() == content.view().data() && known.size() == content.size()) {
            return static_cast<int>(i);
        }
    }
    const quint32 crc = crc32c(content.view());
    for (size_t i = 0; i < contents.size(); ++i) {
        if (contents[i].crc == crc && contents[i].content.view() == content.view()) {
            return static_cast<int>(i);
        }
    }
    contents.push_back({content, crc});
    return static_cast<int>(contents.size()) - 1;
}

}  // namespace

Status Preparation::prepareAdd(Transaction::Add &add,
                               Prepared &prepared,
                               Prepared::Change &change) const
{
    Entry &entry = *add.entry;
    const size_t recipients = entry.envelope.recipients.size();
    if (recipients == 0 || recipients > static_cast<size_t>(EntryLimits::recipients)) {
        return Error::permanent("spool.invalid",
                                QStringLiteral("an entry with %1 recipients").arg(recipients));
    }
    if (!entry.progress.empty() && entry.progress.size() != recipients) {
        return Error::permanent("spool.invalid",
                                QStringLiteral("progress does not fit the recipients"));
    }
    if (entry.note.size() > EntryLimits::noteBytes) {
        return Error::permanent("spool.too-large",
                                QStringLiteral("a note of %1 bytes").arg(entry.note.size()));
    }
    normalise(entry);
    change.domains = pendingDomains(entry);
    change.body = encodeBody(entry);
    change.bodyCrc = crc32c(change.body, crc32c(change.domains));
    if (add.contentOf.isEmpty()) {
        change.content = shareContent(prepared.contents, entry.content);
    } else {
        change.contentOf = TRY(numberFrom(add.contentOf));
    }
    prepared.addsEntries = true;
    return ok();
}

Result<Prepared> Preparation::prepare(Transaction transaction) const
{
    Prepared prepared;
    prepared.changes.reserve(transaction.m_changes.size());
    for (Transaction::Change &from : transaction.m_changes) {
        Prepared::Change change;
        change.number = TRY(numberFrom(from.id));
        if (auto *add = std::get_if<Transaction::Add>(&from.action)) {
            TRY(prepareAdd(*add, prepared, change));
        } else if (const auto *move = std::get_if<Transaction::MoveTo>(&from.action);
                   move != nullptr && move->stage == Stage::Held) {
            return Error::permanent("spool.invalid", QStringLiteral("use hold() to hold"));
        } else if (const auto *note = std::get_if<Transaction::SetNote>(&from.action);
                   note != nullptr && note->note.size() > EntryLimits::noteBytes) {
            return Error::permanent("spool.too-large",
                                    QStringLiteral("a note of %1 bytes").arg(note->note.size()));
        }
        change.action = std::move(from.action);
        prepared.changes.push_back(std::move(change));
    }
    qint64 bytes = 0;
    for (const NewContent &content : prepared.contents) {
        bytes += content.content.size();
    }
    if (bytes > m_settings.maxTransactionBytes) {
        return Error::permanent("spool.too-large",
                                QStringLiteral("a transaction of %1 bytes").arg(bytes));
    }
    return prepared;
}

}  // namespace portcullis::spool
