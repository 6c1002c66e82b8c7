// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QProcess>
#include <QtCore/QString>
#include <QtCore/QTemporaryDir>

#include <map>

namespace portcullis::test {

/// An authoritative name server (Debian's nsd) on a free port of 127.0.0.1, with zones of the test.
/// Runs as the user of the test in a temporary folder and ends with the object.
class TestDnsServer
{
public:
    TestDnsServer();
    ~TestDnsServer();
    Q_DISABLE_COPY_MOVE(TestDnsServer)

    static bool isInstalled();

    /// Adds a zone; `records` are lines of a zone file below `$ORIGIN name.`, without SOA and NS.
    void addZone(const QByteArray &name, const QByteArray &records);

    /// Signs a zone from the next start() on, with a key of its own (ldns-signzone). `tampered` pairs
    /// replace text of the signed zone file, which makes the answers bogus.
    void signZone(const QByteArray &name, const std::map<QByteArray, QByteArray> &tampered = {});
    static bool canSign();
    /// The public keys of the signed zones, as a trust anchor file has them. After start().
    [[nodiscard]] QByteArray trustAnchors() const { return m_anchors; }

    /// Starts, or starts anew with the zones as they are now. False: see errorText().
    bool start();
    /// For "DNS is down": nothing answers on the port until start().
    void stop();

    [[nodiscard]] QString server() const;  ///< "127.0.0.1:PORT", as ResolverSettings want it.
    [[nodiscard]] QString errorText() const { return m_error; }

private:
    bool writeFiles();
    bool sign(const QByteArray &name, const QString &file);
    bool waitUntilAnswering();

    QTemporaryDir m_folder;
    QProcess m_process;
    quint16 m_port = 0;
    std::map<QByteArray, QByteArray> m_zones;
    std::map<QByteArray, std::map<QByteArray, QByteArray>> m_signed;  ///< What is tampered with.
    std::map<QByteArray, QString> m_keys;                             ///< Base names of key files.
    QByteArray m_anchors;
    QString m_error;
};

}  // namespace portcullis::test
