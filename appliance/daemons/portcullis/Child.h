// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/daemons/portcullis/Accounts.h"
#include "appliance/daemons/portcullis/RestartDelay.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QJsonObject>
#include <QtCore/QObject>
#include <QtCore/QProcess>
#include <QtCore/QSocketNotifier>
#include <QtCore/QTimer>

#include <functional>
#include <memory>

namespace portcullis::daemons {

/// What to start and how to end it.
struct ChildSpec {
    QString name;     ///< For messages: "pmg-smtpd".
    QString program;  ///< Absolute path.
    QStringList arguments;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    std::optional<Account> account;
    QString outputFile;                       ///< stdout and stderr go there; empty: to our stderr.
    int stopSignal = 15;                      ///< SIGTERM.
    int signalIfWeDie = 15;                   ///< PR_SET_PDEATHSIG.
    std::function<bool(qint64 pid)> isReady;  ///< Polled; empty: the child writes to --ready-fd.
    std::chrono::milliseconds grace = std::chrono::seconds(60);  ///< From stopSignal to SIGKILL.
    std::chrono::milliseconds readyWithin = std::chrono::minutes(5);  ///< Then it counts as dead.
    RestartLimits restart;
};

/// One supervised process: started, waited for, started again when it dies, ended on request.
/// Lives on the main thread.
class Child final : public QObject
{
    Q_OBJECT
public:
    explicit Child(ChildSpec spec, QObject *parent = nullptr);
    ~Child() override;

    void start();
    void stop();              ///< Ends in stopped(), at once if it does not run.
    void kill();              ///< Ends the grace period of stop().
    void signal(int number);  ///< SIGHUP.
    void setArguments(const QStringList &arguments) { m_spec.arguments = arguments; }

    [[nodiscard]] const QString &name() const { return m_spec.name; }
    [[nodiscard]] const QStringList &arguments() const { return m_spec.arguments; }
    [[nodiscard]] bool isReady() const { return m_isReady; }
    [[nodiscard]] int deathsBeforeReady() const { return m_deathsBeforeReady; }
    [[nodiscard]] QJsonObject status() const;

Q_SIGNALS:
    void ready(const QJsonObject &message);
    /// It died by itself and will be started again after `delay`.
    void died(const QString &how, std::chrono::milliseconds delay);
    void stopped();

private:
    [[nodiscard]] bool isRunning() const;
    void launch();
    void enterChild(int readyDescriptor) const;
    void onReadable();
    void onPoll();
    void onFinished(int exitCode, QProcess::ExitStatus status);
    void becomeReady(const QJsonObject &message);
    void closeReadyPipe();

    ChildSpec m_spec;
    QProcess m_process;
    RestartDelay m_delay;
    pid_t m_supervisor;
    QTimer m_restart, m_grace, m_poll, m_readyDeadline;
    QElapsedTimer m_lifetime;
    std::unique_ptr<QSocketNotifier> m_readyNotifier;
    QByteArray m_readyBytes;
    int m_readyDescriptor = -1;
    int m_starts = 0;
    int m_deathsBeforeReady = 0;
    bool m_isReady = false;
    bool m_isStopping = false;
};

}  // namespace portcullis::daemons
