// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineStore.h"
#include "appliance/spool/Spool.h"

namespace portcullis::archivist {

/// Moves spool entries of Stage::Quarantine to the quarantine, a batch a call. Used on one thread,
/// which may block.
///
/// An entry leaves the spool after its mail was committed, never before. One that the store refuses
/// for good, or whose bytes are damaged, is held in the spool, where `pmgqueue` shows and releases it.
class QuarantineMover
{
public:
    QuarantineMover(spool::Spool &spool,
                    quarantine::QuarantineStore &store,
                    int mailsPerBatch,
                    qint64 bytesPerBatch);

    /// Whether more waits right now. Errors: `quarantine.unavailable`, those of the spool, and
    /// `archivist.refused` if the store refuses mail after mail.
    Result<bool> move();

    [[nodiscard]] qint64 movedMails() const { return m_moved; }

private:
    using Mails = std::vector<quarantine::NewEntry>;
    Result<Mails> loadBatch(const std::vector<spool::EntrySummary> &waiting);
    Status store(const Mails &mails, size_t first, size_t last);
    Status hold(const QByteArray &id, const Error &why);

    spool::Spool &m_spool;
    quarantine::QuarantineStore &m_store;
    int m_mailsPerBatch;
    qint64 m_bytesPerBatch;
    qint64 m_moved = 0;
    int m_refusedInBatch = 0;
};

}  // namespace portcullis::archivist
