// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineEntry.h"
#include "shared/base/Result.h"

#include <optional>
#include <vector>

namespace portcullis::quarantine {

/// Where one page of entries ended; ask with it for the next.
struct EntryCursor {
    Clock::WallTime receivedAt{};
    EntryId id;
};

/// Which entries to list, newest first. What is not set does not filter.
struct EntryQuery {
    std::optional<QuarantineKind> kind;
    QString mailbox;  ///< Exact, ignoring case.
    std::optional<Clock::WallTime> since;
    std::optional<Clock::WallTime> until;  ///< Exclusive.
    std::optional<EntryStatus> status = EntryStatus::New;
    QString search;    ///< Part of subject, sender, From or recipient, ignoring case.
    int limit = 2000;  ///< 1 … 10000.
    std::optional<EntryCursor> after;
};

/// What is done to an entry; each is an event of its own that any node may write.
enum class EntryMark : char {
    Delivered = 'D',
    Deleted = 'X',
    Restored = 'N',
    Seen = 's',
    Unseen = 'u'
};

/// Mail older than this may go (see Retention.h).
struct PurgeBounds {
    Clock::WallTime spam{};   ///< For spam and attachments, `spamquar/lifetime`.
    Clock::WallTime virus{};  ///< For viruses and filter failures, `virusquar/lifetime`.
};

struct KindCount {
    QuarantineKind kind = QuarantineKind::Spam;
    qint64 mails = 0;        ///< Messages kept.
    qint64 entries = 0;      ///< Recipients' entries, whatever their status.
    qint64 newEntries = 0;   ///< Neither delivered nor deleted.
    qint64 bytes = 0;        ///< Of the messages as they came.
    qint64 storedBytes = 0;  ///< Compressed, as kept.
};

/// Keeps quarantined mail. A message's bytes are stored once, whatever the number of recipients.
///
/// Errors: `quarantine.unavailable` (transient): the database cannot be reached or is busy.
/// `quarantine.unstorable` (permanent): this batch cannot be stored; trying again is of no use.
/// `quarantine.no-entry` (permanent): the id names nothing. `quarantine.damaged` (permanent): the
/// stored bytes do not check out.
class QuarantineStore
{
public:
    virtual ~QuarantineStore() = default;

    /// Stores all or nothing. An entry whose key is there already is left as it is.
    virtual Status insert(const std::vector<NewEntry> &entries) = 0;

    virtual Result<std::vector<Entry>> list(const EntryQuery &query) = 0;
    virtual Result<Entry> entry(const EntryId &id) = 0;
    virtual Result<QByteArray> content(const EntryId &id) = 0;

    /// `who` is the administrator or mailbox owner, for the record.
    virtual Status mark(const std::vector<EntryId> &ids, EntryMark mark, const QString &who) = 0;

    /// Removes mails that are older than the bounds, at most `limit`; says how many went. Call
    /// until it gives 0. Small steps keep the replication log short.
    virtual Result<int> purge(const PurgeBounds &bounds, int limit = 200) = 0;

    virtual Result<std::vector<KindCount>> counts() = 0;
};

}  // namespace portcullis::quarantine
