// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Control.h"
#include "appliance/spool/Spool.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>
#include <QtCore/QThreadPool>

#include <functional>

namespace portcullis::spool {

class ControlServer;

/// Which entries shall be tried at once.
struct FlushRequest {
    QByteArray id;      ///< One entry; or
    QByteArray domain;  ///< all that wait for this domain; or, both empty, all.
};
/// Supplied by the delivery: tries the entries now, whatever their nextAttempt says.
using FlushFunction = std::function<void(const FlushRequest &)>;

/// What `pmgqueue` and the API show of the queue. The commands and their arguments:
///  - `list` {stage?, domain?, limit?, cursor?} → {entries: [{id, stage, arrival, sender, recipients,
///    size, reason, next_attempt, direction}], cursor?, recovering}
///  - `shape` {stage?} → {rows: [{domain, total, ages: […]}]}
///  - `show` {id, part: "meta"|"header"|"body"|"message"} → metadata, or the bytes as body
///  - `statistics` {} → counts by stage, damages
///  - `flush` {id? | domain? | all: true}, `hold` {id, reason?}, `release` {id}
///  - `delete` {id} | {stage, all: true} → {deleted: n}
class QueueCommands
{
public:
    /// `spool` must outlive this. Without `flush` the command answers `queue.no-delivery`.
    explicit QueueCommands(Spool &spool, FlushFunction flush = {});
    ~QueueCommands();
    Q_DISABLE_COPY_MOVE(QueueCommands)

    /// Adds all commands to `server`, which must not outlive this. They read and write in a thread of
    /// their own; `flush` is called in the server's thread.
    void registerWith(ControlServer &server);

    /// Runs one command in the calling thread, waiting: how `pmgqueue` reads a queue at rest.
    [[nodiscard]] Result<ControlReply> run(const ControlRequest &request) const;

private:
    [[nodiscard]] Result<ControlReply> list(const QJsonObject &arguments) const;
    [[nodiscard]] Result<ControlReply> shape(const QJsonObject &arguments) const;
    [[nodiscard]] Result<ControlReply> show(const QJsonObject &arguments) const;
    [[nodiscard]] Result<ControlReply> statistics() const;
    [[nodiscard]] Result<ControlReply> flush(const QJsonObject &arguments) const;
    [[nodiscard]] Result<ControlReply> hold(const QJsonObject &arguments) const;
    [[nodiscard]] Result<ControlReply> release(const QJsonObject &arguments) const;
    [[nodiscard]] Result<ControlReply> remove(const QJsonObject &arguments) const;
    [[nodiscard]] QJsonObject rowOf(const EntrySummary &summary) const;

    Spool &m_spool;
    FlushFunction m_flush;
    QThreadPool m_pool;
};

}  // namespace portcullis::spool
