// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/WorkerLink.h"

#include "appliance/base/ChildProcess.h"
#include "appliance/base/Log.h"

#include <QtCore/QSocketNotifier>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace portcullis::policy::spf {

namespace {

constexpr int workerSocket = 3;
constexpr int maxAttempts = 2;
constexpr int tasksPerWorker = 100'000;  ///< Then a fresh one: leaks of libspf2 stay small.
constexpr auto firstDelay = std::chrono::milliseconds(50);
constexpr auto longestDelay = std::chrono::milliseconds(5000);
constexpr qsizetype frameHead = 4;

std::chrono::milliseconds restartDelay(int failures)
{
    // A single death costs nobody a pause.
    const int doublings = std::clamp(failures - 2, 0, 8);
    return failures < 2 ? std::chrono::milliseconds(0)
                        : std::min(longestDelay, firstDelay * (1 << doublings));
}

QByteArray frameOf(const wire::Task &task)
{
    const std::string frame = wire::framed(wire::encode(task));
    return {frame.data(), static_cast<qsizetype>(frame.size())};
}

std::string_view frameView(const QByteArray &bytes)
{
    return {bytes.constData(), static_cast<std::size_t>(bytes.size())};
}

}  // namespace

WorkerLink::WorkerLink(QByteArray program, std::chrono::milliseconds step)
    : m_program(std::move(program))
    , m_step(step)
{
    m_stepTimer.setSingleShot(true);
    m_restartTimer.setSingleShot(true);
    connect(&m_stepTimer, &QTimer::timeout, this, [this] { fail("no answer"); });
    connect(&m_restartTimer, &QTimer::timeout, this, &WorkerLink::pump);
}

WorkerLink::~WorkerLink()
{
    stop();
}

void WorkerLink::submit(const wire::Task &task, QObject *context, Callback done)
{
    m_waiting.push_back({frameOf(task), context, std::move(done)});
    pump();
}

void WorkerLink::distrust(const QByteArray &reason)
{
    log::write(log::Severity::Error, "spf.worker-distrusted", {},
               {{"pid", QByteArray::number(m_pid)}, {"reason", reason}});
    if (!m_current) {
        stop();
    }
}

void WorkerLink::pump()
{
    while (!m_current && !m_waiting.empty() && !m_restartTimer.isActive()) {
        m_current = std::move(m_waiting.front());
        m_waiting.pop_front();
        if (m_current->context.isNull()) {
            m_current.reset();
            continue;
        }
        if (m_served >= tasksPerWorker) {
            stop();
        }
        if ((m_pid == 0 && !start()) || !send(m_current->frame)) {
            fail("cannot be reached");
            return;
        }
        m_stepTimer.start(m_step);
    }
}

bool WorkerLink::start()
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return false;
    }
    ChildCommand command;
    command.program = m_program;
    ChildLimits limits;
    limits.processes = 0;  // the sandbox forbids fork altogether
    limits.fileSize = 0;
    limits.cpu = std::chrono::hours(1);
    const auto pid = startChild(command, limits, {{ends[1], workerSocket}});
    ::close(ends[1]);
    if (!pid) {
        ::close(ends[0]);
        log::write(log::Severity::Error, "spf.worker-start", {},
                   {{"reason", pid.error().toString().toUtf8()}});
        return false;
    }
    m_pid = *pid;
    m_socket = ends[0];
    m_served = 0;
    m_notifier = std::make_unique<QSocketNotifier>(m_socket, QSocketNotifier::Read);
    connect(m_notifier.get(), &QSocketNotifier::activated, this, &WorkerLink::onReadable);
    return true;
}

bool WorkerLink::send(const QByteArray &frame)
{
    // A worker that waits for its task has an empty socket buffer, which holds the largest frame.
    const auto size = static_cast<std::size_t>(frame.size());
    return ::send(m_socket, frame.constData(), size, MSG_NOSIGNAL | MSG_DONTWAIT)
           == static_cast<ssize_t>(size);
}

void WorkerLink::onReadable()
{
    std::array<char, wire::maxReply> buffer{};
    const ssize_t got = ::recv(m_socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        fail("it died");
        return;
    }
    m_input.append(buffer.data(), static_cast<qsizetype>(got));
    if (m_input.size() < frameHead) {
        return;
    }
    const std::uint32_t length = wire::frameLength(frameView(m_input));
    if (!m_current || length > wire::maxReply || m_input.size() > frameHead + length) {
        fail("it broke the protocol");
        return;
    }
    if (m_input.size() < frameHead + length) {
        return;
    }
    auto reply = wire::decodeReply(frameView(m_input).substr(frameHead));
    m_input.clear();
    if (!reply) {
        fail("it broke the protocol");
        return;
    }
    onReply(std::move(*reply));
}

void WorkerLink::onReply(wire::Reply reply)
{
    m_stepTimer.stop();
    m_failures = 0;
    ++m_served;
    const Job job = std::move(*m_current);
    m_current.reset();
    if (!job.context.isNull()) {
        job.done(std::move(reply));
    }
    pump();
}

void WorkerLink::fail(const QByteArray &reason)
{
    log::write(log::Severity::Error, "spf.worker-failed", {},
               {{"pid", QByteArray::number(m_pid)}, {"reason", reason}});
    stop();
    m_restartTimer.start(restartDelay(++m_failures));
    if (!m_current) {
        return;
    }
    Job job = std::move(*m_current);
    m_current.reset();
    if (++job.attempts < maxAttempts) {
        m_waiting.push_front(std::move(job));
    } else if (!job.context.isNull()) {
        // From the event loop: submit() may still be running.
        QMetaObject::invokeMethod(
            job.context, [done = job.done] { done(std::nullopt); }, Qt::QueuedConnection);
    }
}

void WorkerLink::stop()
{
    m_stepTimer.stop();
    if (m_notifier) {
        m_notifier->setEnabled(false);
        m_notifier.release()->deleteLater();  // it may be what called us
    }
    if (m_socket >= 0) {
        ::close(std::exchange(m_socket, -1));
    }
    if (m_pid != 0) {
        endChild(std::exchange(m_pid, 0));
    }
    m_input.clear();
}

}  // namespace portcullis::policy::spf
