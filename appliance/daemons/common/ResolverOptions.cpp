// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/common/ResolverOptions.h"

namespace portcullis::daemons {

ResolverSettings resolverSettings(const config::Config &config)
{
    ResolverSettings settings;
    settings.servers = config.mail.dnsServers;
    settings.timeout = config.mail.dnsTimeout;
    settings.trustAnchorFile = config.mail.dnsTrustAnchor;
    return settings;
}

}  // namespace portcullis::daemons
