// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/SpamEngine.h"

namespace portcullis::spam {

/// Knows one spam: the Generic Test for Unsolicited Bulk Email, with which an administrator proves
/// that the spam rules act. It scores 1,000 points, as in SpamAssassin.
class GtubeEngine final : public SpamEngine
{
public:
    Result<SpamFinding> check(const mail::Content &content, const SpamContext &context) override;
};

}  // namespace portcullis::spam
