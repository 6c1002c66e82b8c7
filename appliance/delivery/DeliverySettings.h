// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/smtp/client/ClientLimits.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>
#include <QtNetwork/QHostAddress>

#include <chrono>
#include <memory>
#include <vector>

namespace portcullis::delivery {

/// When a message that could not be delivered is tried again: after `first`, then twice as long
/// each time up to `longest`, each wait made up to `jitter` longer or shorter, so that what was
/// deferred together does not come back together.
struct BackoffSchedule {
    std::chrono::seconds first = std::chrono::minutes(5);  ///< Range 1 s … 1 d.
    std::chrono::seconds longest{4000};  ///< Range first … 1 d. Postfix' 1 h 6 min 40 s.
    double jitter = 0.1;                 ///< Share of the wait, range 0 … 0.5.

    /// The wait after `attempts` failed attempts (1, 2, …); `random` is in [0, 1).
    [[nodiscard]] std::chrono::milliseconds waitAfter(quint32 attempts, double random) const;
};

/// What DNS may make us do for one destination.
struct MxLimits {
    int hosts = 20;     ///< Range 1 … 100. MX hosts whose addresses are looked up.
    int addresses = 5;  ///< Range 1 … 50. Addresses that one attempt tries.
    std::chrono::seconds shortestMemory = std::chrono::seconds(30);  ///< Range 1 s … 1 h.
    std::chrono::seconds longestMemory = std::chrono::minutes(5);    ///< Range 1 s … 1 d.
};

/// Use of connections.
struct ConnectionLimits {
    int perDestination = 20;        ///< Range 1 … 1,000. Connections to one next hop at once.
    int initialPerDestination = 5;  ///< Range 1 … perDestination. Grows with each success.
    int total = 200;                ///< Range 1 … 10,000.
    int recipients = 100;           ///< Range 1 … 10,000. RCPT of one transaction.
    int messages = 1000;            ///< Range 1 … 1 M. Messages of one connection.
    std::chrono::milliseconds idle = std::chrono::seconds(5);  ///< Range 0 s … 5 min. Kept unused.
    std::chrono::seconds age = std::chrono::minutes(5);  ///< Range 1 s … 1 d. Then not used again.
};

/// MTA-STS: what finding policies may cost.
struct StsLimits {
    /// Range 1 s … 5 min. One fetch in all; RFC 8461 §3.3 suggests a minute.
    std::chrono::milliseconds fetch = std::chrono::seconds(60);
    int fetches = 20;             ///< Range 1 … 1,000. At once.
    qsizetype policies = 10'000;  ///< Range 1 … 1 M. Kept, the latest used.
    /// Range 1 s … 1 d. A fetch that failed is not repeated earlier (RFC 8461 §3.3: five minutes).
    std::chrono::seconds retry = std::chrono::minutes(5);
    /// Range 1 h … 30 d. Policies older than this, or than half their life, are fetched again.
    std::chrono::seconds refresh = std::chrono::hours(24);
    std::chrono::seconds idle = std::chrono::days(31);  ///< Then a policy just runs out.
    /// Range 10 ms … 1 d. How often it is looked which policies are due.
    std::chrono::milliseconds upkeep = std::chrono::hours(1);
};

/// Receiver verification: what a probe may cost and how long its answer holds.
struct ReceiverLimits {
    /// Range 1 d … 365 d. A receiver that is there is rarely taken away.
    std::chrono::seconds positiveLifetime = std::chrono::days(31);
    /// Range 1 h … positiveLifetime. Older answers hold, but are asked for again behind the scenes.
    std::chrono::seconds positiveRefresh = std::chrono::days(7);
    /// Range 1 h … 30 d. Short, so that a new mailbox gets its mail soon.
    std::chrono::seconds negativeLifetime = std::chrono::hours(3);
    /// Range 1 s … 1 h. A next hop that has trouble is left alone so long.
    std::chrono::seconds undecidedLifetime = std::chrono::minutes(1);
    /// Range 1 s … 1 min. How long a session waits; then it goes on undecided.
    std::chrono::milliseconds answer = std::chrono::seconds(10);
    /// Range 1 s … 5 min. How long a next hop may take, connecting included.
    std::chrono::milliseconds probe = std::chrono::seconds(60);
    int connections = 4;  ///< Range 1 … 100. To one next hop at once.
    int refusals = 10;    ///< Range 1 … 100. Of one connection; servers slow down or end it then.
    int pending = 10'000;  ///< Range 1 … 100,000. Addresses being asked for; more are undecided.
    int positive = 200'000;  ///< Range 1,000 … 10 M. Answers kept, the latest used.
    int negative = 50'000;   ///< Likewise. Kept apart, lest guessed addresses push out real ones.
    std::chrono::milliseconds idle = std::chrono::seconds(5);  ///< Range 0 s … 1 min. Kept unused.
    std::chrono::seconds save = std::chrono::minutes(5);  ///< Range 1 s … 1 d. Between writes.
};

/// Everything the delivery must know, of one instant. Immutable once handed out; a reload hands
/// out a new one and running transactions finish on the old.
struct DeliverySettings {
    /// Relay domains, transports, relay, smart host and TLS policies: see routeFor().
    std::shared_ptr<const config::Config> config;

