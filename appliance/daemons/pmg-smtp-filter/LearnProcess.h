// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/ConfigLoader.h"
#include "appliance/store/DatabaseSettings.h"

namespace portcullis {

/// `pmg-smtp-filter --learn`: takes what workers want learnt to the database, and keeps the snapshots that
/// they look things up in. Follows the configuration and the rules, for the settings of Bayes. Runs the
/// event loop until the application quits; the exit code. While the database is away requests wait in
/// the journal, and workers keep the last snapshots.
int runLearnProcess(const store::DatabaseSettings &database, const config::ConfigLoader &loader);

}  // namespace portcullis
