// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/Config.h"

#include <QtCore/QByteArrayList>

#include <algorithm>

namespace portcullis::config {

namespace {

QByteArray lowered(QByteArrayView text)
{
    QByteArray lower = text.toByteArray().toLower();
    if (lower.endsWith('.')) {
        lower.chop(1);
    }
    return lower;
}

template<typename Entry>
const Entry *findIn(const std::map<QByteArray, Entry> &entries, const QByteArray &key)
{
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
}

/// Looks for ".example.com", then ".com", for mx.example.com.
template<typename Entry>
const Entry *findParent(const std::map<QByteArray, Entry> &entries, const QByteArray &domain)
{
    for (qsizetype dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
        if (const Entry *entry = findIn(entries, domain.sliced(dot))) {
            return entry;
        }
    }
    return nullptr;
}

}  // namespace

QByteArray NextHop::toText() const
{
    const QByteArray name = useMx ? host : '[' + host + ']';
    return name + ':' + QByteArray::number(port);
}

bool Config::isRelayDomain(QByteArrayView name) const
{
    const QByteArray wanted = lowered(name);
    if (wanted.isEmpty()) {
        return false;
    }
    if (findIn(relayDomains, wanted) != nullptr) {
        return true;
    }
    for (qsizetype dot = wanted.indexOf('.'); dot >= 0; dot = wanted.indexOf('.', dot + 1)) {
        const RelayDomain *parent = findIn(relayDomains, wanted.sliced(dot + 1));
        if (parent != nullptr && parent->includesSubdomains) {
            return true;
        }
    }
    return false;
}

const Transport *Config::transportFor(QByteArrayView localPart, QByteArrayView name) const
{
    const QByteArray wanted = lowered(name);
    const QByteArray local = localPart.toByteArray().toLower();
    if (const Transport *exact = findIn(transports, local + '@' + wanted)) {
        return exact;
    }
    if (const qsizetype plus = local.indexOf('+'); plus > 0) {
        if (const Transport *base = findIn(transports, local.first(plus) + '@' + wanted)) {
            return base;
        }
    }
    if (const Transport *whole = findIn(transports, wanted)) {
        return whole;
    }
    return findParent(transports, wanted);
}

TlsPolicy Config::tlsPolicyFor(const NextHop &nextHop, QByteArrayView name) const
{
    const QByteArray wanted = lowered(name);
    const QByteArray withPort = lowered(nextHop.toText());
    const QByteArray withoutPort = withPort.first(withPort.lastIndexOf(':'));
    for (const QByteArray &key : {withPort, withoutPort, lowered(nextHop.host), wanted}) {
        if (const TlsPolicy *policy = findIn(tlsPolicies, key)) {
            return *policy;
        }
    }
    if (const TlsPolicy *policy = findParent(tlsPolicies, wanted)) {
        return *policy;
    }
    TlsPolicy policy;
    policy.destination = wanted;
    policy.level = mail.tls ? TlsLevel::May : TlsLevel::None;
    policy.isDefault = true;
    return policy;
}

bool Config::requiresInboundTls(QByteArrayView senderDomain) const
{
    return inboundTlsDomains.contains(lowered(senderDomain));
}

bool Config::isTrusted(const QHostAddress &client) const
{
    return containsAddress(trustedNetworks, client);
}

bool Config::isOwnAddress(const QHostAddress &client) const
{
    return containsAddress(ownAddresses, client);
}

bool Config::mayXclient(const QHostAddress &client) const
{
    return containsAddress(mail.xclientHosts, client);
}

}  // namespace portcullis::config
