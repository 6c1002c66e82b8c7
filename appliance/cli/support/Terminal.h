// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonValue>
#include <QtCore/QString>
#include <QtCore/QStringList>

#include <vector>

/// What the commands that show mail have in common.
namespace portcullis::cli {

enum ExitCode { Success = 0, Failure = 1, Usage = 2 };

void print(const QString &text);                              ///< To standard output.
void printBytes(const QByteArray &bytes);                     ///< To standard output, as they are.
void printJson(const QJsonValue &value);                      ///< An object or array, indented.
int fail(const Error &error);                                 ///< To standard error; gives Failure.
int usageError(const char *program, const QString &problem);  ///< Gives Usage.

/// Text of a mail on a terminal: control characters, bidirectional overrides and line breaks become
/// spaces or '?', so that nothing a sender wrote can move the cursor or forge a line.
QString printable(const QString &text, int maxLength = 200);

/// Columns padded to the widest cell, two spaces between; the last is not padded.
QString table(const std::vector<QStringList> &rows);

/// Local time, seconds.
QString localTime(Clock::WallTime time);
/// UTC with microseconds, ISO 8601, for JSON.
QString isoTime(Clock::WallTime time);

/// "2026-11-21", "2026-11-21 08:00", "2026-11-21T08:00:00" (local time), with "Z" (UTC), or a span back
/// from now: "30m", "2h", "7d". Errors: `cli.time` (permanent).
Result<Clock::WallTime> parseTime(const QString &text, Clock::WallTime now);

}  // namespace portcullis::cli
