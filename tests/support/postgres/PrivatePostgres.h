// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/DatabaseSettings.h"
#include "shared/base/Result.h"

#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>

#include <memory>

namespace portcullis::testing {

/// A PostgreSQL server of this test alone: in a temporary folder, on a unix socket, without
/// durability, gone when the object goes (also when the test is killed: the server is told to end with
/// us). Run as root it runs the server as user postgres.
///
/// `initdb` runs once per machine; its result is kept beside the system's temporary files and copied.
class PrivatePostgres
{
public:
    /// Starts the server and creates an empty database `pmg`. Error `test.postgres` if no server is
    /// installed or it does not start; tests then QSKIP with its detail.
    static Result<std::unique_ptr<PrivatePostgres>> start();
    ~PrivatePostgres();

    [[nodiscard]] store::DatabaseSettings settings(
        const QString &database = QStringLiteral("pmg")) const;
    [[nodiscard]] QString dsn() const;  ///< For programs: --dsn, PMG_DSN.

    /// One more empty database, so that each test function can have its own.
    Status createDatabase(const QString &name);

    /// @name Failures to inject (F6)
    /// @{
    Status stop();     ///< Fast shutdown: connections are cut.
    Status restart();  ///< Starts it again on the same data.
    void freeze();     ///< SIGSTOP for all of the server's processes: answers nothing.
    void thaw();
    /// @}

private:
    PrivatePostgres();
    Status launch();
    Status waitUntilReady();

    QTemporaryDir m_folder;
    QProcess m_server;
};

}  // namespace portcullis::testing
