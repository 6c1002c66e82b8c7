// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineStore.h"
#include "shared/base/Result.h"

#include <QtCore/QString>
#include <QtCore/QStringList>

#include <vector>

namespace portcullis::cli::qm {

enum class Command { List, Show, Get, Release, Delete, Purge, Status };

/// What the command line of pmgqm says.
struct Arguments {
    Command command = Command::List;
    bool wantsHelp = false;
    bool isJson = false;
    QString root;
    QString dsn;
    quarantine::EntryQuery query;
    std::vector<quarantine::EntryId> ids;
    QString to;      ///< release: another recipient; empty: the original one.
    QString sender;  ///< release: "original", "null", an address; empty: postmaster.

    /// Errors: `cli.usage` (permanent) with what is wrong.
    static Result<Arguments> parse(const QStringList &commandLine);
};

extern const char helpText[];

}  // namespace portcullis::cli::qm
