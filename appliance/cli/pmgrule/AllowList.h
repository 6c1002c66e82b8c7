// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/cli/pmgrule/Edit.h"

#include <QtCore/QStringList>

namespace portcullis::cli::rule {

/// The SMTP allow list. Errors: `pmgrule.usage` (unknown kind), `pmgrule.no-entry`, `rules.object`
/// naming what is wrong with a value; then nothing is changed.
Status listAllowList(store::Database &database, Format format);
Status addToAllowList(store::Database &database, const QString &kind, const QStringList &values);

/// `wanted` are ids or values as the list shows them.
Status removeFromAllowList(store::Database &database, const QStringList &wanted);

/// Prints which entries match; error `pmgrule.no-match` if none does. Empty: not asked for.
Status testAllowList(store::Database &database,
                     const QString &client,
                     const QString &sender,
                     const QString &recipient);

}  // namespace portcullis::cli::rule
