// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Child.h"

#include <QtCore/QJsonDocument>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

namespace portcullis::daemons {

namespace {

constexpr auto pollInterval = std::chrono::milliseconds(50);
constexpr qsizetype maxReadyLine = 4096;

QString describeEnd(int exitCode, QProcess::ExitStatus status)
{
    if (status == QProcess::CrashExit) {
        // QProcess reports the signal's number as the exit code of a crash.
        const char *name = ::sigabbrev_np(exitCode);
        return QStringLiteral("was killed by signal %1 (SIG%2)")
            .arg(exitCode)
            .arg(QString::fromLatin1(name == nullptr ? "?" : name));
    }
    return QStringLiteral("ended with exit code %1").arg(exitCode);
}

}  // namespace

Child::Child(ChildSpec spec, QObject *parent)
    : QObject(parent)
    , m_spec(std::move(spec))
    , m_delay(m_spec.restart)
    , m_supervisor(::getpid())
{
    for (QTimer *timer : {&m_restart, &m_grace, &m_readyDeadline}) {
        timer->setSingleShot(true);
    }
    m_poll.setInterval(pollInterval);
    connect(&m_restart, &QTimer::timeout, this, &Child::launch);
    connect(&m_grace, &QTimer::timeout, this, &Child::kill);
    connect(&m_readyDeadline, &QTimer::timeout, this, &Child::kill);
    connect(&m_poll, &QTimer::timeout, this, &Child::onPoll);
    connect(&m_process, &QProcess::finished, this, &Child::onFinished);
    connect(&m_process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart) {
            std::fputs(qPrintable(m_spec.name + QStringLiteral(": ") + m_process.errorString()
                                  + QLatin1Char('\n')),
                       stderr);
            onFinished(127, QProcess::NormalExit);
        }
    });
    // Our own stdout carries JSON events only.
    connect(&m_process, &QProcess::readyReadStandardOutput, this, [this] {
        const QByteArray output = m_process.readAllStandardOutput();
        std::fwrite(output.constData(), 1, static_cast<size_t>(output.size()), stderr);
    });
}

Child::~Child()
{
    closeReadyPipe();
    if (m_process.state() != QProcess::NotRunning) {
        disconnect(&m_process, nullptr, this, nullptr);
        m_process.kill();
        m_process.waitForFinished();
    }
}

void Child::start()
{
    m_isStopping = false;
    if (m_process.state() == QProcess::NotRunning) {
        launch();
    }
}

void Child::launch()
{
    m_isReady = false;
    ++m_starts;
    QStringList arguments = m_spec.arguments;
    std::array<int, 2> ends{-1, -1};
    if (!m_spec.isReady) {
        if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
            return onFinished(127, QProcess::NormalExit);
        }
        m_readyDescriptor = ends[0];
        m_readyBytes.clear();
        m_readyNotifier = std::make_unique<QSocketNotifier>(m_readyDescriptor,
                                                            QSocketNotifier::Read);
        connect(m_readyNotifier.get(), &QSocketNotifier::activated, this, &Child::onReadable);
        arguments << QStringLiteral("--ready-fd") << QString::number(ends[1]);
    }
    m_process.setProcessEnvironment(m_spec.environment);
    m_process.setStandardInputFile(QProcess::nullDevice());
    if (m_spec.outputFile.isEmpty()) {
        m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    } else {
        m_process.setProcessChannelMode(QProcess::MergedChannels);
        m_process.setStandardOutputFile(m_spec.outputFile, QIODevice::Append);
    }
    m_process.setChildProcessModifier([this, end = ends[1]] { enterChild(end); });
    m_lifetime.start();
    m_readyDeadline.start(m_spec.readyWithin);
    m_process.start(m_spec.program, arguments);
    if (ends[1] >= 0) {
        ::close(ends[1]);
    }
    if (m_spec.isReady) {
        m_poll.start();
    }
}

void Child::enterChild(int readyDescriptor) const
{
    // Between fork and exec: system calls only.
    if (readyDescriptor >= 0) {
        ::fcntl(readyDescriptor, F_SETFD, 0);
    }
    // Sockets and files of one program are used by members of group pmg as well.
    ::umask(007);
    if (m_spec.account && !becomeAccount(*m_spec.account)) {
        ::_exit(126);
    }
    // Only now: a change of user clears it. If we died before, nobody would tell the child.
    ::prctl(PR_SET_PDEATHSIG, m_spec.signalIfWeDie);
    if (::getppid() != m_supervisor) {
        ::_exit(125);
    }
    // Ctrl-C in a terminal must reach the supervisor alone, which then ends us in order.
    ::setsid();
    sigset_t none{};
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void Child::onReadable()
{
    std::array<char, 1024> block{};
    const ssize_t count = ::read(m_readyDescriptor, block.data(), block.size());
    if (count > 0) {
        m_readyBytes.append(block.data(), count);
    }
    const qsizetype end = m_readyBytes.indexOf('\n');
    if (end >= 0) {
        const auto message = QJsonDocument::fromJson(m_readyBytes.first(end)).object();
        closeReadyPipe();
        becomeReady(message);
    } else if (count == 0 || m_readyBytes.size() > maxReadyLine) {
        closeReadyPipe();
    }
}

void Child::onPoll()
{
    if (isRunning() && m_spec.isReady(m_process.processId())) {
        m_poll.stop();
        becomeReady({});
    }
}

void Child::becomeReady(const QJsonObject &message)
{
    m_isReady = true;
    m_deathsBeforeReady = 0;
    m_readyDeadline.stop();
    Q_EMIT ready(message);
}

void Child::closeReadyPipe()
{
    m_readyNotifier.reset();
    if (m_readyDescriptor >= 0) {
        ::close(m_readyDescriptor);
        m_readyDescriptor = -1;
    }
}

void Child::onFinished(int exitCode, QProcess::ExitStatus status)
{
    closeReadyPipe();
    m_poll.stop();
    m_grace.stop();
    m_readyDeadline.stop();
    const bool wasReady = m_isReady;
    m_isReady = false;
    if (m_isStopping) {
        Q_EMIT stopped();
        return;
    }
    m_deathsBeforeReady += wasReady ? 0 : 1;
    const auto delay = m_delay.afterDeath(std::chrono::milliseconds(m_lifetime.elapsed()));
    m_restart.start(delay);
    Q_EMIT died(describeEnd(exitCode, status), delay);
}

void Child::stop()
{
    m_isStopping = true;
    m_restart.stop();
    if (m_process.state() == QProcess::NotRunning) {
        Q_EMIT stopped();
        return;
    }
    signal(m_spec.stopSignal);
    m_grace.start(m_spec.grace);
}

void Child::kill()
{
    m_process.kill();
}

void Child::signal(int number)
{
    if (isRunning()) {
        ::kill(static_cast<pid_t>(m_process.processId()), number);
    }
}

bool Child::isRunning() const
{
    // QProcess notices later than a quick child is ready that it has started.
    return m_process.state() != QProcess::NotRunning && m_process.processId() > 0;
}

QJsonObject Child::status() const
{
    return {{QStringLiteral("program"), m_spec.name},
            {QStringLiteral("pid"), isRunning() ? QJsonValue(m_process.processId()) : QJsonValue()},
            {QStringLiteral("state"), m_isReady     ? QStringLiteral("ready")
                                      : isRunning() ? QStringLiteral("starting")
                                                    : QStringLiteral("down")},
            {QStringLiteral("restarts"), std::max(0, m_starts - 1)}};
}

}  // namespace portcullis::daemons
