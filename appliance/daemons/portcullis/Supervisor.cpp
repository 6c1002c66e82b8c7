// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Supervisor.h"

#include "appliance/config/ConfigLoader.h"
#include "appliance/daemons/portcullis/Layout.h"
#include "appliance/daemons/portcullis/Leftovers.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QSaveFile>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

namespace portcullis::daemons {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int earlyDeathsAllowed = 3;  ///< Before the first `ready`; then starting is given up.
constexpr auto databasePatience = seconds(10);
constexpr auto initialiseAgainAfter = seconds(5);
constexpr auto stopPatience = std::chrono::minutes(3);
constexpr int notRunningExitCode = 3;  // as in the LSB's init script actions

QByteArray toLine(const QJsonObject &object)
{
    return QJsonDocument(object).toJson(QJsonDocument::Compact) + '\n';
}

/// What a program is listening on, into what is told of all.
void addPorts(QJsonObject &ports, const QJsonObject &readyLine)
{
    for (auto it = readyLine.begin(); it != readyLine.end(); ++it) {
        if (it.key() != QLatin1String("event")) {
            ports.insert(it.key(), it.value());
        }
    }
}

QString statusFile(const Paths &paths)
{
    return paths.run() + QStringLiteral("/portcullis.json");
}

}  // namespace

Supervisor::Supervisor(Arguments arguments, QObject *parent)
    : QObject(parent)
    , m_arguments(std::move(arguments))
    , m_paths(m_arguments.root)
{
    m_retryInitialise.setSingleShot(true);
    m_retryInitialise.setInterval(initialiseAgainAfter);
    connect(&m_retryInitialise, &QTimer::timeout, this, &Supervisor::initialiseDatabase);
    m_databasePatience.setSingleShot(true);
    m_databasePatience.setInterval(databasePatience);
    connect(&m_databasePatience, &QTimer::timeout, this, [this] {
        if (!m_isStopping && QFileInfo::exists(m_paths.rulesCache())) {
            progress(
                QStringLiteral("the database is away; mail starts with the rules of last time"));
            startMail();
        }
    });
    m_initialise.setProcessChannelMode(QProcess::ForwardedChannels);
    connect(&m_initialise, &QProcess::finished, this, &Supervisor::onInitialised);
    connect(&m_initialise, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        // While an upgrade replaces the program there is none to start, and finished() is never sent.
        if (error == QProcess::FailedToStart) {
            onInitialised(127, QProcess::NormalExit);
        }
    });
}

Supervisor::~Supervisor() = default;

Status Supervisor::start()
{
    m_accounts = TRY(Accounts::find());
    m_lock = TRY(InstanceLock::take(m_paths));
    const bool isNew = !QFileInfo::exists(m_paths.etc() + QStringLiteral("/pmg.conf"));
    TRY(prepareLayout(m_paths, m_accounts));
    QFile::remove(statusFile(m_paths));
    progress((isNew ? QStringLiteral("creating %1") : QStringLiteral("starting in %1"))
                 .arg(m_paths.root()));
    if (const int count = endLeftovers(m_paths); count > 0) {
        progress(QStringLiteral("ended %1 program(s) left over from a crash").arg(count));
    }
    if (m_arguments.apiPort) {
        progress(QStringLiteral("--api-port is ignored: this version has no REST API yet"));
    }
    // A wrong setting is told now, by name and line, instead of by each child.
    const config::ConfigPtr config = TRY(config::ConfigLoader(m_paths).load());
    for (const QString &warning : config->warnings) {
        progress(warning);
    }
    m_isBehindPostfix = config->mail.behindPostfix;
    chooseDatabase(QString::fromUtf8(config->admin.databaseDsn));
    QMetaObject::invokeMethod(this, &Supervisor::startDatabase, Qt::QueuedConnection);
    return ok();
}

void Supervisor::chooseDatabase(const QString &configuredDsn)
{
    if (m_arguments.dsn.isEmpty() && qEnvironmentVariableIsEmpty("PMG_DSN")) {
        m_arguments.dsn = configuredDsn;
    }
    auto database = std::make_unique<PrivateDatabase>(m_paths, m_accounts.postgres);
    if (m_arguments.dsn.isEmpty() && !database->isReplaced()
        && qEnvironmentVariableIsEmpty("PMG_DSN")) {
        m_database = std::move(database);
    }
}

