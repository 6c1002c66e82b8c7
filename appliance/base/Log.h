// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <initializer_list>
#include <utility>

namespace portcullis::log {

enum class Severity { Debug, Info, Notice, Warning, Error, Critical };

/// One `key=value` of a log line. Values are quoted and escaped when they hold anything but
/// printable ASCII without spaces, so that mail can neither forge lines nor steer terminals. A field
/// without a value is left out.
using Field = std::pair<const char *, QByteArray>;

/// Where lines go. Set once in main(), before threads start.
struct Target {
    QByteArray program;   ///< "pmg-smtpd"
    QByteArray filePath;  ///< A file to append to; empty: syslog (datagrams to /dev/log).
    bool echoToStderr = false;
    Severity threshold = Severity::Info;
};
void setTarget(Target target);

/// Writes one line: `time program[pid]: [severity] id: queueId: key=value …`.
///
/// Thread-safe. Never blocks: if the log cannot take a line at once (pipe or disk full, syslog
/// stopped) the line is dropped and counted, and the next successful line reports the number.
/// `id` is the stable name of the event ("smtp.relay-denied"), `queueId` may be empty.
void write(Severity severity,
           const char *id,
           QByteArrayView queueId,
           std::initializer_list<Field> fields);

/// Formats as write() does, without time and program; for tests and for tracking.
QByteArray format(const char *id, QByteArrayView queueId, std::initializer_list<Field> fields);

/// Escapes for one field value: printable ASCII stays, everything else becomes \xNN in quotes.
QByteArray quoted(QByteArrayView value);

}  // namespace portcullis::log
