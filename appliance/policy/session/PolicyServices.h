// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/policy/AllowList.h"
#include "appliance/policy/dnsbl/DnsblCheck.h"
#include "appliance/policy/greylist/Greylist.h"
#include "appliance/policy/protocol/ClientMemory.h"
#include "appliance/policy/protocol/GreetWait.h"
#include "appliance/policy/protocol/HeloTest.h"
#include "appliance/policy/protocol/ReverseName.h"
#include "appliance/policy/protocol/SenderDomain.h"
#include "appliance/policy/ReceiverCheck.h"

#include <atomic>
#include <memory>
#include <mutex>

namespace portcullis::policy {

/// The configuration as the checks use it: what has to be parsed is parsed.
struct PolicySettings {
    std::shared_ptr<const config::Config> config;
    std::shared_ptr<const DnsblSites> dnsblSites;  ///< Empty where `use_rbl` is off.
    HeloTest helo;

    /// Error: `dnsbl.syntax`.
    static Result<std::shared_ptr<const PolicySettings>> from(
        std::shared_ptr<const config::Config> config);
};

/// Settings of greylisting by the configuration.
greylist::GreylistSettings greylistSettings(const config::Config &config);

/// What the checks of all threads share. Thread-safe; outlives every session.
class PolicyServices
{
public:
    PolicyServices(const Clock &clock,
                   std::shared_ptr<const PolicySettings> settings,
                   greylist::Greylist &greylisting,
                   const AllowList &allowList,
                   ReceiverCheck &receiverCheck);
    Q_DISABLE_COPY_MOVE(PolicyServices)

    [[nodiscard]] std::shared_ptr<const PolicySettings> settings() const;
    void setSettings(std::shared_ptr<const PolicySettings> settings);  ///< A reload.

    const Clock &clock;
    greylist::Greylist &greylisting;
    const AllowList &allowList;
    ReceiverCheck &receiverCheck;
    DnsblHealth dnsblHealth;
    DnsblCache dnsblCache;
    ClientMemory clientMemory;
    GreetWait greetWait;
    std::atomic<int> openSessions{0};
    std::atomic<quint64> testedSites{0};  ///< Stamp of the lists that were tested last.

private:
    mutable std::mutex m_mutex;
    std::shared_ptr<const PolicySettings> m_settings;
};

}  // namespace portcullis::policy