void Supervisor::startDatabase()
{
    m_databasePatience.start();
    if (m_database == nullptr) {
        initialiseDatabase();
        return;
    }
    if (!QFileInfo::exists(m_paths.postgres())) {
        progress(QStringLiteral("creating the database (a few seconds)"));
    }
    if (const Status prepared = m_database->prepare(); !prepared) {
        progress(prepared.error().toString());
        if (QFileInfo::exists(m_paths.rulesCache())) {
            return;  // m_databasePatience starts mail without it
        }
        return giveUp(QStringLiteral("the database cannot be created"));
    }
    m_postgres = std::make_unique<Child>(m_database->childSpec());
    adopt(*m_postgres);
    m_postgres->start();
}

void Supervisor::initialiseDatabase()
{
    if (m_isStopping || m_isInitialised || m_initialise.state() != QProcess::NotRunning) {
        return;
    }
    if (m_database != nullptr) {
        if (const Status created = m_database->createRole(); !created) {
            progress(created.error().toString());
            m_retryInitialise.start();
            return;
        }
    }
    progress(QStringLiteral("preparing tables and rules"));
    m_initialise.setProcessEnvironment(childEnvironment());
    m_initialise.setChildProcessModifier([account = m_accounts.filter] {
        // stdout carries our events only.
        ::dup2(STDERR_FILENO, STDOUT_FILENO);
        if (account && !becomeAccount(*account)) {
            ::_exit(126);
        }
    });
    m_initialise.start(programPath("pmgdb"),
                       {QStringLiteral("init"), QStringLiteral("--root"), m_paths.root()});
}

void Supervisor::onInitialised(int exitCode, QProcess::ExitStatus status)
{
    if (m_isStopping) {
        return;
    }
    if (exitCode == 0 && status == QProcess::NormalExit) {
        m_isInitialised = true;
        m_databasePatience.stop();
        startMail();
        return;
    }
    progress(QStringLiteral("pmgdb init failed; trying again in %1 s")
                 .arg(seconds(initialiseAgainAfter).count()));
    m_retryInitialise.start();
}

void Supervisor::startMail()
{
    if (m_smtpd != nullptr) {
        return;
    }
    progress(QStringLiteral("starting the filter (loading virus signatures) and SMTP"));
    startMailProgram(m_filter, filterSpec());
    startMailProgram(m_smtpd, smtpdSpec());
    if (m_isBehindPostfix) {
        startMailProgram(m_policy, policySpec());
    }
}

void Supervisor::startMailProgram(std::unique_ptr<Child> &child, ChildSpec spec)
{
    child = std::make_unique<Child>(std::move(spec));
    adopt(*child);
    child->start();
}

/// Those that run, in the order in which they end: SMTP first, so that nothing new is accepted.
std::vector<Child *> Supervisor::mailPrograms() const
{
    std::vector<Child *> programs;
    for (const auto *child : {&m_smtpd, &m_policy, &m_filter}) {
        if (*child != nullptr) {
            programs.push_back(child->get());
        }
    }
    return programs;
}

void Supervisor::adopt(Child &child)
{
    connect(&child, &Child::ready, this,
            [this, &child](const QJsonObject &message) { onReady(child, message); });
    connect(&child, &Child::died, this,
            [this, &child](const QString &how, milliseconds delay) { onDied(child, how, delay); });
    connect(&child, &Child::stopped, this, &Supervisor::stopNext);
}

void Supervisor::onReady(Child &child, const QJsonObject &message)
{
    progress(QStringLiteral("%1 is ready").arg(child.name()));
    if (&child == m_postgres.get()) {
        initialiseDatabase();
    } else if (&child == m_smtpd.get()) {
        addPorts(m_ports, message);
        // After a crash clients find it on the same ports, chosen by the system or not.
        m_smtpd->setArguments(smtpdSpec().arguments);
    } else if (&child == m_policy.get()) {
        addPorts(m_ports, message);
    }
    if (m_isAnnounced) {
        event({{QStringLiteral("event"), QStringLiteral("child-ready")},
               {QStringLiteral("program"), child.name()}});
    }
    writeStatus();
    announceWhenComplete();
}

