// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QObject>
#include <QtNetwork/QHostAddress>

#include <chrono>
#include <functional>
#include <vector>

namespace portcullis {

enum class DnsType : int {
    A = 1,
    Ns = 2,
    Cname = 5,
    Ptr = 12,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
    Tlsa = 52
};

/// What a lookup found. NXDOMAIN and "no such data" are answers; a server failure is an Error.
struct DnsAnswer {
    enum class Kind { Records, NoData, NoName };
    Kind kind = Kind::NoData;
    std::vector<QByteArray> records;  ///< RDATA in wire format, compression resolved.
    bool isSecure = false;            ///< DNSSEC-validated.
    std::chrono::seconds ttl{0};
    /// Where CNAME records led to, lower case without trailing dot; empty: nowhere else.
    QByteArray canonicalName{};
};

struct MxHost {
    int preference = 0;
    QByteArray name;  ///< Lower case, no trailing dot; empty for a null MX (RFC 7505).
};

/// Asynchronous DNS. One instance per thread that uses it; the callback runs in that thread's event
/// loop, exactly once, never before lookup() has returned, and not at all after `context` is gone.
///
/// Errors: `dns.timeout`, `dns.servfail`, `dns.bogus` (DNSSEC failure); all transient.
class Resolver
{
public:
    using Callback = std::function<void(Result<DnsAnswer>)>;

    virtual ~Resolver() = default;

    /// `name` is an ASCII domain name (IDNA A-labels), with or without trailing dot.
    virtual void lookup(const QByteArray &name, DnsType type, QObject *context, Callback done) = 0;
};

/// @name Reading RDATA. Malformed records are left out, never guessed at.
/// @{
std::vector<QHostAddress> addressesOf(const DnsAnswer &answer);  ///< A or AAAA.
std::vector<MxHost> mxHostsOf(const DnsAnswer &answer);          ///< By rising preference.
std::vector<QByteArray> textsOf(const DnsAnswer &answer);        ///< Character-strings joined.
std::vector<QByteArray> namesOf(const DnsAnswer &answer);        ///< PTR, NS, CNAME.
/// @}

/// Settings of the one resolver of a process.
struct ResolverSettings {
    std::vector<QString> servers;  ///< "ADDR" or "ADDR:PORT"/"[V6]:PORT"; empty: /etc/resolv.conf.
    std::chrono::milliseconds timeout = std::chrono::seconds(10);  ///< Per lookup, in all.
    QString trustAnchorFile;                                       ///< Empty: no DNSSEC validation.
    int maxPending = 1000;  ///< Further lookups fail with dns.timeout at once.
};

}  // namespace portcullis
