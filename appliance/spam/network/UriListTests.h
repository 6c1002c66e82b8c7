// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/network/DnsSubtest.h"
#include "appliance/spam/network/LookupHub.h"
#include "appliance/spam/uri/UriList.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::URIDNSBL: lists of domains and hosts in links, of the addresses of their
/// hosts and of their name servers.
class UriListTests final : public NetworkModule
{
public:
    using NetworkModule::NetworkModule;

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void begin(Scan &scan) const override;

private:
    /// What is looked up in a list.
    enum class Subject : quint8 {
        Name,          ///< The domain of a link, or its address: urirhsbl.
        Address,       ///< Addresses of its host and of its name servers: uridnsbl.
        ServerDomain,  ///< The domain of its name servers: urinsrhsbl.
        ServerName,    ///< Their whole name: urifullnsrhsbl.
    };
    struct List {
        const Test *test = nullptr;
        QByteArray zone;
        DnsType type = DnsType::A;
        Subject subject = Subject::Name;
        std::optional<DnsSubtest> subtest;
        bool isForAddresses = true;  ///< Of links with an address; tflags domains_only.
        bool isForDomains = true;    ///< Of links with a name; tflags ips_only.
        bool isUntrimmed = false;    ///< The whole host is asked; tflags notrim.
        bool isOfHost = false;       ///< Subject Address: of the host; tflags a …
        bool isOfServers = false;    ///< … of its name servers; tflags ns, the default.
    };
    void addList(const RuleSet &rules,
                 const char *directive,
                 Subject subject,
                 bool hasSubtest,
                 ProblemSink &problems);
    [[nodiscard]] std::vector<HostDomain> chosenHosts(Scan &scan) const;
    [[nodiscard]] bool isSkipped(const HostDomain &host) const;
    void askForHost(Scan &scan, const HostDomain &host) const;
    void askForServers(Scan &scan, const QByteArray &domain) const;
    void askForAddresses(Scan &scan, const QByteArray &host) const;
    void askList(Scan &scan,
                 const List &list,
                 const QByteArray &subject,
                 const QByteArray &origin) const;
    void judge(Scan &scan,
               const List &list,
               const LookupReply &reply,
               const QByteArray &subject,
               const QByteArray &origin) const;
    [[nodiscard]] bool isActive(Scan &scan, const List &list) const
    {
        return scan.isActive(*list.test);
    }
    [[nodiscard]] bool asksServers(Scan &scan) const;

    std::vector<List> m_lists;
    QSet<QByteArray> m_skippedDomains;
    bool m_isOn = true;
    bool m_skipsMail = true;
    size_t m_mostDomains = 20;
};

}  // namespace portcullis::spam
