// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Error.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

namespace portcullis::store {

/// What an SQLSTATE means for us (PostgreSQL manual, appendix A): which error id, and whether trying
/// again can help. `message` is the server's; it names tables and columns, values never.
Error errorForSqlState(const QByteArray &sqlState, const QString &message);

/// A connection that could not be made. libpq gives no SQLSTATE for these, only text.
Error errorForFailedConnect(const QString &message);

}  // namespace portcullis::store
