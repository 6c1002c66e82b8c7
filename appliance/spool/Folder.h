// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/SegmentFile.h"
#include "appliance/spool/Spool.h"

#include <mutex>
#include <vector>

namespace portcullis::spool {

/// The folder of the queue: lock, identity, segments, and what was set aside in corrupt/.
///
/// Thread-safe where a function says so; the rest belongs to open() and then to the committer.
class Folder
{
public:
    /// Makes the folder if needed, takes the lock (not for reading only), reads the identity.
    static Result<std::unique_ptr<Folder>> open(const SpoolSettings &settings);

    [[nodiscard]] quint64 spoolId() const { return m_spoolId; }

    /// Ids below this were reserved by earlier processes.
    [[nodiscard]] quint64 reservedIds() const { return m_identity.reservedIds; }
    /// Makes sure that no later process gives an id below `number`. Overwrites in place, so that it
    /// works on a full disk.
    Status reserveIds(quint64 number);

    /// The segments there are, oldest first. What does not belong here is set aside on the way.
    Result<std::vector<std::shared_ptr<SegmentFile>>> openSegments();

    /// A new segment with `bytes` reserved, smaller if the disk is short, but at least `minBytes`.
    /// `mayUseReserve`: give up the emergency reserve for it (removals must work on a full disk).
    Result<std::shared_ptr<SegmentFile>> createSegment(qint64 bytes,
                                                       qint64 minBytes,
                                                       bool mayUseReserve);
    /// The name is durably gone when this returns.
    Status removeSegment(quint64 number);
    void keepReserve();  ///< Makes the emergency reserve again, if there is room for it.

    /// Free bytes for us and whether another file can be made. Thread-safe.
    struct Room {
        qint64 bytes = 0;
        bool hasInodes = true;
    };
    [[nodiscard]] Room room() const;

    /// Copies a range of a segment to corrupt/, logs and remembers it. Thread-safe.
    void setAside(const SegmentFile &file, Damage damage);
    [[nodiscard]] std::vector<Damage> damages() const;  ///< Thread-safe.

private:
    struct Identity {
        quint64 spoolId = 0;
        quint64 generation = 0;
        quint64 reservedIds = 0;
        quint64 nextSegment = 1;
    };
    explicit Folder(const SpoolSettings &settings);
    Status takeLock();
    Status readIdentity();
    Status createIdentity(quint64 spoolId);
    Status writeIdentity();
    quint64 adoptSpoolId() const;
    Status syncFolder() const;
    void moveAside(const QByteArray &name, const QString &reason);
    void remember(Damage damage);
    static QByteArray segmentName(quint64 number);

    SpoolSettings m_settings;
    Descriptor m_folder;
    Descriptor m_corrupt;
    Descriptor m_lock;
    Descriptor m_identityFile;
    Identity m_identity;
    quint64 m_spoolId = 0;
    bool m_hasReserve = false;

    mutable std::mutex m_mutex;  ///< Guards what follows.
    std::vector<Damage> m_damages;
    qint64 m_setAsideBytes = 0;
};

}  // namespace portcullis::spool
