// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/network/LookupSource.h"

#include <memory>
#include <vector>

namespace portcullis::spam {

/// The modules of the plugins URIDNSBL, DNSEval, AskDNS and HashBL, and of DKIM's ADSP, which share the lookups of a message.
///
/// Leave them out where nothing may be asked (`rbl_checks` off, local tests only): their functions then
/// are unknown and their tests without effect. They belong to one worker: one thread, one message at a
/// time. `source` outlives them.
std::vector<std::shared_ptr<EvalModule>> makeNetworkModules(LookupSource &source,
                                                            const RuleSet &rules);

}  // namespace portcullis::spam
