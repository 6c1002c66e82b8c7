// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <functional>
#include <memory>

namespace portcullis::spam {

/// A pattern of ours over octets, for replacing. Immutable; used on many threads.
class ByteRegex
{
public:
    /// A broken pattern is a bug of ours.
    explicit ByteRegex(const char *pattern);
    ~ByteRegex();
    Q_DISABLE_COPY_MOVE(ByteRegex)

    /// Groups of a match: 0 is the whole.
    using Group = std::function<QByteArrayView(int number)>;
    using Replacement = std::function<QByteArray(const Group &group)>;
    [[nodiscard]] QByteArray replaceAll(const QByteArray &text, const Replacement &by) const;
    [[nodiscard]] QByteArray replaceAll(const QByteArray &text, const QByteArray &by) const;
    [[nodiscard]] QByteArray replaceFirst(const QByteArray &text, const QByteArray &by) const;

private:
    [[nodiscard]] QByteArray replace(const QByteArray &text,
                                     const Replacement &by,
                                     bool isOnce) const;
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::spam
