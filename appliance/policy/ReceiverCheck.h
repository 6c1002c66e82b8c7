// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"

#include <QtCore/QByteArray>
#include <QtCore/QObject>

#include <functional>

namespace portcullis::policy {

/// What a probe of the next hop says of a recipient.
struct ReceiverState {
    enum class Kind {
        Exists,    ///< RCPT was accepted, or the next hop accepts everything.
        Unknown,   ///< RCPT was refused for good (5yz).
        Undecided  ///< Refused for now, or the next hop cannot be reached: nothing is known.
    };
    Kind kind = Kind::Undecided;
    QByteArray reply;  ///< The next hop's words, or why there are none; printable ASCII.
};

/// Receiver verification (`verifyreceivers`): whether the server behind us knows a recipient.
///
/// Thread-safe. Answers come from a cache where it knows; else the next hop is asked, one probe at a
/// time for an address, whoever waits for it.
class ReceiverCheck
{
public:
    using Callback = std::function<void(const ReceiverState &)>;

    virtual ~ReceiverCheck() = default;

    /// `done` runs exactly once on `context`'s thread, never before verify() has returned and not at
    /// all after `context` is gone. It comes within the time limit of a probe, whatever happens.
    virtual void verify(const mail::Address &recipient, QObject *context, Callback done) = 0;
};

}  // namespace portcullis::policy
