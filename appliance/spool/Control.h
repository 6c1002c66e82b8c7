// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>

#include <chrono>
#include <functional>

/// The control protocol of pmg-smtpd, spoken on Paths::controlSocket() by `pmgqueue` and others.
///
/// A request is one line of JSON, `{"command":"show","arguments":{…},"bytes":N}` and LF, followed by
/// exactly N raw bytes (0 if "bytes" is absent). The reply has the same shape:
/// `{"ok":true,"result":{…},"bytes":N}` or `{"ok":false,"error":{"id":…,"persistence":…,"detail":…}}`.
/// One request follows the other on a connection; there is no pipelining.
namespace portcullis::spool {

struct ControlRequest {
    QByteArray command;
    QJsonObject arguments;
    QByteArray body;  ///< Raw bytes, e.g. a message to submit.
};

struct ControlReply {
    QJsonObject result;
    QByteArray body;  ///< Raw bytes, e.g. a message shown.
};

/// Bounds of the protocol.
struct ControlLimits {
    qint64 lineBytes = 1024 * 1024;            ///< Range 4 KiB … 16 MiB. Header line, either way.
    qint64 requestBytes = 64 * 1024 * 1024;    ///< Range 0 … 1 GiB. Raw bytes of a request.
    qint64 replyBytes = 1024LL * 1024 * 1024;  ///< Range 0 … 4 GiB. Raw bytes of a reply.
    int connections = 32;                      ///< Range 1 … 1000. Further ones are closed.
    std::chrono::milliseconds idle = std::chrono::minutes(5);  ///< Range 1 s … 1 h.
};

/// @name The first line of a request or reply
/// @{
struct ControlHeader {
    QJsonObject fields;
    qint64 bytes = 0;  ///< Raw bytes that follow.
};
/// Errors: `control.protocol` (permanent).
Result<ControlHeader> parseControlLine(const QByteArray &line);
[[nodiscard]] QByteArray toControlLine(QJsonObject fields, qint64 bytes);
/// @}

/// Answers a request exactly once, at once or later, in the server's thread.
using ControlAnswer = std::function<void(Result<ControlReply>)>;
using ControlHandler = std::function<void(const ControlRequest &request, ControlAnswer answer)>;

}  // namespace portcullis::spool
