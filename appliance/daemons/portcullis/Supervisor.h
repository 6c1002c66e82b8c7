// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/daemons/portcullis/Accounts.h"
#include "appliance/daemons/portcullis/Arguments.h"
#include "appliance/daemons/portcullis/Child.h"
#include "appliance/daemons/portcullis/InstanceLock.h"
#include "appliance/daemons/portcullis/PrivateDatabase.h"

#include <QtCore/QJsonObject>
#include <QtCore/QObject>
#include <QtCore/QProcess>
#include <QtCore/QTimer>

#include <memory>
#include <vector>

namespace portcullis::daemons {

/// `portcullis run`: brings all programs of one root folder up, keeps them up and ends them in order.
///
/// PostgreSQL first, then `pmgdb init`, then filter and SMTP, behind a Postfix its policy service. When the database does not come up but
/// rules of an earlier run are at hand, mail starts without it. Lives on the main thread; the event
/// loop ends with the exit code.
class Supervisor final : public QObject
{
    Q_OBJECT
public:
    explicit Supervisor(Arguments arguments, QObject *parent = nullptr);
    ~Supervisor() override;

    /// Takes the lock and prepares the folder; then everything goes on from the event loop.
    /// Errors: those of InstanceLock, prepareLayout(), Accounts and ConfigLoader.
    Status start();

    void onSignal(int number);  ///< SIGTERM and SIGINT end, a second one hurries; SIGHUP reloads.

private:
    void chooseDatabase(const QString &configuredDsn);
    void startDatabase();
    void initialiseDatabase();
    void onInitialised(int exitCode, QProcess::ExitStatus status);
    void startMail();
    void startMailProgram(std::unique_ptr<Child> &child, ChildSpec spec);
    void adopt(Child &child);
    void onReady(Child &child, const QJsonObject &message);
    void onDied(Child &child, const QString &how, std::chrono::milliseconds delay);
    void announceWhenComplete();
    void stopNext();
    void giveUp(const QString &reason);

    [[nodiscard]] ChildSpec smtpdSpec() const;
    [[nodiscard]] ChildSpec filterSpec() const;
    [[nodiscard]] ChildSpec policySpec() const;
    [[nodiscard]] std::vector<Child *> mailPrograms() const;
    [[nodiscard]] QProcessEnvironment childEnvironment() const;
    [[nodiscard]] QString programPath(const char *name) const;
    void writeStatus() const;
    void event(const QJsonObject &line) const;  ///< One line of JSON on stdout.
    void progress(const QString &text) const;   ///< For people, on stderr.

    Arguments m_arguments;
    Paths m_paths;
    std::unique_ptr<InstanceLock> m_lock;
    Accounts m_accounts;
    std::unique_ptr<PrivateDatabase> m_database;  ///< Empty: a foreign server is used.
    std::unique_ptr<Child> m_postgres, m_filter, m_smtpd, m_policy;
    QProcess m_initialise;
    QTimer m_retryInitialise, m_databasePatience;
    QJsonObject m_ports;
    bool m_isBehindPostfix = false;  ///< As configured at the start; a change needs another.
    bool m_isInitialised = false;
    bool m_isAnnounced = false;
    bool m_isStopping = false;
    int m_exitCode = 0;
};

/// `portcullis status` and `stop`; the exit code.
int printStatus(const Paths &paths);
int stopInstance(const Paths &paths);

}  // namespace portcullis::daemons
