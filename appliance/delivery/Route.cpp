// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Route.h"

namespace portcullis::delivery {

namespace {

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3) without what surrounds the address.
QByteArray literalOf(const QByteArray &domain)
{
    QByteArray inner = domain.sliced(1, domain.size() - 2);
    if (inner.toLower().startsWith("ipv6:")) {
        inner = inner.sliced(5);
    }
    return inner;
}

}  // namespace

QByteArray Route::key() const
{
    const char *protocol = nextHop.protocol == config::Protocol::Lmtp ? "lmtp:" : "smtp:";
    QByteArray key = protocol + nextHop.toText() + ' '
                     + QByteArray::number(static_cast<int>(tls.level));
    if (tls.isDefault && tls.level != config::TlsLevel::None) {
        key += " default";  // DANE or MTA-STS may ask for more than the same level of the table.
    }
    if (!tls.minimumProtocol.isEmpty()) {
        key += ' ' + tls.minimumProtocol;
    }
    // Proof is asked for by destination, so its connections are not for others.
    if (tls.level >= config::TlsLevel::Fingerprint) {
        key += ' ' + tls.destination;
    }
    return key;
}

Route routeFor(const config::Config &config, const mail::Address &recipient)
{
    Route route;
    const QByteArray &domain = recipient.domain();
    route.isConfigured = true;
    if (config.mail.behindPostfix) {
        route.nextHop = {config::Protocol::Smtp, "127.0.0.1", config.mail.reinjectPort, false};
        return route;
    }
    if (const auto *transport = config.transportFor(recipient.localPart(), domain)) {
        route.nextHop = transport->nextHop;
    } else if (config.mail.relay && config.isRelayDomain(domain)) {
        route.nextHop = *config.mail.relay;
    } else if (config.mail.smarthost && !config.isRelayDomain(domain)) {
        route.nextHop = *config.mail.smarthost;
    } else {
        route.isConfigured = false;
        route.nextHop.host = recipient.hasAddressLiteral() ? literalOf(domain) : domain;
        route.nextHop.useMx = !recipient.hasAddressLiteral();
    }
    route.tls = config.tlsPolicyFor(route.nextHop, domain);
    return route;
}

}  // namespace portcullis::delivery
