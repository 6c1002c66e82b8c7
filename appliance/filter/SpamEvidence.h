// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/filter/SenderCheck.h"
#include "appliance/spam/SenderEvidence.h"

#include <optional>

namespace portcullis::filter {

/// What session and filter found out about the sender, in the words of the spam engine. What was not
/// checked stays away: SPF that is off, DMARC that is off, everything of outgoing mail.
[[nodiscard]] spam::SenderEvidence spamEvidence(const verdict::SessionEvidence &session,
                                                const std::optional<SenderFinding> &sender);

}  // namespace portcullis::filter
