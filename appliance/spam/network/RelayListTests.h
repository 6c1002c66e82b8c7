// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/network/DnsSubtest.h"
#include "appliance/spam/network/LookupHub.h"
#include "appliance/spam/relays/RelayChain.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::DNSEval: lists of the addresses that handed the message over, and of the
/// names and addresses in its header.
///
/// All tests of kind RblEval that are active ask in begin(); their functions have nothing left to do.
class RelayListTests final : public NetworkModule
{
public:
    using NetworkModule::NetworkModule;

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void begin(Scan &scan) const override;

private:
    /// One test: what it asks, and what the answer must look like.
    struct List {
        const Test *test = nullptr;
        QByteArray function;
        QByteArray set;  ///< "zen-lastexternal": the ending chooses the addresses.
        QByteArray zone;
        DnsType type = DnsType::A;
        std::optional<DnsSubtest> subtest;
        QByteArray extra;  ///< Further argument: header names, an accreditor.
        bool isForAddresses = true;
        bool isForDomains = true;
        bool isNice = false;
    };
    /// A check_rbl_sub, which looks at the answers of the lists of its set.
    struct SubTest {
        const Test *test = nullptr;
        DnsSubtest subtest;
    };
    /// Addresses of the relays of one message.
    struct Hops {
        bool hasAny = false;
        std::vector<QByteArray> untrusted;
        std::vector<QByteArray> external;
        std::vector<QByteArray> originating;
    };

    bool addList(const Test &test, const EvalCall &call, ProblemSink &problems);
    bool addSubTest(const Test &test, const EvalCall &call, ProblemSink &problems);
    [[nodiscard]] Hops hopsOf(Scan &scan) const;
    [[nodiscard]] std::vector<QByteArray> addressesFor(const List &list, const Hops &hops) const;
    void askRelays(Scan &scan, const List &list, const Hops &hops) const;
    void askAddresses(Scan &scan, const List &list, const std::vector<QByteArray> &mailboxes) const;
    void askHeaders(Scan &scan, const List &list) const;
    void askLastRelay(Scan &scan, const List &list) const;
    void askServers(Scan &scan, const List &list) const;
    void askHost(Scan &scan, const List &list, const QByteArray &host) const;
    void askName(Scan &scan, const List &list, const QByteArray &name) const;
    void judge(Scan &scan, const List &list, const LookupReply &reply) const;
    void start(Scan &scan, const List &list, const Hops &hops) const;

    std::vector<List> m_lists;
    QHash<QByteArray, std::vector<SubTest>> m_subTests;  ///< By set.
    NetworkSet m_trusted;
    std::vector<QByteArray> m_originatingHeaders;
    QByteArray m_listedHeaders;
    size_t m_mostRelays = 9;
    bool m_isOn = true;
};

}  // namespace portcullis::spam
