// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <functional>
#include <vector>

/// The way of requests from many workers to the one process that has the database: a file that all
/// append to, taken away as a whole by the one that applies it. While the database is down requests
/// wait; a full journal loses the new ones, for learning must never hold up mail.
namespace portcullis::spam {

struct JournalLimits {
    qint64 fileBytes = 67'108'864;      ///< Of the file that is being written.
    qsizetype recordBytes = 8'388'608;  ///< Of one record.
    qsizetype batchBytes = 4'194'304;   ///< Of records handed on at a time, one at least.
    qsizetype batchRecords = 256;
};

/// For those that append; any number of processes. Not thread-safe.
class LearnJournal
{
public:
    explicit LearnJournal(const QString &folder, JournalLimits limits = {});

    /// Errors, all transient: `learn.journal-full`, `learn.journal`. Nothing is waited for.
    [[nodiscard]] Status append(QByteArrayView record) const;

private:
    QByteArray m_path;
    JournalLimits m_limits;
};

/// For the one that applies. Only one process at a time.
class JournalDrain
{
public:
    /// Applies a batch as a whole or not at all.
    using Apply = std::function<Status(const std::vector<QByteArray> &records)>;

    explicit JournalDrain(const QString &folder, JournalLimits limits = {});

    /// Hands on what lies in the journal, in order. When `apply` fails, the rest stays for the next
    /// call and its error is returned. True: there was something. Broken records are passed over.
    [[nodiscard]] Result<bool> drain(const Apply &apply);

private:
    [[nodiscard]] Result<bool> take();
    [[nodiscard]] Status applyFrom(QByteArrayView bytes, const Apply &apply);

    QByteArray m_path;
    QByteArray m_takenPath;
    JournalLimits m_limits;
    qint64 m_position = 0;  ///< How much of the taken file has been applied.
};

/// Frames a record; public for tests and fuzzing.
QByteArray journalFrame(QByteArrayView record);
/// The next whole record at or after `position`, which moves behind it; a null view: no more.
QByteArrayView nextJournalRecord(QByteArrayView bytes, qint64 &position, qsizetype recordBytes);

}  // namespace portcullis::spam
