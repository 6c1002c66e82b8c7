// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/RuleSet.h"

#include <optional>
#include <vector>

namespace portcullis::filter {

/// An edit that a rule wants on the copies of a group.
struct PlannedEdit {
    size_t rule = 0;  ///< Index into Evaluation::rules.
    rules::ActionPointer action;

    friend bool operator==(const PlannedEdit &a, const PlannedEdit &b)
    {
        return a.rule == b.rule && a.action == b.action;
    }
};

/// Recipients that share one copy of the message: same edits in the same order (design §5.5).
struct CopyGroup {
    std::vector<size_t> recipients;  ///< Indexes into the request's envelope.
    std::vector<PlannedEdit> edits;
    rules::SenderStanding standing = rules::SenderStanding::Unlisted;  ///< Changes the spam macros.
    std::optional<quint32> content;  ///< Index of the finished copy; unset while edits are pending.

    [[nodiscard]] bool isSameCopy(const CopyGroup &other) const
    {
        return edits == other.edits && standing == other.standing;
    }
};

/// Whether an action changes the copy it applies to, rather than causing something beside it.
bool isEdit(const rules::Action &action);

/// Divides `groups` so that each group lies wholly inside or wholly outside `targets`, and gives the
/// indexes of those inside. Recipients without a group (already final) are not touched.
std::vector<size_t> splitByTargets(std::vector<CopyGroup> &groups,
                                   const std::vector<size_t> &targets);

}  // namespace portcullis::filter
