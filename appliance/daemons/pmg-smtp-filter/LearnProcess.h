// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSources.h"
#include "appliance/store/DatabaseSettings.h"

#include <QtCore/QString>

namespace portcullis {

/// What the learning process works on.
struct LearnProcessSettings {
    store::DatabaseSettings database;
    QString folder;             ///< spam::learningFolder()
    spam::RuleSources sources;  ///< For the settings of Bayes, and for messages that come whole.
};

/// `pmg-smtp-filter --learn`: takes what workers want learnt to the database, and keeps the snapshots that
/// they look things up in. Runs the event loop until the application quits; the exit code. While the
/// database is away requests wait in the journal, and workers keep the last snapshots.
int runLearnProcess(const LearnProcessSettings &settings);

}  // namespace portcullis
