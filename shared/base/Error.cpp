// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/base/Error.h"

#include <system_error>

namespace portcullis {

QString Error::toString() const
{
    return detail + QStringLiteral(" [") + QString::fromUtf8(id) + QLatin1Char(']');
}

Error Error::transient(QByteArray id, QString detail)
{
    return {std::move(id), Persistence::Transient, std::move(detail)};
}

Error Error::permanent(QByteArray id, QString detail)
{
    return {std::move(id), Persistence::Permanent, std::move(detail)};
}

Error Error::fromErrno(QByteArray id, const QString &what, int errorNumber)
{
    // std::generic_category is thread-safe, strerror is not.
    const std::string text = std::generic_category().message(errorNumber);
    return transient(std::move(id), what + QStringLiteral(": ") + QString::fromStdString(text));
}

}  // namespace portcullis
