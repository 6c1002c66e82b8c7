// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/session/PolicyServices.h"

namespace portcullis::policy {

namespace {

HeloSettings heloSettings(const config::Config &config)
{
    HeloSettings settings;
    settings.ownNames = {config.fqdn};
    for (const config::Network &network : config.ownAddresses) {
        // Loopback is there as a whole network; a stranger that says [127.0.0.1] lies as well.
        settings.ownAddresses.push_back(network.address());
    }
    settings.ownAddresses.push_back(QHostAddress(QHostAddress::LocalHost));
    return settings;
}

}  // namespace

Result<std::shared_ptr<const PolicySettings>> PolicySettings::from(
    std::shared_ptr<const config::Config> config)
{
    const config::MailSettings &mail = config->mail;
    DnsblSites sites;
    if (mail.useRbl) {
        sites = TRY(DnsblSites::parse(mail.dnsblSites, mail.dnsblThreshold));
    }
    auto settings = std::make_shared<PolicySettings>();
    settings->dnsblSites = std::make_shared<const DnsblSites>(std::move(sites));
    settings->helo = HeloTest(heloSettings(*config));
    settings->config = std::move(config);
    return std::shared_ptr<const PolicySettings>(std::move(settings));
}

greylist::GreylistSettings greylistSettings(const config::Config &config)
{
    greylist::GreylistSettings settings;
    settings.delay = config.mail.greylistDelay;
    settings.mask4 = config.mail.greylistMask4;
    settings.isIpv6Greylisted = config.mail.greylist6;
    settings.mask6 = config.mail.greylistMask6;
    return settings;
}

PolicyServices::PolicyServices(const Clock &usedClock,
                               std::shared_ptr<const PolicySettings> settings,
                               greylist::Greylist &usedGreylist,
                               const AllowList &usedAllowList,
                               ReceiverCheck &usedReceiverCheck)
    : clock(usedClock)
    , greylisting(usedGreylist)
    , allowList(usedAllowList)
    , receiverCheck(usedReceiverCheck)
    , dnsblHealth(usedClock)
    , dnsblCache(usedClock)
    , clientMemory(usedClock)
{
    setSettings(std::move(settings));
}

std::shared_ptr<const PolicySettings> PolicyServices::settings() const
{
    const std::scoped_lock lock(m_mutex);
    return m_settings;
}

void PolicyServices::setSettings(std::shared_ptr<const PolicySettings> settings)
{
    greetWait.setNormal(settings->config->mail.greetWait);
    greylisting.setSettings(greylistSettings(*settings->config));
    const std::scoped_lock lock(m_mutex);
    m_settings = std::move(settings);
}

}  // namespace portcullis::policy
