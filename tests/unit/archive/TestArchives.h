// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QList>

/// Archives made byte by byte, so that tests can make them lie.
namespace portcullis::archive::testing {

/// One member of a ZIP file and what its two descriptions say of it.
struct ZipPart {
    QByteArray name;
    QByteArray content;
    QByteArray localName = {};  ///< Empty: as `name`.
    quint16 flags = 0;
    bool isListed = true;     ///< In the central directory.
    bool isDeflated = false;  ///< Else stored.
    qint64 claimedSize = -1;  ///< -1: the truth.
    QByteArray packed = {};   ///< Instead of what `content` gives.
};

void appendNumber(QByteArray &bytes, quint64 value, int size);

/// Writes members one after another and a directory behind them (APPNOTE.TXT 4.3).
class ZipWriter
{
public:
    explicit ZipWriter(QByteArray before = {})
        : m_bytes(std::move(before))
        , m_base(m_bytes.size())
    {
    }

    void add(const ZipPart &part);
    /// Lists a member again under another name, over the same packed bytes.
    void listAgain(const QByteArray &name);
    [[nodiscard]] QByteArray finish(const QByteArray &comment = {}) const;

private:
    void list(const ZipPart &part, const QByteArray &packed, quint32 crc, qsizetype offset);

    QByteArray m_bytes;
    qsizetype m_base;
    QByteArray m_directory;
    int m_count = 0;
    ZipPart m_last;
    QByteArray m_lastPacked;
    quint32 m_lastCrc = 0;
    qsizetype m_lastOffset = 0;
};

QByteArray zipOf(const QList<ZipPart> &parts);

/// A deflate stream (RFC 1951) of `megabytes` of zeros: one flushed block, repeated.
QByteArray deflatedZeros(int megabytes);

/// A tar header (POSIX ustar) and its content.
QByteArray tarMember(const QByteArray &name,
                     const QByteArray &content,
                     char type = '0',
                     const QByteArray &linkTarget = {});
QByteArray tarOf(const QList<QByteArray> &members);

}  // namespace portcullis::archive::testing
