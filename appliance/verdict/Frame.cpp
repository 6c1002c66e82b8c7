// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/Frame.h"

#include <QtCore/QtEndian>

#include <algorithm>

namespace portcullis::verdict {

namespace {

constexpr char frameMagic[] = "PVF1";
constexpr qsizetype frameHeadSize = 16;

Error protocolError(const char *what)
{
    return Error::transient("verdict.protocol", QString::fromLatin1(what));
}

}  // namespace

QByteArray encodeFrameHead(const Frame &frame)
{
    QByteArray bytes(frameMagic);
    const auto append = [&bytes](auto value) {
        const auto swapped = qToBigEndian(value);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the object's own bytes
        bytes.append(reinterpret_cast<const char *>(&swapped), sizeof swapped);
    };
    append(static_cast<quint32>(frame.kind));
    append(static_cast<quint32>(frame.metadata.size()));
    append(static_cast<quint32>(frame.contents.size()));
    for (const mail::Content &content : frame.contents) {
        append(static_cast<quint64>(content.size()));
    }
    return bytes + frame.metadata;
}

FrameReader::FrameReader(QString scratchFolder, FrameLimits limits)
    : m_scratchFolder(std::move(scratchFolder))
    , m_limits(limits)
    , m_builder(m_scratchFolder)
{
}

bool FrameReader::fill(QByteArrayView &bytes, qsizetype wanted)
{
    const qsizetype count = std::min(wanted - m_buffer.size(), bytes.size());
    m_buffer.append(bytes.first(count));
    bytes = bytes.sliced(count);
    return m_buffer.size() == wanted;
}

Status FrameReader::readHead()
{
    if (!m_buffer.startsWith(frameMagic)) {
        return protocolError("the peer does not speak our protocol");
    }
    const auto at = [this](qsizetype offset) {
        return qFromBigEndian<quint32>(m_buffer.constData() + offset);
    };
    const quint32 kind = at(4);
    m_metadataSize = at(8);
    m_contentCount = at(12);
    if (kind < 1 || kind > 3 || m_metadataSize > m_limits.metadata
        || m_contentCount > m_limits.contents) {
        return protocolError("a frame's kind or sizes are out of range");
    }
    m_frame.kind = static_cast<FrameKind>(kind);
    m_buffer.clear();
    m_state = State::Sizes;
    return ok();
}

Status FrameReader::readSizes()
{
    quint64 total = 0;
    for (quint32 i = 0; i < m_contentCount; ++i) {
        const auto size = qFromBigEndian<quint64>(m_buffer.constData() + i * sizeof(quint64));
        total += size;
        if (size > m_limits.contentSize || total > m_limits.totalSize) {
            return protocolError("a content is too large");
        }
        m_sizes.push_back(size);
    }
    m_buffer.clear();
    m_state = State::Metadata;
    return ok();
}

Status FrameReader::beginContents()
{
    m_frame.metadata = std::exchange(m_buffer, {});
    m_state = State::Contents;
    return ok();
}

Status FrameReader::readContents(QByteArrayView &bytes)
{
    while (m_frame.contents.size() < m_sizes.size()) {
        const auto wanted = static_cast<qsizetype>(m_sizes[m_frame.contents.size()]);
        const qsizetype count = std::min(wanted - m_builder.size(), bytes.size());
        TRY(m_builder.append(bytes.first(count)));
        bytes = bytes.sliced(count);
        if (m_builder.size() < wanted) {
            return ok();
        }
        m_frame.contents.push_back(TRY(m_builder.finish()));
        m_builder = mail::ContentBuilder(m_scratchFolder);
    }
    m_state = State::Complete;
    return ok();
}

Status FrameReader::feed(QByteArrayView bytes)
{
    if (m_state == State::Head && fill(bytes, frameHeadSize)) {
        TRY(readHead());
    }
    if (m_state == State::Sizes
        && fill(bytes, static_cast<qsizetype>(m_contentCount * sizeof(quint64)))) {
        TRY(readSizes());
    }
    if (m_state == State::Metadata && fill(bytes, m_metadataSize)) {
        TRY(beginContents());
    }
    if (m_state == State::Contents) {
        TRY(readContents(bytes));
    }
    return bytes.isEmpty() ? ok() : Status(protocolError("bytes after the end of a frame"));
}

}  // namespace portcullis::verdict
