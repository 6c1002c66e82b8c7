// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/DatabaseSettings.h"
#include "shared/base/Result.h"

#include <optional>

namespace portcullis::cli::db {

enum class Existing { Keep, Replace };
enum class Selection { All, Active, Inactive };

/// Creates the database where it is missing, brings its schema up to date and saves the factory rules if
/// none were ever saved. Replace drops everything first.
Status initialise(const store::DatabaseSettings &settings, Existing existing);
Status reset(const store::DatabaseSettings &settings, const QString &author);
Status dump(const store::DatabaseSettings &settings, Selection selection);
Status drop(const store::DatabaseSettings &settings);
Status update(const store::DatabaseSettings &settings);
Status history(const store::DatabaseSettings &settings, int limit);
Status undo(const store::DatabaseSettings &settings,
            const QString &author,
            std::optional<qint64> generation);

}  // namespace portcullis::cli::db