    QByteArray heloName;                     ///< Our name in EHLO and as Reporting-MTA.
    std::vector<QByteArray> ownNames;        ///< MX hosts that are ourselves; lower case.
    std::vector<QHostAddress> ownAddresses;  ///< Addresses that are ourselves, MX or not,
    std::vector<quint16> ownPorts{25};       ///< at one of these ports.
    bool allowsLoopbackMx = false;  ///< MX that point to this machine are a trick; for tests only.
    bool allowsInet6 = true;
    quint16 mxPort = 25;  ///< Port of MX destinations; other ports are for tests.

    ConnectionLimits connections;
    smtp::ClientTimeouts timeouts;
    smtp::ReplyLimits replies;
    MxLimits mx;
    /// For next hops without a line in tls_policy: DANE (RFC 7672), and MTA-STS (RFC 8461) where
    /// the host has no TLSA records.
    bool usesDane = false;
    bool usesMtaSts = false;
    StsLimits sts;
    QString stsFile;        ///< Where MTA-STS policies are kept; empty: in memory only.
    quint16 stsPort = 443;  ///< Of policy hosts; other ports are for tests.
    ReceiverLimits receivers;
    QString receiverFile;  ///< Where receiver verification keeps its answers; empty: nowhere.
    BackoffSchedule messageBackoff;
    BackoffSchedule destinationBackoff{std::chrono::seconds(60), std::chrono::seconds(4000), 0.1};

    std::chrono::seconds lifetime = std::chrono::days(5);        ///< Range 0 (one try) … 100 d.
    std::chrono::seconds bounceLifetime = std::chrono::days(5);  ///< For null reverse-paths.
    std::chrono::seconds delayWarning = std::chrono::hours(4);   ///< 0: none.
    int maxHops = 50;        ///< Received fields; more is a loop (RFC 5321 §6.3).
    int maxActive = 20'000;  ///< Range 100 … 1 M. Messages being worked on in memory.
    qint64 maxActiveBytes = 256 * 1024 * 1024;  ///< Range 1 MiB … 64 GiB. Their content kept.
    qint64 maxReturnedBytes = 64
                              * 1024;  ///< Range 0 … 1 GiB. Larger messages return as header only.
    std::chrono::milliseconds sweep = std::chrono::seconds(1);  ///< Range 10 ms … 1 min. Due check.
    QString clockFile;      ///< Where the lifetime clock keeps its mark; empty: nowhere.
    QString tlsCaFile;      ///< CA certificates for verify and secure; empty: the system's.
    QByteArray postmaster;  ///< Shown in DSNs; empty: "postmaster" at our name.

    /// Maps the configuration; everything it does not hold keeps its default.
    static DeliverySettings from(std::shared_ptr<const config::Config> config);
};

}  // namespace portcullis::delivery
