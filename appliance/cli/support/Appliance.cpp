// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/support/Appliance.h"

#include "appliance/config/ConfigLoader.h"

namespace portcullis::cli {

namespace {

Result<store::DatabaseSettings> settingsFor(const Paths &paths, const QString &dsnOption)
{
    if (!dsnOption.isEmpty()) {
        return store::DatabaseSettings::parse(dsnOption);
    }
    const auto config = config::ConfigLoader(paths).load();
    if (config && !(*config)->admin.databaseDsn.isEmpty()) {
        return store::DatabaseSettings::parse(QString::fromUtf8((*config)->admin.databaseDsn));
    }
    return store::DatabaseSettings::locate(paths);
}

}  // namespace

Result<std::unique_ptr<store::DatabasePool>> openPool(const Paths &paths, const QString &dsnOption)
{
    return std::make_unique<store::DatabasePool>(TRY(settingsFor(paths, dsnOption)));
}

}  // namespace portcullis::cli
