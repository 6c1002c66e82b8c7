// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"
#include "shared/schema/SectionFile.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

namespace portcullis::schema {

/// Walks through a file line by line and names file and line in its faults. The bytes must outlive it.
class LineReader
{
public:
    LineReader(const QByteArray &bytes, QString fileName, const FileLimits &limits)
        : m_bytes(bytes)
        , m_fileName(std::move(fileName))
        , m_limits(limits)
    {
    }

    bool next();  ///< Goes to the next line; false at the end.
    [[nodiscard]] QByteArrayView line() const { return m_line; }  ///< Without its line feed.
    [[nodiscard]] int number() const { return m_number; }         ///< Counted from 1.

    [[nodiscard]] Status checkSize() const;  ///< The whole file.
    [[nodiscard]] Status checkLine() const;  ///< Length, NUL, carriage return.
    [[nodiscard]] Error fault(const QString &reason) const;

private:
    const QByteArray &m_bytes;
    QString m_fileName;
    FileLimits m_limits;
    QByteArrayView m_line;
    qsizetype m_position = 0;
    int m_number = 0;
};

}  // namespace portcullis::schema
