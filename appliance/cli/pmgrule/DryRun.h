// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/verdict/Verdict.h"
#include "shared/base/Result.h"

#include <QtCore/QStringList>

namespace portcullis::cli::rule {

/// What `pmgrule test` was asked; texts as given.
struct DryRunArguments {
    QString file;    ///< "-": standard input.
    QString sender;  ///< Empty or "<>": the null reverse-path.
    QStringList recipients;
    QString clientAddress;
    QString direction;
    bool isJson = false;
};

/// Checks the arguments and reads the message; bare line ends become CRLF, as SMTP would carry it.
/// Errors: `pmgrule.usage` (permanent) for arguments, `pmgrule.file` for the file.
Result<verdict::FilterRequest> dryRunRequest(const DryRunArguments &arguments);

/// Asks the running filter and prints its explanation; nothing is stored, sent or counted.
Status dryRun(const DryRunArguments &arguments, const Paths &paths);

}  // namespace portcullis::cli::rule
