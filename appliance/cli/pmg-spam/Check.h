// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/cli/pmg-spam/CheckMail.h"
#include "appliance/cli/pmg-spam/RuleFolders.h"

#include <QtCore/QStringList>

namespace portcullis::cli::spamrules {

struct CheckArguments {
    QString file;  ///< "-": standard input.
    ArrivalWords arrival;
    QStringList explained;  ///< Tests to show the matches of.
    bool isJson = false;
};

/// Prints score and tests of one message. Errors: as readCheckedMail().
Status check(const CheckArguments &arguments, const TrialRules &rules);

}  // namespace portcullis::cli::spamrules
