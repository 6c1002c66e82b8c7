// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/HeaderField.h"

#include "appliance/mail/Charset.h"

namespace portcullis::mail {

QByteArray HeaderField::unfolded() const
{
    const QByteArrayView trimmed = m_rawValue.trimmed();
    QByteArray line;
    line.reserve(trimmed.size());
    for (const char c : trimmed) {
        if (c != '\r' && c != '\n') {
            line.append(c);
        }
    }
    return line;
}

QString HeaderField::decoded() const
{
    return decodeWords(unfolded());
}

}  // namespace portcullis::mail
