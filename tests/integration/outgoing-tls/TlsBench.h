// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/integration/delivery/DeliveryBench.h"
#include "tests/support/dns/TestDnsServer.h"
#include "tests/support/mx/ScriptedMx.h"

#include <QtCore/QTemporaryDir>
#include <QtNetwork/QSslConfiguration>

#include <optional>

namespace portcullis::test {

/// A certificate authority and what it signs, made with the openssl program.
class TestAuthority
{
public:
    TestAuthority();

    [[nodiscard]] bool isValid() const { return m_isValid; }
    /// Makes `NAME.pem` and `NAME.key` for DNS names.
    bool issue(const QByteArray &name, const QByteArrayList &dnsNames);

    [[nodiscard]] QString path(const QByteArray &file) const;
    [[nodiscard]] QByteArray der(const QByteArray &name) const;
    /// For a server that shows the certificate and, behind it, the authority's.
    [[nodiscard]] QSslConfiguration server(const QByteArray &name) const;
    /// Presentation of a TLSA record: "3 1 1 AB…" for a key, "2 0 1 AB…" for the authority.
    [[nodiscard]] QByteArray tlsaOfKey(const QByteArray &name) const;
    [[nodiscard]] QByteArray tlsaOfAuthority() const;

private:
    [[nodiscard]] bool openssl(const QByteArray &arguments) const;

    QTemporaryDir m_folder;
    bool m_isValid = false;
};

/// What tools the tests need and do not find; empty: all are there.
QString missingTools();

/// A port of 127.0.0.1 that nobody listens on.
quint16 unusedPort();

/// Queues one message for `recipient` and waits for what becomes of it.
std::optional<delivery::DeliveryEvent> deliverOne(DeliveryBench &bench,
                                                  const QByteArray &recipient);

}  // namespace portcullis::test
