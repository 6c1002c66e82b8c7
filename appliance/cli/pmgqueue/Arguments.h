// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Control.h"
#include "shared/base/Result.h"

#include <QtCore/QString>
#include <QtCore/QStringList>

namespace portcullis::pmgqueue {

/// What the user has asked for.
struct Arguments {
    QString root;
    bool isJson = false;
    bool isConfirmed = false;  ///< --yes
    bool isHelp = false;
    bool isVersion = false;
    bool wantsAll = false;  ///< `list` goes through all pages.
    spool::ControlRequest request;
};

/// Errors: `usage` (permanent); the caller prints the usage and exits with 2.
Result<Arguments> parseArguments(const QStringList &words);

[[nodiscard]] QByteArray usage();

}  // namespace portcullis::pmgqueue
