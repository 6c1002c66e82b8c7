// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/network/DnsSubtest.h"
#include "appliance/spam/network/LookupHub.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::AskDNS: lookups whose names are made from tags of the message.
///
/// Tests whose tags are known at the beginning ask then; the others when local tests have set them.
class AskDnsTests final : public NetworkModule
{
public:
    using NetworkModule::NetworkModule;

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void begin(Scan &scan) const override;
    void finish(Scan &scan) const override;

private:
    struct Lookup {
        const Test *test = nullptr;
        QByteArray query;              ///< With "_TAG_"s.
        std::vector<QByteArray> tags;  ///< "DKIMDOMAIN", "HEADER(Reply-To:addr:domain)"
        DnsType type = DnsType::A;
        std::optional<DnsSubtest> subtest;
    };

    static void setTagsOfHeader(Scan &scan);
    void askWhatIsReady(Scan &scan) const;
    void start(Scan &scan, const Lookup &lookup) const;
    void judge(Scan &scan, const Lookup &lookup, const LookupReply &reply) const;

    std::vector<Lookup> m_lookups;
};

}  // namespace portcullis::spam
