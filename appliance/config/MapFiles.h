// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "shared/base/Result.h"
#include "shared/schema/SectionFile.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <utility>

/// The values of the sister files, one line each. Errors are `config.value` with the reason alone;
/// the loader adds file and line.
namespace portcullis::config {

/// Faults found in files, so that an administrator sees all of them at once.
class FaultList
{
public:
    void add(const QString &file, int line, const QString &what, const Error &reason);
    void add(const Error &error);  ///< One that names file and line already.

    [[nodiscard]] bool isEmpty() const { return m_count == 0; }
    [[nodiscard]] Error toError() const;

private:
    static constexpr int shown = 10;
    Error m_first;
    QStringList m_lines;
    int m_count = 0;
};

/// `example.com` or `.example.com`, value `1`.
Result<RelayDomain> parseRelayDomain(const schema::MapFile::Entry &entry);

/// `example.com smtp:[192.0.2.1]:25`, `info@example.com lmtp:inet:host:24`.
Result<Transport> parseTransport(const schema::MapFile::Entry &entry);
/// The value of such a line. IPv6 addresses need brackets.
Result<NextHop> parseNextHop(QByteArrayView text);
/// As written in the file: `smtp:[host]:port`, `lmtp:inet:host:port`.
QByteArray toTransportValue(const NextHop &nextHop);

/// `example.com secure match=mx.example.com`, `[192.0.2.1]:25 fingerprint match=AB:CD:…`.
Result<TlsPolicy> parseTlsPolicy(const schema::MapFile::Entry &entry);
QByteArray levelName(TlsLevel level);

/// `smarthost`, `relay`: a host, an address, either in brackets.
NextHop nextHopOf(QByteArrayView host, quint16 port, Protocol protocol, bool useMx);

}  // namespace portcullis::config
