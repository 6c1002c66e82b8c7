// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QStringList>

namespace portcullis::cli::spamrules {

/// What `pmg-spam` says of these commands.
extern const char learnHelpText[];

/// Whether the arguments of pmg-spam are for `learn` or `bayes`.
[[nodiscard]] bool isLearnCommand(const QStringList &arguments);
/// Runs them; the program's exit code.
int runLearnCommand(const QStringList &arguments);

}  // namespace portcullis::cli::spamrules
