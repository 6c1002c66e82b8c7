// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/assembly/LiveRules.h"
#include "appliance/spam/engine/RuleScan.h"
#include "appliance/spam/SpamEngine.h"

namespace portcullis::spam {

/// Points by SpamAssassin's rules, evaluated natively.
class RuleEngine final : public SpamEngine
{
public:
    explicit RuleEngine(std::shared_ptr<const LiveRules> rules);

    Result<SpamFinding> check(const mail::Content &content, const SpamContext &context) override;

private:
    std::shared_ptr<const LiveRules> m_rules;
};

/// The bytes that are looked at: not more than `maxspamsize`.
mail::Content cutForSpam(const mail::Content &content, qint64 maxBytes);
/// What the session knows of the message, as the texts want it.
Arrival arrivalOf(const SpamContext &context);

}  // namespace portcullis::spam
