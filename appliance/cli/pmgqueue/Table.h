// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Control.h"

namespace portcullis::pmgqueue {

/// Shows a reply to people. Control characters of what strangers have sent become '?', so that a
/// message cannot steer the terminal; raw message text goes out as it is only where that was asked for.
[[nodiscard]] QByteArray render(const QByteArray &command, const spool::ControlReply &reply);

[[nodiscard]] QByteArray harmless(const QString &text);

}  // namespace portcullis::pmgqueue
