// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Control.h"

#include <QtCore/QJsonDocument>

namespace portcullis::spool {

Result<ControlHeader> parseControlLine(const QByteArray &line)
{
    QJsonParseError problem;
    const QJsonDocument document = QJsonDocument::fromJson(line, &problem);
    if (!document.isObject()) {
        return Error::permanent(
            "control.protocol",
            QStringLiteral("a line that is no JSON object: %1").arg(problem.errorString()));
    }
    ControlHeader header{document.object(), 0};
    const QJsonValue bytes = header.fields.value(QStringLiteral("bytes"));
    constexpr qint64 exactInDouble = 1LL << 53;
    header.bytes = bytes.toInteger(bytes.isUndefined() ? 0 : -1);
    if (header.bytes < 0 || header.bytes > exactInDouble) {
        return Error::permanent("control.protocol", QStringLiteral("'bytes' is no valid number"));
    }
    return header;
}

QByteArray toControlLine(QJsonObject fields, qint64 bytes)
{
    if (bytes > 0) {
        fields.insert(QStringLiteral("bytes"), bytes);
    }
    return QJsonDocument(fields).toJson(QJsonDocument::Compact) + '\n';
}

}  // namespace portcullis::spool
