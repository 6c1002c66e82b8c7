// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/mail/Address.h"
#include "appliance/verdict/SessionEvidence.h"

#include <QtCore/QObject>
#include <QtNetwork/QHostAddress>

#include <chrono>
#include <functional>
#include <memory>

namespace portcullis::policy::spf {

/// What one check may use up. RFC 7208 §4.6.4 and §11.1 unless said otherwise.
struct SpfLimits {
    std::chrono::milliseconds timeout = std::chrono::seconds(
        10);              ///< Setting spf_timeout; 1 … 20 s.
    int terms = 10;       ///< Queries that terms (include, a, mx, ptr, exists, redirect) may cause.
    int voidLookups = 2;  ///< Terms whose query may find nothing.
    int hosts = 10;       ///< MX or PTR names of one term that are followed. More MX: an error.
    int queries = 40;     ///< DNS queries in all, fan-out of mx and ptr included. Our own.
    qsizetype record = 8192;      ///< Bytes of one SPF record; our own. Larger: an error.
    qsizetype records = 65536;    ///< Bytes of all records of one check; our own.
    qsizetype explanation = 400;  ///< Characters of an explanation that are kept.
    int waiting = 1000;  ///< Checks under way on one thread; more end as TempError at once.
    std::chrono::milliseconds step = std::chrono::seconds(3);  ///< Until a silent worker is ended.
};

struct SpfSettings {
    /// The worker program. Empty: `pmg-spf-worker` beside the running program, else in the libexec
    /// folder it was installed to.
    QString workerPath;
    QByteArray receiver = "unknown";  ///< Our host name, which an explanation may ask for (%{r}).
    SpfLimits limits;
};

/// Whom to check.
struct SpfQuestion {
    QHostAddress client;
    QByteArray helo;  ///< As the client said it.
    /// The reverse-path. Null: the identity is postmaster at the HELO name (RFC 7208 §2.4).
    mail::Address sender;
};

/// The same for callers that have no Address, such as Postfix's policy protocol. `local` may be empty
/// ("postmaster" is then meant, RFC 7208 §4.3); `domain` may be anything.
struct SpfIdentity {
    QByteArray local;
    QByteArray domain;
    bool isHelo = false;

    static SpfIdentity of(const SpfQuestion &question);
    friend bool operator==(const SpfIdentity &, const SpfIdentity &) = default;
};

/// Asks whether a client may send for an identity (RFC 7208).
///
/// One per thread, with that thread's resolver. Evaluation happens in a sandboxed worker process of its
/// own, started at the first check that needs it (a domain without a record never does), started
/// again when it dies. DNS is asked here, asynchronously; nothing blocks.
///
/// A check always ends with a finding. What cannot be known is one: TempError for DNS trouble, for the
/// time limit, for a worker that fails twice on the same check and for too many checks at once.
class SpfClient
{
public:
    using Callback = std::function<void(verdict::SpfFinding)>;

    /// `resolver` must outlive the client.
    SpfClient(Resolver &resolver, SpfSettings settings);
    ~SpfClient();  ///< Ends the worker; checks under way are never answered.
    SpfClient(const SpfClient &) = delete;
    SpfClient &operator=(const SpfClient &) = delete;

    /// `done` is called exactly once, from this thread's event loop, never before check() has
    /// returned, and not at all after `context` is gone.
    void check(const SpfQuestion &question, QObject *context, Callback done);
    void check(const QHostAddress &client,
               const QByteArray &helo,
               const SpfIdentity &identity,
               QObject *context,
               Callback done);

    /// Takes effect for checks that start later.
    void setTimeout(std::chrono::milliseconds timeout);

    [[nodiscard]] qint64 workerPid() const;  ///< 0: none runs. For tests and status.

private:
    class Private;
    std::unique_ptr<Private> d;
};

/// A Received-SPF field (RFC 7208 §9.1), folded, with CRLF at its end: to be put before all others.
/// `receiver` is our host name. Nothing in it can break out of the field, whatever the peer said.
QByteArray receivedSpfField(const verdict::SpfFinding &finding,
                            const QHostAddress &client,
                            const QByteArray &receiver,
                            const QByteArray &helo,
                            const QByteArray &sender);

}  // namespace portcullis::policy::spf
