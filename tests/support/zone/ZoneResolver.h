// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"

#include <chrono>
#include <map>
#include <set>
#include <utility>

namespace portcullis::test {

/// A Resolver that answers from memory: for records that no name server would load, for names that fail,
/// and for counting. Everything else is better asked of a TestDnsServer.
class ZoneResolver final : public Resolver
{
public:
    void addText(const QByteArray &name, const std::vector<QByteArray> &strings);
    void addAddress(const QByteArray &name, const QHostAddress &address);
    void addMx(const QByteArray &name, int preference, const QByteArray &host);
    void addPtr(const QByteArray &name, const QByteArray &host);
    void addCname(const QByteArray &name, const QByteArray &target);
    /// Types that `name` has no records of are answered with `dns.timeout`.
    void addTimeout(const QByteArray &name);

    std::chrono::milliseconds delay{0};  ///< Before each answer.
    bool isDown = false;                 ///< `dns.servfail` for everything.

    void lookup(const QByteArray &name, DnsType type, QObject *context, Callback done) override;

    /// What was asked, in order.
    [[nodiscard]] const std::vector<std::pair<QByteArray, DnsType>> &asked() const
    {
        return m_asked;
    }
    void forget() { m_asked.clear(); }

private:
    Result<DnsAnswer> answer(QByteArray name, DnsType type) const;
    void add(const QByteArray &name, DnsType type, QByteArray wire);

    std::map<QByteArray, std::map<DnsType, std::vector<QByteArray>>> m_zone;
    std::set<QByteArray> m_timeouts;
    std::vector<std::pair<QByteArray, DnsType>> m_asked;
};

}  // namespace portcullis::test
