// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/GlobList.h"
#include "appliance/spam/evals/WelcomeListHosts.h"
#include "appliance/spam/evals/WelcomeListRelays.h"

#include <QtCore/QHash>

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::WLBLEval: addresses and hosts that are welcome or blocked by name.
///
/// Lists: welcomelist_from, welcomelist_to, welcomelist_from_rcvd, def_welcomelist_from_rcvd,
/// welcomelist_allows_relays, blocklist_from, blocklist_to, more_spam_to, all_spam_to, and those that
/// enlist_addrlist and enlist_uri_host name.
class WelcomeListEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    struct Memory;

    void readNamedLists(const RuleSet &rules, ProblemSink &problems);
    Memory &memory(Scan &scan) const;
    int isFromIn(Scan &scan, const QByteArray &list) const;
    int isToIn(Scan &scan, const QByteArray &list) const;
    int isReplyToIn(Scan &scan, const QByteArray &list) const;
    RelayVerdict fromIsWelcome(Scan &scan) const;
    RelayVerdict fromIsWelcomeByDefault(Scan &scan) const;
    int isHostListed(Scan &scan, const QByteArray &list) const;

    QHash<QByteArray, GlobList> m_lists;
    WelcomeListHosts m_hosts;
    WelcomeListRelays m_received;
    WelcomeListRelays m_receivedByDefault;
    GlobList m_allowsRelays;
};

}  // namespace portcullis::spam
