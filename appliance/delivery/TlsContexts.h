// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"

#include <QtCore/QString>
#include <QtNetwork/QSslConfiguration>

namespace portcullis::delivery {

/// With the CA certificates of `caFile`, or the system's if it is empty.
QSslConfiguration verifiedTls(const QString &caFile);

/// What connections to next hops start their TLS from. CA certificates are loaded when the first
/// connection asks for them.
class TlsContexts
{
public:
    explicit TlsContexts(QString caFile);

    void setCaFile(const QString &caFile);
    const QSslConfiguration &of(config::TlsLevel level);

private:
    QString m_caFile;
    QSslConfiguration m_unverified;
    QSslConfiguration m_verified;
    bool m_hasVerified = false;
};

}  // namespace portcullis::delivery
