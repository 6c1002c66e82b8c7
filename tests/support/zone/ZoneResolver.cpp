// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/zone/ZoneResolver.h"

#include <QtCore/QtEndian>
#include <QtCore/QTimer>

namespace portcullis::test {

namespace {

constexpr int maxAliases = 10;
constexpr qsizetype maxString = 255;

QByteArray plain(QByteArray name)
{
    if (name.endsWith('.')) {
        name.chop(1);
    }
    return name.toLower();
}

QByteArray wireName(const QByteArray &name)
{
    QByteArray wire;
    const QByteArray text = name.endsWith('.') ? name.chopped(1) : name;
    if (!text.isEmpty()) {
        for (const QByteArray &label : text.split('.')) {
            wire += static_cast<char>(label.size());
            wire += label;
        }
    }
    return wire + '\0';
}

}  // namespace

void ZoneResolver::add(const QByteArray &name, DnsType type, QByteArray wire)
{
    m_zone[plain(name)][type].push_back(std::move(wire));
}

void ZoneResolver::addText(const QByteArray &name, const std::vector<QByteArray> &strings)
{
    QByteArray wire;
    for (const QByteArray &string : strings) {
        for (qsizetype at = 0; at < string.size() || at == 0; at += maxString) {
            const QByteArray part = string.mid(at, maxString);
            wire += static_cast<char>(part.size());
            wire += part;
        }
    }
    add(name, DnsType::Txt, wire);
}

void ZoneResolver::addAddress(const QByteArray &name, const QHostAddress &address)
{
    if (address.protocol() == QAbstractSocket::IPv4Protocol) {
        const quint32 number = qToBigEndian(address.toIPv4Address());
        add(name, DnsType::A, QByteArray(reinterpret_cast<const char *>(&number), sizeof(number)));
    } else {
        const Q_IPV6ADDR number = address.toIPv6Address();
        add(name, DnsType::Aaaa, QByteArray(reinterpret_cast<const char *>(number.c), 16));
    }
}

void ZoneResolver::addMx(const QByteArray &name, int preference, const QByteArray &host)
{
    const quint16 number = qToBigEndian(static_cast<quint16>(preference));
    add(name, DnsType::Mx,
        QByteArray(reinterpret_cast<const char *>(&number), sizeof(number)) + wireName(host));
}

void ZoneResolver::addPtr(const QByteArray &name, const QByteArray &host)
{
    add(name, DnsType::Ptr, wireName(host));
}

void ZoneResolver::addCname(const QByteArray &name, const QByteArray &target)
{
    add(name, DnsType::Cname, plain(target));
}

void ZoneResolver::addTimeout(const QByteArray &name)
{
    m_timeouts.insert(plain(name));
}

Result<DnsAnswer> ZoneResolver::answer(QByteArray name, DnsType type) const
{
    if (isDown) {
        return Error::transient("dns.servfail", QStringLiteral("the test says so"));
    }
    DnsAnswer answer;
    for (int alias = 0; alias < maxAliases; ++alias) {
        const auto node = m_zone.find(name);
        const bool hasType = node != m_zone.end() && node->second.contains(type);
        if (!hasType && m_timeouts.contains(name)) {
            return Error::transient("dns.timeout", QStringLiteral("the test says so"));
        }
        if (node == m_zone.end()) {
            answer.kind = DnsAnswer::Kind::NoName;
            return answer;
        }
        if (hasType) {
            answer.kind = DnsAnswer::Kind::Records;
            answer.records = node->second.at(type);
            return answer;
        }
        const auto target = node->second.find(DnsType::Cname);
        if (target == node->second.end()) {
            return answer;
        }
        name = target->second.front();
    }
    return Error::transient("dns.servfail", QStringLiteral("a chain of aliases"));
}

void ZoneResolver::lookup(const QByteArray &name, DnsType type, QObject *context, Callback done)
{
    m_asked.emplace_back(plain(name), type);
    QTimer::singleShot(delay, context, [found = answer(plain(name), type), done = std::move(done)] {
        done(found);
    });
}

}  // namespace portcullis::test
