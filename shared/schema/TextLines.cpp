// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/TextLines.h"

namespace portcullis::schema {

bool LineReader::next()
{
    if (m_position >= m_bytes.size()) {
        return false;
    }
    const qsizetype end = m_bytes.indexOf('\n', m_position);
    const qsizetype stop = end < 0 ? m_bytes.size() : end;
    m_line = QByteArrayView(m_bytes).sliced(m_position, stop - m_position);
    m_position = stop + 1;
    ++m_number;
    return true;
}

Status LineReader::checkSize() const
{
    if (m_bytes.size() > m_limits.maxBytes) {
        return Error::permanent(
            "config.syntax",
            QStringLiteral("%1: larger than %2 bytes").arg(m_fileName).arg(m_limits.maxBytes));
    }
    return ok();
}

Status LineReader::checkLine() const
{
    if (m_line.size() > m_limits.maxLine) {
        return fault(QStringLiteral("line longer than %1 bytes").arg(m_limits.maxLine));
    }
    if (m_line.contains('\0')) {
        return fault(QStringLiteral("NUL byte; the file seems to be damaged"));
    }
    if (m_line.contains('\r')) {
        return fault(QStringLiteral("carriage return; lines must end with a line feed alone"));
    }
    return ok();
}

Error LineReader::fault(const QString &reason) const
{
    return Error::permanent("config.syntax",
                            QStringLiteral("%1:%2: %3").arg(m_fileName).arg(m_number).arg(reason));
}

}  // namespace portcullis::schema
