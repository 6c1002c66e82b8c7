// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>
#include <QtNetwork/QSslConfiguration>

#include <memory>

namespace portcullis::smtp {

/// The certificate and key that a server shows, with the TLS settings made from them once.
///
/// TLS 1.2 and later, forward secrecy and AEAD ciphers only, no renegotiation, no session tickets.
/// Immutable; shared by threads. A reload makes a new one.
class TlsIdentity
{
public:
    /// Reads certificate chain and unencrypted private key from one PEM file.
    /// Errors: `tls.unreadable` (transient: no such file, no rights), `tls.certificate`
    /// (permanent: no certificate, no key, or they do not belong together).
    static Result<std::shared_ptr<const TlsIdentity>> load(const QString &path);

    /// Writes a self-signed certificate for `hostName` (EC P-256, 10 years) and its key to `path`,
    /// mode 0600, unless the file exists. Complete or not there: written aside and linked.
    /// Errors: `tls.create` (transient).
    static Status createSelfSigned(const QString &path, const QByteArray &hostName);

    /// load(), after createSelfSigned() where there is no file.
    static Result<std::shared_ptr<const TlsIdentity>> loadOrCreate(const QString &path,
                                                                   const QByteArray &hostName);

    [[nodiscard]] const QSslConfiguration &configuration() const { return m_configuration; }

private:
    explicit TlsIdentity(const QSslConfiguration &configuration);

    QSslConfiguration m_configuration;
};

}  // namespace portcullis::smtp
