// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/Database.h"

namespace portcullis::store {

/// Creates the database named in the settings if it is not there; true if it did. Needs a role that
/// may create databases. Two starters at once are fine. Errors as Database.
Result<bool> createDatabaseIfMissing(const DatabaseSettings &settings);

/// Drops the database with everything in it, cutting off whoever is connected.
Status dropDatabase(const DatabaseSettings &settings);

}  // namespace portcullis::store
