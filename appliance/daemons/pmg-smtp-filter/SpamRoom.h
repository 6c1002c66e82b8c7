// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/Config.h"
#include "appliance/spam/assembly/LiveRules.h"
#include "appliance/spam/SpamEngine.h"

#include <memory>

namespace portcullis {

/// The spam rules as the master of pmg-smtp-filter holds them: compiled before workers are forked, who
/// share the memory; compiled again when files or
/// settings change, or Bayes has learnt enough to have a say. Broken files leave the rules in use.
class SpamRoom
{
public:
    /// Loads what is new. Rules never keep the filter from starting: what cannot be used is in the log.
    void prepare(const config::Config &config, const Paths &paths);
    /// To be asked now and then, see LiveRules::hasChanged().
    [[nodiscard]] bool needsReload();
    [[nodiscard]] std::unique_ptr<spam::SpamEngine> makeEngine() const;

private:
    void load(spam::RuleOrigin origin);
    void refresh();

    QByteArray m_stamp;  ///< Of the settings that the rules were compiled with.
    std::shared_ptr<spam::LiveRules> m_rules;
};

}  // namespace portcullis
