// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/Config.h"
#include "appliance/spam/assembly/LiveRules.h"
#include "appliance/spam/SpamEngine.h"

#include <memory>

namespace portcullis {

/// The spam rules as the master of pmg-smtp-filter holds them: compiled before workers are forked, who
/// share the memory; compiled again when files or settings change. Broken files leave the rules in use.
class SpamRoom
{
public:
    /// Loads what is new. Rules never keep the filter from starting: what cannot be used is in the log.
    void prepare(const config::Config &config, const Paths &paths);
    [[nodiscard]] bool needsReload() const;
    [[nodiscard]] std::unique_ptr<spam::SpamEngine> makeEngine() const;

private:
    void load(spam::RuleOrigin origin);
    void refresh();

    spam::RuleSources m_sources;
    QByteArray m_stamp;                   ///< Of the settings that the rules were compiled with.
    std::vector<spam::FileMark> m_marks;  ///< Of the last load that was tried.
    std::shared_ptr<spam::LiveRules> m_rules;
};

}  // namespace portcullis
