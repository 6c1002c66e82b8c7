// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <memory>
#include <vector>

namespace portcullis::mail {

/// The bytes of one message: header and body with CRLF line endings, no dot-stuffing.
///
/// Immutable and implicitly shared; cheap to copy, safe to read from several threads. Small messages
/// lie in memory, large ones in an unnamed file that is mapped, so that memory stays flat.
class Content
{
public:
    Content() = default;
    explicit Content(QByteArray bytes);

    /// Joins the pieces without copying them together first (trace headers + message).
    static Content joined(const std::vector<QByteArrayView> &pieces);

    [[nodiscard]] QByteArrayView view() const { return m_view; }
    [[nodiscard]] qint64 size() const { return m_view.size(); }
    [[nodiscard]] bool isEmpty() const { return m_view.isEmpty(); }
    [[nodiscard]] QByteArray toByteArray() const { return m_view.toByteArray(); }

    struct Mapping;  ///< A mapped file or memory block that keeps the view alive.
    Content(std::shared_ptr<const Mapping> mapping, QByteArrayView view);
    /// Bytes that somebody else keeps valid and unchanged for as long as `keepAlive` lives.
    Content(std::shared_ptr<const void> keepAlive, QByteArrayView view);

private:
    std::shared_ptr<const void> m_keepAlive;
    QByteArrayView m_view;
};

/// Collects a message while it arrives. Not thread-safe.
class ContentBuilder
{
public:
    /// Beyond `memoryLimit` bytes the message moves to an unnamed file in `scratchFolder`.
    explicit ContentBuilder(QString scratchFolder, qint64 memoryLimit = 256 * 1024);
    ~ContentBuilder();
    ContentBuilder(ContentBuilder &&other) noexcept;
    ContentBuilder &operator=(ContentBuilder &&other) noexcept;

    /// Errors: `content.storage` (transient), e.g. disk full; the builder is then useless.
    Status append(QByteArrayView bytes);
    [[nodiscard]] qint64 size() const { return m_size; }

    /// Ends the collection and gives the bytes; the builder is empty afterwards.
    Result<Content> finish();

private:
    Status spill();

    QString m_scratchFolder;
    qint64 m_memoryLimit;
    qint64 m_size = 0;
    QByteArray m_memory;
    int m_file = -1;
};

}  // namespace portcullis::mail
