// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/FingerprintPool.h"

#include "appliance/base/Log.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace portcullis::spam {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// What a program of others may use up that is handed hostile mail.
ChildLimits agentLimits()
{
    ChildLimits limits;
    limits.addressSpace = 1024LL * 1024 * 1024;
    limits.fileSize = 16LL * 1024 * 1024;  // Server lists; nothing else is written.
    limits.cpu = std::chrono::minutes(10);
    return limits;
}

milliseconds timeLeft(steady_clock::time_point end)
{
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

}  // namespace

// ---- agent -----------------------------------------------------------------------------------------

FingerprintAgent::FingerprintAgent(FingerprintProgram program,
                                   const FingerprintLimits &limits,
                                   Listener listener)
    : m_program(std::move(program))
    , m_limits(limits)
    , m_listener(std::move(listener))
{
    m_deadline.setSingleShot(true);
    connect(&m_deadline, &QTimer::timeout, this, [this] { fail("no answer in time"); });
    connect(&m_socket, &QLocalSocket::readyRead, this, [this] { read(); });
    connect(&m_socket, &QLocalSocket::bytesWritten, this, [this] { closeInput(); });
    connect(&m_socket, &QLocalSocket::disconnected, this, [this] {
        read();
        const bool isAnswer = m_job && m_program.manner == FingerprintProgram::Manner::OneAMessage
                              && !m_reply.isEmpty();
        isAnswer ? succeed(m_reply) : fail("the program ended");
    });
    start();
}

FingerprintAgent::~FingerprintAgent()
{
    m_socket.disconnect(this);
    if (m_child > 0) {
        endChild(m_child);
    }
}

void FingerprintAgent::start()
{
    std::array<int, 2> pair{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return;
    }
    const auto child = startChild(m_program.command, agentLimits(), {{pair[1], 0}, {pair[1], 1}});
    ::close(pair[1]);
    if (!child || !m_socket.setSocketDescriptor(pair[0])) {
        ::close(pair[0]);
    }
    m_child = child ? *child : -1;
    if (m_program.manner == FingerprintProgram::Manner::OneAMessage) {
        m_isReady = true;
    } else {
        m_deadline.start(m_limits.start);
    }
}

void FingerprintAgent::becomeReady()
{
    m_deadline.stop();
    m_reply.clear();
    m_isReady = true;
    m_listener.ready();
}

void FingerprintAgent::give(FingerprintJob job)
{
    m_job = std::move(job);
    m_reply.clear();
    ++m_messages;
    m_deadline.start(timeLeft(m_job->deadline));
    if (m_program.manner == FingerprintProgram::Manner::Resident) {
        m_socket.write(QByteArray::number(m_job->message.size()) + '\n');
    }
    m_socket.write(m_job->message);
    m_job->message.clear();
}

/// A program that takes one message waits for its end.
void FingerprintAgent::closeInput()
{
    if (m_program.manner == FingerprintProgram::Manner::OneAMessage
        && m_socket.bytesToWrite() == 0) {
        ::shutdown(static_cast<int>(m_socket.socketDescriptor()), SHUT_WR);
    }
}

void FingerprintAgent::read()
{
    m_reply += m_socket.readAll();
    const bool isLine = m_program.manner == FingerprintProgram::Manner::Resident
                        && m_reply.endsWith('\n');
    if (m_reply.size() > m_limits.reply) {
        fail("the answer is too long");
    } else if (!m_isReady && m_reply == "ready\n") {
        becomeReady();
    } else if (m_isReady && !m_job && !m_reply.isEmpty()) {
        fail("it spoke without being asked");
    } else if (m_job && isLine) {
        succeed(m_reply);
    }
}

void FingerprintAgent::succeed(const QByteArray &reply)
{
    m_deadline.stop();
    const auto job = std::exchange(m_job, std::nullopt);
    const QByteArray answer = reply;
    m_reply.clear();
    if (m_program.manner == FingerprintProgram::Manner::OneAMessage) {
        endChild(std::exchange(m_child, -1));
    }
    if (!job) {
        return;
    }
    // "failed could not connect …" is an answer of the program, and none about the message.
    const bool isAnswer = !answer.startsWith("failed");
    job->done(isAnswer ? std::optional(answer) : std::nullopt);
    m_listener.ended(*this, isAnswer ? QByteArray() : answer.trimmed());
}

