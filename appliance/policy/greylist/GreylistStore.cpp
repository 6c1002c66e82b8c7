// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/GreylistStore.h"

#include <algorithm>

namespace portcullis::policy::greylist {

void mergeInto(StoredTriplet &known, const StoredTriplet &other)
{
    if (known.expires <= other.first) {
        known = other;
        return;
    }
    if (other.expires <= known.first) {
        return;
    }
    const bool isFirstPass = other.isPassed && !known.isPassed;
    const bool wasFirstPass = known.isPassed && !other.isPassed;
    if (isFirstPass) {
        known.expires = other.expires;
    } else if (!wasFirstPass) {
        known.expires = std::max(known.expires, other.expires);
    }
    known.first = std::min(known.first, other.first);
    known.isPassed = known.isPassed || other.isPassed;
    known.deferrals += other.deferrals;
    known.passes += other.passes;
}

}  // namespace portcullis::policy::greylist
