// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"

#include <functional>
#include <memory>
#include <vector>

namespace portcullis::spam {

using ModuleList = std::vector<std::shared_ptr<EvalModule>>;
/// Makes modules anew for every rule set: they are configured once.
using ModuleMaker = std::function<ModuleList(const RuleSet &rules)>;

/// The eval functions that need nothing but the message: those of the plugins that Debian loads.
ModuleList localModules();

}  // namespace portcullis::spam
