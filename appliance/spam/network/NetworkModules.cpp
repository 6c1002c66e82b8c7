// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/NetworkModules.h"

#include "appliance/spam/network/AskDnsTests.h"
#include "appliance/spam/network/HashListTests.h"
#include "appliance/spam/network/RelayListTests.h"
#include "appliance/spam/network/SigningPracticeTests.h"
#include "appliance/spam/network/UriListTests.h"

namespace portcullis::spam {

std::vector<std::shared_ptr<EvalModule>> makeNetworkModules(LookupSource &source,
                                                            const RuleSet &rules)
{
    const auto hub = std::make_shared<LookupHub>(source, rules);
    // AskDnsTests first: it asks once more before it waits for all.
    return {std::make_shared<AskDnsTests>(hub), std::make_shared<HashListTests>(hub),
            std::make_shared<RelayListTests>(hub), std::make_shared<UriListTests>(hub),
            std::make_shared<SigningPracticeTests>(hub)};
}

}  // namespace portcullis::spam
