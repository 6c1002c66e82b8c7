// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/CopyGroup.h"

#include <algorithm>

namespace portcullis::filter {

bool isEdit(const rules::Action &action)
{
    return std::holds_alternative<rules::HeaderAction>(action.data)
           || std::holds_alternative<rules::RemoveAction>(action.data)
           || std::holds_alternative<rules::DisclaimerAction>(action.data);
}

std::vector<size_t> splitByTargets(std::vector<CopyGroup> &groups,
                                   const std::vector<size_t> &targets)
{
    const auto isTarget = [&targets](size_t recipient) {
        return std::ranges::find(targets, recipient) != targets.end();
    };
    std::vector<size_t> inside;
    const size_t count = groups.size();
    for (size_t i = 0; i < count; ++i) {
        auto &recipients = groups[i].recipients;
        const auto middle = std::stable_partition(recipients.begin(), recipients.end(), isTarget);
        if (middle == recipients.begin()) {
            continue;
        }
        inside.push_back(i);
        if (middle != recipients.end()) {
            CopyGroup rest = groups[i];
            rest.recipients.assign(middle, recipients.end());
            recipients.erase(middle, recipients.end());
            groups.push_back(std::move(rest));
        }
    }
    return inside;
}

}  // namespace portcullis::filter
