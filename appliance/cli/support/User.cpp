// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/support/User.h"

#include <pwd.h>
#include <unistd.h>

namespace portcullis::cli {

QString userName()
{
    const QString behindSudo = qEnvironmentVariable("SUDO_USER");
    if (!behindSudo.isEmpty()) {
        return behindSudo;
    }
    const passwd *entry = ::getpwuid(::getuid());
    return entry != nullptr ? QString::fromLocal8Bit(entry->pw_name) : QString::number(::getuid());
}

}  // namespace portcullis::cli
