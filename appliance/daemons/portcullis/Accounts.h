// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>

#include <sys/types.h>

#include <optional>

namespace portcullis::daemons {

/// A system user to run a child as.
struct Account {
    QByteArray name;
    uid_t user = 0;
    gid_t group = 0;
    bool bindsLowPorts = false;  ///< Keeps CAP_NET_BIND_SERVICE, and nothing else of root's rights.
};

/// The system users of the appliance. As an ordinary user everything runs under one uid and all of
/// these are empty.
struct Accounts {
    std::optional<Account> smtpd;  ///< pmg-smtpd: talks to the internet, owns the queue.
    std::optional<Account>
        filter;  ///< pmg-filter: reads hostile content, owns nothing but scratch.
    std::optional<Account> postgres;  ///< postgres, from Debian's package.

    /// Root needs all of them. Error `supervisor.no-account` with the command that creates them.
    static Result<Accounts> find();
};

/// Becomes that user for good, supplementary groups included. Between fork and exec: async-signal-safe
/// apart from initgroups(), which is left out on purpose. False if any step failed.
bool becomeAccount(const Account &account);

}  // namespace portcullis::daemons
