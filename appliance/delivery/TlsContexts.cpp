// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/TlsContexts.h"

#include <QtNetwork/QSslCertificate>

namespace portcullis::delivery {

QSslConfiguration verifiedTls(const QString &caFile)
{
    QSslConfiguration configuration = QSslConfiguration::defaultConfiguration();
    configuration.setCaCertificates(caFile.isEmpty() ? QSslConfiguration::systemCaCertificates()
                                                     : QSslCertificate::fromPath(caFile));
    return configuration;
}

TlsContexts::TlsContexts(QString caFile)
    : m_caFile(std::move(caFile))
    , m_unverified(QSslConfiguration::defaultConfiguration())
{
    // Filling a context with CA certificates that nobody asks for costs more than the handshake.
    m_unverified.setCaCertificates({});
}

void TlsContexts::setCaFile(const QString &caFile)
{
    m_hasVerified = m_hasVerified && caFile == m_caFile;
    m_caFile = caFile;
}

const QSslConfiguration &TlsContexts::of(config::TlsLevel level)
{
    if (level != config::TlsLevel::Verify && level != config::TlsLevel::Secure) {
        return m_unverified;
    }
    if (!m_hasVerified) {
        m_verified = verifiedTls(m_caFile);
        m_hasVerified = true;
    }
    return m_verified;
}

}  // namespace portcullis::delivery
