// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Control.h"

#include <QtCore/QString>

#include <memory>

class QLocalSocket;

namespace portcullis::spool {

/// Asks pmg-smtpd, waiting for each answer. For commands; needs no event loop.
class ControlClient
{
public:
    /// Errors: `control.not-running` (transient): nobody listens on `path`.
    static Result<ControlClient> connect(const QString &path, ControlLimits limits = {});
    ~ControlClient();
    ControlClient(ControlClient &&) noexcept;
    ControlClient &operator=(ControlClient &&) noexcept;

    /// Errors: what the server answered, `control.timeout`, `control.protocol`, `control.lost`.
    Result<ControlReply> call(const ControlRequest &request,
                              std::chrono::milliseconds timeout = std::chrono::seconds(60));

private:
    ControlClient(std::unique_ptr<QLocalSocket> socket, ControlLimits limits);

    std::unique_ptr<QLocalSocket> m_socket;
    ControlLimits m_limits;
};

}  // namespace portcullis::spool
