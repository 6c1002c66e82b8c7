// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Frame.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <sys/uio.h>

#include <memory>
#include <span>

namespace portcullis::spool {

/// `spool.full` for what more space would cure (ENOSPC, EDQUOT, EFBIG), `spool.storage` for the rest.
[[nodiscard]] Error storageError(const QString &what, int errorNumber);

/// Closes a file descriptor at its end.
class Descriptor
{
public:
    explicit Descriptor(int number = -1)
        : m_number(number)
    {
    }
    ~Descriptor();
    Descriptor(Descriptor &&other) noexcept
        : m_number(std::exchange(other.m_number, -1))
    {
    }
    Descriptor &operator=(Descriptor &&other) noexcept
    {
        std::swap(m_number, other.m_number);
        return *this;
    }
    [[nodiscard]] int get() const { return m_number; }
    [[nodiscard]] bool isOpen() const { return m_number >= 0; }

private:
    int m_number;
};

/// Bytes that a SegmentReader walks through: a file, or memory in tests.
class SegmentSource
{
public:
    virtual ~SegmentSource() = default;
    [[nodiscard]] virtual qint64 size() const = 0;
    /// Up to `length` bytes from `offset`; fewer only at the end. Errors: `spool.storage`.
    [[nodiscard]] virtual Result<QByteArray> read(qint64 offset, qint64 length) const = 0;
};

/// One segment of the log, open. Reading is thread-safe; writing belongs to the committer.
class SegmentFile final : public SegmentSource
{
public:
    SegmentFile(Descriptor file, quint64 number, qint64 size);

    [[nodiscard]] quint64 number() const { return m_number; }
    [[nodiscard]] int descriptor() const { return m_file.get(); }

    [[nodiscard]] qint64 size() const override { return m_size; }
    [[nodiscard]] Result<QByteArray> read(qint64 offset, qint64 length) const override;

    /// The range with its CRC-32C checked; mapped if it is large. Errors: `spool.damaged`,
    /// `spool.storage`. The result keeps the file open.
    static Result<mail::Content> content(const std::shared_ptr<const SegmentFile> &file,
                                         const ContentPlace &place);

    /// Writes all pieces from `offset` on. `pieces` is used up.
    [[nodiscard]] Status write(std::span<iovec> pieces, qint64 offset) const;
    [[nodiscard]] Status flush() const;
    [[nodiscard]] Status truncate(qint64 size) const;

private:
    Descriptor m_file;
    quint64 m_number;
    qint64 m_size;  ///< When it was opened or made: with the space reserved.
};

}  // namespace portcullis::spool