void FingerprintAgent::fail(const QByteArray &problem)
{
    if (m_child <= 0) {
        return;
    }
    m_deadline.stop();
    endChild(std::exchange(m_child, -1));
    const auto job = std::exchange(m_job, std::nullopt);
    m_reply.clear();
    if (job) {
        job->done(std::nullopt);
    }
    m_listener.ended(*this, problem);
}

// ---- pool ------------------------------------------------------------------------------------------

FingerprintPool::FingerprintPool(FingerprintNetwork network,
                                 FingerprintProgram program,
                                 const FingerprintServiceSettings &settings)
    : m_network(network)
    , m_program(std::move(program))
    , m_settings(settings)
    , m_rest(settings.rest)
{
    m_soon.setSingleShot(true);
    connect(&m_soon, &QTimer::timeout, this, [this] {
        m_retired.clear();
        pump();
    });
    if (m_program.manner == FingerprintProgram::Manner::Resident) {
        static_cast<void>(idleAgent());
    }
}

bool FingerprintPool::isResting() const
{
    return steady_clock::now() < m_restsUntil;
}

void FingerprintPool::take(FingerprintJob job)
{
    if (isResting() || m_program.command.program.isEmpty()
        || static_cast<int>(m_waiting.size()) >= m_settings.waiting) {
        job.done(std::nullopt);
        return;
    }
    m_waiting.push_back(std::move(job));
    pump();
}

void FingerprintPool::dropOverdue()
{
    const auto now = steady_clock::now();
    while (!m_waiting.empty() && (isResting() || m_waiting.front().deadline <= now)) {
        const FingerprintJob job = std::move(m_waiting.front());
        m_waiting.pop_front();
        job.done(std::nullopt);
    }
}

void FingerprintPool::pump()
{
    dropOverdue();
    while (!m_waiting.empty()) {
        FingerprintAgent *agent = idleAgent();
        if (agent == nullptr) {
            return;
        }
        FingerprintJob job = std::move(m_waiting.front());
        m_waiting.pop_front();
        agent->give(std::move(job));
    }
}

FingerprintAgent *FingerprintPool::idleAgent()
{
    bool isStarting = false;
    for (const auto &agent : m_agents) {
        if (agent->isIdle()) {
            return agent.get();
        }
        isStarting = isStarting || agent->isStarting();
    }
    if (isStarting || agents() >= m_settings.agents || isResting()
        || m_program.command.program.isEmpty()) {
        return nullptr;
    }
    auto agent = std::make_unique<FingerprintAgent>(
        m_program, m_settings.limits,
        FingerprintAgent::Listener{
            [this] { pump(); },
            [this](FingerprintAgent &which, const QByteArray &problem) { ended(which, problem); }});
    if (!agent->isRunning()) {
        countFailure("the program cannot be started");
        dropOverdue();
        return nullptr;
    }
    m_agents.push_back(std::move(agent));
    return m_agents.back()->isIdle() ? m_agents.back().get() : nullptr;
}

void FingerprintPool::ended(FingerprintAgent &agent, const QByteArray &problem)
{
    problem.isEmpty() ? countSuccess() : countFailure(problem);
    const bool isUsedUp = agent.messages() >= m_settings.messagesPerAgent;
    if (!agent.isRunning() || isUsedUp) {
        const auto found = std::find_if(
            m_agents.begin(), m_agents.end(),
            [&agent](const auto &candidate) { return candidate.get() == &agent; });
        if (found != m_agents.end()) {
            m_retired.push_back(std::move(*found));  // It is the one that called us.
            m_agents.erase(found);
        }
    }
    m_soon.start(0);
}

void FingerprintPool::countFailure(const QByteArray &problem)
{
    if (!std::exchange(m_isReported, true)) {
        log::write(log::Severity::Warning, "fingerprints.failed", {},
                   {{"network", nameOf(m_network)},
                    {"reason", problem},
                    {"consequence", "mail is judged without; tried again from time to time"}});
    }
    if (++m_failures < m_settings.patience) {
        return;
    }
    m_restsUntil = steady_clock::now() + m_rest;
    m_rest = std::min(m_rest * 2, m_settings.longestRest);
    // One more failure is enough for the next rest.
    m_failures = m_settings.patience - 1;
}

void FingerprintPool::countSuccess()
{
    m_failures = 0;
    m_rest = m_settings.rest;
    if (std::exchange(m_isReported, false)) {
        log::write(log::Severity::Notice, "fingerprints.work-again", {},
                   {{"network", nameOf(m_network)}});
    }
}

}  // namespace portcullis::spam
