// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/daemons/portcullis/Accounts.h"
#include "appliance/daemons/portcullis/Child.h"
#include "shared/base/Result.h"

#include <QtCore/QString>

namespace portcullis::daemons {

/// The PostgreSQL server of a private root: its files, its socket and how it is started.
///
/// It listens on a unix socket alone. The role `pmg`, which our programs use, may create databases but
/// is no superuser; the superuser is only reachable for the server's own system user (peer).
class PrivateDatabase
{
public:
    PrivateDatabase(Paths paths, std::optional<Account> account);

    /// True if DIR/etc/pmg/database.dsn names a server that is not ours.
    [[nodiscard]] bool isReplaced() const;

    /// Runs initdb where there are no files yet (seconds; blocks), writes the access rules, the socket
    /// folder and database.dsn. Errors: `supervisor.postgres`, `supervisor.unwritable`.
    Status prepare() const;

    /// Creates the role `pmg`; the server must run. Doing it again is fine.
    Status createRole() const;

    [[nodiscard]] ChildSpec childSpec() const;
    void removeSocketFolder() const;  ///< After the server's end, if it lies outside of the root.

    /// Folder of the socket: DIR/run/pmg/pg, or a short one below /run (root), XDG_RUNTIME_DIR or
    /// /tmp where the path would not fit into a socket address (108 bytes).
    [[nodiscard]] QString socketFolder() const;
    [[nodiscard]] QString dsn() const;

private:
    [[nodiscard]] Status initialise() const;
    [[nodiscard]] Status runAsOwner(const QString &program, const QStringList &arguments) const;
    [[nodiscard]] Status makeFolder(const QString &path, mode_t mode, bool isForGroup) const;
    [[nodiscard]] Status writeFile(const QString &path, const QByteArray &bytes) const;

    Paths m_paths;
    std::optional<Account> m_account;
    QString m_programs;  ///< Folder of initdb and postgres.
};

}  // namespace portcullis::daemons
