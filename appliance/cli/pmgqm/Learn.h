// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/Config.h"
#include "appliance/quarantine/QuarantineStore.h"
#include "appliance/spam/learning/LearnRequest.h"

namespace portcullis::cli::qm {

/// Where spam/learn_from_quarantine is on: what a person decides about a mail in the spam quarantine is
/// put into the journal of learning. Never keeps anybody from deciding: a failure is only told.
void learnFromDecision(const quarantine::EntryId &id,
                       spam::LearnAs as,
                       const config::Config &config,
                       const Paths &paths,
                       quarantine::QuarantineStore &store);

}  // namespace portcullis::cli::qm
