// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Accounts.h"

#include <QtCore/QString>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace portcullis::daemons {

namespace {

Result<Account> findAccount(const char *name, const char *howToCreate)
{
    passwd entry{};
    passwd *found = nullptr;
    std::array<char, 4096> buffer{};
    ::getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
        return Error::permanent(
            "supervisor.no-account",
            QStringLiteral("the system user %1 is missing; create it with: %2")
                .arg(QString::fromLatin1(name), QString::fromLatin1(howToCreate)));
    }
    return Account{name, entry.pw_uid, entry.pw_gid, false};
}

/// Gives up all capabilities but the one for ports below 1024, which an exec then hands on (ambient).
bool keepOnlyLowPorts()
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    constexpr __u32 lowPorts = 1U << CAP_NET_BIND_SERVICE;
    sets[0] = {lowPorts, lowPorts, lowPorts};
    return ::syscall(SYS_capset, &header, sets.data()) == 0
           && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0;
}

}  // namespace

Result<Accounts> Accounts::find()
{
    Accounts accounts;
    if (::geteuid() != 0) {
        return accounts;
    }
    const char *const script = "sh installer/create-users.sh";
    accounts.smtpd = TRY(findAccount("pmg-smtpd", script));
    accounts.smtpd->bindsLowPorts = true;
    accounts.filter = TRY(findAccount("pmg-filter", script));
    accounts.postgres = TRY(findAccount("postgres", "apt-get install postgresql"));
    return accounts;
}

bool becomeAccount(const Account &account)
{
    if (account.bindsLowPorts && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) {
        return false;
    }
    return ::setgroups(0, nullptr) == 0 && ::setgid(account.group) == 0
           && ::setuid(account.user) == 0 && (!account.bindsLowPorts || keepOnlyLowPorts())
           && ::setuid(0) != 0;
}

}  // namespace portcullis::daemons