void Supervisor::announceWhenComplete()
{
    const auto programs = mailPrograms();
    if (m_isAnnounced || programs.empty()
        || !std::ranges::all_of(programs, [](const Child *child) { return child->isReady(); })) {
        return;
    }
    m_isAnnounced = true;
    QJsonObject line = m_ports;
    line.insert(QStringLiteral("event"), QStringLiteral("ready"));
    line.insert(QStringLiteral("api"), QJsonValue::Null);
    writeStatus();
    event(line);
}

void Supervisor::onDied(Child &child, const QString &how, milliseconds delay)
{
    progress(QStringLiteral("%1 %2; starting it again in %3 s")
                 .arg(child.name(), how)
                 .arg(static_cast<double>(delay.count()) / 1000.0));
    if (m_isAnnounced) {
        event({{QStringLiteral("event"), QStringLiteral("child-died")},
               {QStringLiteral("program"), child.name()},
               {QStringLiteral("how"), how}});
    }
    writeStatus();
    if (!m_isAnnounced && &child != m_postgres.get()
        && child.deathsBeforeReady() >= earlyDeathsAllowed) {
        giveUp(
            QStringLiteral("%1 does not start; see %2/mail.log").arg(child.name(), m_paths.log()));
    }
}

void Supervisor::giveUp(const QString &reason)
{
    progress(reason);
    event(
        {{QStringLiteral("event"), QStringLiteral("failed")}, {QStringLiteral("reason"), reason}});
    m_exitCode = 1;
    onSignal(SIGTERM);
}

void Supervisor::onSignal(int number)
{
    if (number == SIGHUP) {
        for (Child *child : mailPrograms()) {
            child->signal(SIGHUP);
        }
        return;
    }
    if (m_isStopping) {
        progress(QStringLiteral("once more: ending at once"));
        for (Child *child : mailPrograms()) {
            child->kill();
        }
        if (m_postgres != nullptr) {
            m_postgres->kill();
        }
        return;
    }
    m_isStopping = true;
    m_databasePatience.stop();
    m_retryInitialise.stop();
    progress(QStringLiteral("ending"));
    if (m_initialise.state() != QProcess::NotRunning) {
        m_initialise.terminate();
        m_initialise.waitForFinished();
    }
    stopNext();
}

void Supervisor::stopNext()
{
    if (!m_isStopping) {
        return;
    }
    // SMTP first, so that nothing new is accepted; then what it needs.
    for (std::unique_ptr<Child> *child : {&m_smtpd, &m_policy, &m_filter, &m_postgres}) {
        if (*child != nullptr) {
            Child *const next = child->release();
            disconnect(next, nullptr, this, nullptr);
            next->setParent(this);
            connect(next, &Child::stopped, this, [this, next] {
                progress(QStringLiteral("%1 has ended").arg(next->name()));
                next->deleteLater();
                stopNext();
            });
            next->stop();
            return;
        }
    }
    QFile::remove(statusFile(m_paths));
    if (m_database != nullptr) {
        m_database->removeSocketFolder();
    }
    event({{QStringLiteral("event"), QStringLiteral("stopped")}});
    QCoreApplication::exit(m_exitCode);
}

QProcessEnvironment Supervisor::childEnvironment() const
{
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    if (!m_arguments.dsn.isEmpty()) {
        // Not as an argument: it may hold a password, and everybody can list arguments.
        environment.insert(QStringLiteral("PMG_DSN"), m_arguments.dsn);
    }
    return environment;
}

QString Supervisor::programPath(const char *name) const
{
    return QCoreApplication::applicationDirPath() + QLatin1Char('/') + QLatin1String(name);
}

ChildSpec Supervisor::filterSpec() const
{
    ChildSpec spec;
    spec.name = QStringLiteral("pmg-smtp-filter");
    spec.program = programPath("pmg-smtp-filter");
    spec.arguments = {QStringLiteral("--root"), m_paths.root()};
    for (const QString &server : m_arguments.dns) {
        spec.arguments << QStringLiteral("--dns") << server;
    }
    spec.environment = childEnvironment();
    spec.account = m_accounts.filter;
    return spec;
}

