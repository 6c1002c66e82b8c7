// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Accounts.h"

#include <QtCore/QString>

#include <grp.h>
#include <pwd.h>
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
    return Account{name, entry.pw_uid, entry.pw_gid};
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
    accounts.filter = TRY(findAccount("pmg-filter", script));
    accounts.postgres = TRY(findAccount("postgres", "apt-get install postgresql"));
    return accounts;
}

bool becomeAccount(const Account &account)
{
    return ::setgroups(0, nullptr) == 0 && ::setgid(account.group) == 0
           && ::setuid(account.user) == 0 && ::setuid(0) != 0;
}

}  // namespace portcullis::daemons
