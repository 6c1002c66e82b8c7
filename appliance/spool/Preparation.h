// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Spool.h"
#include "appliance/spool/Transaction.h"
#include "shared/base/Result.h"

#include <vector>

namespace portcullis::spool {

/// Bytes that a frame is to carry, each content once.
struct NewContent {
    mail::Content content;
    quint32 crc = 0;
};

/// A transaction with all the work done that needs no order: checked, encoded, summed up. This runs
/// in the thread that commits, so that the one committer thread has little left to do.
struct Prepared {
    struct Change {
        quint64 number = 0;
        Transaction::Action action;
        /// @name For Transaction::Add
        /// @{
        QByteArray domains;
        QByteArray body;
        quint32 bodyCrc = 0;
        int content = -1;  ///< Index into contents; -1: that of the entry `contentOf`.
        quint64 contentOf = 0;
        /// @}
    };
    std::vector<Change> changes;
    std::vector<NewContent> contents;
    bool addsEntries = false;
};

class Preparation
{
public:
    explicit Preparation(const SpoolSettings &settings)
        : m_settings(settings)
    {
    }
    /// Errors: `spool.invalid`, `spool.too-large` (permanent).
    Result<Prepared> prepare(Transaction transaction) const;

private:
    Status prepareAdd(Transaction::Add &add, Prepared &prepared, Prepared::Change &change) const;

    const SpoolSettings &m_settings;
};

}  // namespace portcullis::spool