ChildSpec Supervisor::smtpdSpec() const
{
    ChildSpec spec;
    spec.name = QStringLiteral("pmg-smtpd");
    spec.program = programPath("pmg-smtpd");
    spec.arguments = {QStringLiteral("--root"), m_paths.root()};
    const auto port = [&](const char *option, const char *known, std::optional<quint16> wanted) {
        const int chosen = m_ports.value(QLatin1String(known)).toInt(wanted.value_or(0));
        if (wanted) {
            spec.arguments << QLatin1String(option) << QString::number(chosen);
        }
    };
    port("--ext-port", "smtp_ext", m_arguments.extPort);
    port("--int-port", "smtp_int", m_arguments.intPort);
    for (const QString &address : m_arguments.listen) {
        spec.arguments << QStringLiteral("--listen") << address;
    }
    for (const QString &server : m_arguments.dns) {
        spec.arguments << QStringLiteral("--dns") << server;
    }
    spec.environment = childEnvironment();
    spec.account = m_accounts.smtpd;
    return spec;
}

ChildSpec Supervisor::policySpec() const
{
    ChildSpec spec;
    spec.name = QStringLiteral("pmgpolicy");
    spec.program = programPath("pmgpolicy");
    spec.arguments = {QStringLiteral("--root"), m_paths.root()};
    for (const QString &server : m_arguments.dns) {
        spec.arguments << QStringLiteral("--dns") << server;
    }
    spec.environment = childEnvironment();
    // It needs what the filter may: the configuration and the database, and no mail.
    spec.account = m_accounts.filter;
    // Postfix asks again after a second, and then does without.
    spec.restart = {std::chrono::milliseconds(100), seconds(5), std::chrono::minutes(1)};
    spec.grace = seconds(10);
    return spec;
}

void Supervisor::writeStatus() const
{
    QJsonArray children;
    for (const Child *child : {m_postgres.get(), m_filter.get(), m_smtpd.get(), m_policy.get()}) {
        if (child != nullptr) {
            children.append(child->status());
        }
    }
    QJsonObject status = m_ports;
    status.insert(QStringLiteral("pid"), ::getpid());
    status.insert(QStringLiteral("ready"), m_isAnnounced);
    status.insert(QStringLiteral("children"), children);
    QSaveFile file(statusFile(m_paths));
    if (file.open(QIODevice::WriteOnly)) {
        file.write(toLine(status));
        file.commit();
    }
}

void Supervisor::event(const QJsonObject &line) const
{
    const QByteArray text = toLine(line);
    std::fwrite(text.constData(), 1, static_cast<size_t>(text.size()), stdout);
    std::fflush(stdout);
}

void Supervisor::progress(const QString &text) const
{
    std::fputs(qPrintable(QStringLiteral("portcullis: ") + text + QLatin1Char('\n')), stderr);
}

int printStatus(const Paths &paths)
{
    const auto holder = InstanceLock::holder(paths);
    if (!holder) {
        std::fputs("portcullis: not running\n", stdout);
        return notRunningExitCode;
    }
    QFile file(statusFile(paths));
    if (file.open(QIODevice::ReadOnly)) {
        const QByteArray text = file.readAll();
        std::fwrite(text.constData(), 1, static_cast<size_t>(text.size()), stdout);
    } else {
        std::fputs(toLine({{QStringLiteral("pid"), *holder}, {QStringLiteral("ready"), false}})
                       .constData(),
                   stdout);
    }
    return 0;
}

int stopInstance(const Paths &paths)
{
    const auto holder = InstanceLock::holder(paths);
    if (!holder) {
        std::fputs("portcullis: not running\n", stderr);
        return 0;
    }
    if (::kill(*holder, SIGTERM) != 0) {
        std::perror("portcullis: cannot stop it");
        return 1;
    }
    const auto deadline = std::chrono::steady_clock::now() + stopPatience;
    while (InstanceLock::holder(paths) == holder) {
        if (std::chrono::steady_clock::now() >= deadline) {
            std::fputs("portcullis: it is still ending\n", stderr);
            return 1;
        }
        std::this_thread::sleep_for(milliseconds(50));
    }
    return 0;
}

}  // namespace portcullis::daemons
