// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/Config.h"
#include "appliance/spam/conf/RuleSources.h"
#include "appliance/spam/engine/CompiledRules.h"

/// What pmg.conf means in SpamAssassin's words, so that rules, `custom.cf` and the engine know one
/// language only.
namespace portcullis::filter {

/// Plugins beyond Debian's default ones, as a .pre file has them.
[[nodiscard]] QByteArray spamPluginText(const config::Config &config);

/// Settings and scores, to be read after the stock rules and before the administrator's custom.cf, which
/// may overrule them.
[[nodiscard]] QByteArray spamRuleText(const config::Config &config);

/// Where a gateway's rules are: stock rules as configured, all else below its own root.
[[nodiscard]] spam::RuleSources spamRuleSources(const config::Config &config, const Paths &paths);
[[nodiscard]] spam::EngineSettings spamEngineSettings(const config::Config &config);

}  // namespace portcullis::filter
