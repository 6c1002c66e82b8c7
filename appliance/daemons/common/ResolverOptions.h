// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/config/Config.h"

namespace portcullis::daemons {

/// What the `dns_…` keys say to a program's resolver.
ResolverSettings resolverSettings(const config::Config &config);

}  // namespace portcullis::daemons
