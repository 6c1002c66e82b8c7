// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"

#include <QtCore/QObject>

#include <memory>

namespace portcullis {

/// Resolver on libunbound: caching, validating where a trust anchor is given.
///
/// Made, used and destroyed in one thread that runs an event loop; the work is done in a thread of
/// libunbound's. lookup() never blocks. Each instance has a cache of its own, so a program wants one
/// instance a thread, not one a session.
///
/// Names below the zones that RFC 6303 and RFC 6761 reserve (`test.`, `10.in-addr.arpa.` …) are asked
/// of the servers like any other: a gateway's own name servers often serve them.
class UnboundResolver final : public QObject, public Resolver
{
    Q_OBJECT
public:
    /// Errors: `dns.setup` (permanent): a server that is no address, an unreadable trust anchor.
    static Result<std::unique_ptr<UnboundResolver>> create(const ResolverSettings &settings);
    ~UnboundResolver() override;
    Q_DISABLE_COPY_MOVE(UnboundResolver)

    /// NXDOMAIN and NODATA are answers. A name that is no domain name (empty label, label above 63
    /// or name above 255 octets) is answered NoName without asking.
    void lookup(const QByteArray &name, DnsType type, QObject *context, Callback done) override;

    [[nodiscard]] int pending() const;

private:
    struct Private;
    explicit UnboundResolver(std::unique_ptr<Private> d);

    std::unique_ptr<Private> d;
};

}  // namespace portcullis
