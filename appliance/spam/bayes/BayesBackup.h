// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesStore.h"

#include <functional>

class QIODevice;

/// The text format of `sa-learn --backup` and `--restore`: what was learnt, a line a token and message.
namespace portcullis::spam {

struct BackupLimits {
    qsizetype lineBytes = 4'096;  ///< Longer lines are no lines of a backup.
    qint64 tokens = 20'000'000;   ///< A larger backup is refused.
    qsizetype chunk = 20'000;     ///< Lines stored at a time.
};

struct RestoredBackup {
    LearntMessages messages;
    qint64 tokens = 0;
    qint64 seen = 0;
    qint64 skipped = 0;  ///< Lines that say nothing we know, or nothing at all.
};

/// Called now and then with the number of lines read or written.
using BackupProgress = std::function<void(qint64 lines)>;

/// Replaces what this node has learnt by the backup: all of it, or nothing when something is wrong.
/// Errors: `bayes.backup` (permanent: no backup, or not of versions 2 and 3), those of the store.
Result<RestoredBackup> restoreBackup(QIODevice &from,
                                     BayesStore &store,
                                     qint64 now,
                                     const BackupProgress &progress = {},
                                     const BackupLimits &limits = {});

/// Writes a backup of version 3 that sa-learn reads. Error `bayes.backup-write` (transient).
Result<qint64> writeBackup(QIODevice &to, BayesStore &store, const BackupProgress &progress = {});

}  // namespace portcullis::spam
