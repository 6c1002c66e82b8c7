// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/assembly/LiveRules.h"
#include "shared/base/Result.h"

#include <QtCore/QStringList>

namespace portcullis::cli::spamrules {

struct CheckArguments {
    QString file;           ///< "-": standard input.
    QString sender;         ///< Reverse-path.
    QString clientAddress;  ///< Empty: only what the message says of its way.
    QStringList explained;  ///< Tests to show the matches of.
    bool isJson = false;
};

/// Prints score and tests of one message. Errors: `pmg-spam.usage`, `pmg-spam.file` (permanent).
Status check(const CheckArguments &arguments, const spam::RuleOrigin &origin);

}  // namespace portcullis::cli::spamrules
