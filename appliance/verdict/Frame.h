// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>

#include <vector>

/// Framing of the private protocol between pmg-smtpd and pmg-smtp-filter: one request and one
/// answer a connection. Layout, big-endian: magic "PVF1", u32 kind, u32 length of the metadata,
/// u32 number of contents, u64 length of each content; then the metadata, then the contents.
namespace portcullis::verdict {

enum class FrameKind : quint32 { Request = 1, Response = 2, Failure = 3 };

struct Frame {
    FrameKind kind = FrameKind::Failure;
    QByteArray metadata;
    std::vector<mail::Content> contents;
};

/// What a peer may send. Both ends are ours, but the filter handles hostile mail and may be taken
/// over: smtpd does not trust its sizes.
struct FrameLimits {
    quint32 metadata = 64 * 1024 * 1024;  ///< Bytes; evidence and macros of 1,000 recipients fit.
    quint32 contents = 10'000;            ///< Copies of one message, at most one a recipient.
    quint64 contentSize = 1ULL << 31;     ///< Bytes of one content.
    quint64 totalSize = 1ULL << 33;       ///< Bytes of all contents.
};

/// The bytes in front of the contents; the contents follow as they are.
QByteArray encodeFrameHead(const Frame &frame);

/// Puts a frame together from pieces as they arrive. Not thread-safe.
class FrameReader
{
public:
    explicit FrameReader(QString scratchFolder, FrameLimits limits = {});

    /// Takes bytes. Errors: `verdict.protocol` (bad magic, limit exceeded, bytes after the end),
    /// `content.storage`. After an error the connection must be closed.
    Status feed(QByteArrayView bytes);
    [[nodiscard]] bool isComplete() const { return m_state == State::Complete; }
    [[nodiscard]] Frame take() { return std::move(m_frame); }

private:
    enum class State { Head, Sizes, Metadata, Contents, Complete };

    bool fill(QByteArrayView &bytes, qsizetype wanted);
    Status readHead();
    Status readSizes();
    Status readContents(QByteArrayView &bytes);
    Status beginContents();

    QString m_scratchFolder;
    FrameLimits m_limits;
    State m_state = State::Head;
    QByteArray m_buffer;
    Frame m_frame;
    quint32 m_metadataSize = 0;
    quint32 m_contentCount = 0;
    std::vector<quint64> m_sizes;
    mail::ContentBuilder m_builder;
};

}  // namespace portcullis::verdict
