// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Control.h"

#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtNetwork/QLocalServer>

namespace portcullis::spool {

/// Serves the control socket. Lives in one thread; never blocks it: handlers that take long answer
/// later. Who may connect is decided by the file's mode (0660) and the folder's.
class ControlServer final : public QObject
{
    Q_OBJECT
public:
    explicit ControlServer(ControlLimits limits = {}, QObject *parent = nullptr);
    ~ControlServer() override;

    /// Adds a command; one of the same name is replaced. Unknown ones answer `control.unknown-command`.
    void addCommand(const QByteArray &name, const ControlHandler &handler);

    /// Listens on `path`. A socket left behind by a dead process is replaced; a living one is not.
    /// Errors: `control.in-use`, `control.listen` (permanent).
    Status listen(const QString &path);

private:
    friend class ControlConnection;
    void acceptPending();

    ControlLimits m_limits;
    QLocalServer m_server;
    QHash<QByteArray, ControlHandler> m_handlers;
    int m_connections = 0;
};

}  // namespace portcullis::spool
