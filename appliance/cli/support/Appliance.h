// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/store/Database.h"
#include "shared/base/Result.h"

#include <QtCore/QString>

#include <memory>

namespace portcullis::cli {

/// The database that a command works on: `--dsn`, else what the appliance itself uses.
Result<std::unique_ptr<store::DatabasePool>> openPool(const Paths &paths, const QString &dsnOption);

}  // namespace portcullis::cli
