// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblSites.h"

#include "appliance/policy/AddressKey.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QtEndian>

#include <algorithm>

namespace portcullis::policy {

namespace {

/// Customer keys in front of a list's domain are long and mix letters and digits.
bool looksLikeKey(QByteArrayView label)
{
    constexpr qsizetype shortestKey = 16;
    const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
    return label.size() >= shortestKey && std::any_of(label.begin(), label.end(), isDigit)
           && !std::all_of(label.begin(), label.end(), isDigit);
}

QByteArray withoutKey(const QByteArray &domain)
{
    const qsizetype dot = domain.indexOf('.');
    return dot > 0 && looksLikeKey(QByteArrayView(domain).first(dot)) ? domain.mid(dot + 1)
                                                                      : domain;
}

QByteArray dotted(quint32 address)
{
    return QHostAddress(address).toString().toLatin1();
}

}  // namespace

int DnsblList::highest() const
{
    int sum = 0;
    for (const schema::DnsblEntry &entry : entries) {
        sum += std::max(entry.weight, 0);
    }
    return sum;
}

int DnsblList::lowest() const
{
    int sum = 0;
    for (const schema::DnsblEntry &entry : entries) {
        sum += std::min(entry.weight, 0);
    }
    return sum;
}

std::vector<verdict::DnsblFinding> DnsblList::findings(const std::vector<quint32> &answers) const
{
    std::vector<verdict::DnsblFinding> found;
    for (const schema::DnsblEntry &entry : entries) {
        const auto match = std::find_if(answers.begin(), answers.end(), [&entry](quint32 answer) {
            return !entry.filter || entry.filter->matches(answer);
        });
        if (match != answers.end()) {
            found.push_back({publicName, dotted(*match), entry.weight});
        }
    }
    return found;
}

Result<DnsblSites> DnsblSites::parse(QByteArrayView text, int threshold)
{
    DnsblSites sites;
    sites.m_threshold = threshold;
    for (schema::DnsblEntry &entry : TRY(schema::parseDnsblEntries(text))) {
        const auto same = std::find_if(
            sites.m_lists.begin(), sites.m_lists.end(),
            [&entry](const DnsblList &list) { return list.domain == entry.domain; });
        if (same != sites.m_lists.end()) {
            same->entries.push_back(std::move(entry));
        } else {
            const QByteArray domain = entry.domain;
            sites.m_lists.push_back({domain, withoutKey(domain), {std::move(entry)}});
        }
    }
    const QByteArray hash = QCryptographicHash::hash(
        QByteArray::number(threshold) + ' ' + text.toByteArray(), QCryptographicHash::Sha256);
    sites.m_stamp = qFromBigEndian<quint64>(hash.constData());
    return sites;
}

QByteArray dnsblQueryName(const QHostAddress &client, const QByteArray &domain)
{
    return AddressKey::of(client).reverseLabels() + domain;
}

}  // namespace portcullis::policy
