// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/network/FingerprintService.h"

#include <QtCore/QPointer>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalSocket>

#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <vector>

namespace portcullis::spam {

/// One message on its way; `done` is called once, with the reply or nothing.
struct FingerprintJob {
    QByteArray message;
    std::chrono::steady_clock::time_point deadline;
    std::function<void(std::optional<QByteArray>)> done;
};

/// One running program and the message that it has.
class FingerprintAgent final : public QObject
{
public:
    struct Listener {
        std::function<void()> ready;  ///< A message may be given.
        /// It has an answer (an empty problem), or has failed. May delete the agent later, not at once.
        std::function<void(FingerprintAgent &agent, const QByteArray &problem)> ended;
    };

    /// Starts the program.
    FingerprintAgent(FingerprintProgram program,
                     const FingerprintLimits &limits,
                     Listener listener);
    ~FingerprintAgent() override;
    Q_DISABLE_COPY_MOVE(FingerprintAgent)

    [[nodiscard]] bool isRunning() const { return m_child > 0; }
    [[nodiscard]] bool isIdle() const { return isRunning() && m_isReady && !m_job; }
    [[nodiscard]] bool isStarting() const { return isRunning() && !m_isReady; }
    [[nodiscard]] int messages() const { return m_messages; }
    void give(FingerprintJob job);

private:
    void start();
    void becomeReady();
    void read();
    void closeInput();
    void succeed(const QByteArray &reply);
    void fail(const QByteArray &problem);

    FingerprintProgram m_program;
    FingerprintLimits m_limits;
    Listener m_listener;
    std::optional<FingerprintJob> m_job;
    QLocalSocket m_socket;
    QTimer m_deadline;
    QByteArray m_reply;
    pid_t m_child = -1;
    int m_messages = 0;
    bool m_isReady = false;
};

/// The agents of one network, the messages that wait for them, and whether it is worth asking.
class FingerprintPool final : public QObject
{
public:
    FingerprintPool(FingerprintNetwork network,
                    FingerprintProgram program,
                    const FingerprintServiceSettings &settings);

    void take(FingerprintJob job);
    [[nodiscard]] int agents() const { return static_cast<int>(m_agents.size()); }

private:
    void pump();
    void dropOverdue();
    [[nodiscard]] FingerprintAgent *idleAgent();
    void ended(FingerprintAgent &agent, const QByteArray &problem);
    void countFailure(const QByteArray &problem);
    void countSuccess();
    [[nodiscard]] bool isResting() const;

    FingerprintNetwork m_network;
    FingerprintProgram m_program;
    FingerprintServiceSettings m_settings;
    std::list<std::unique_ptr<FingerprintAgent>> m_agents;
    std::vector<std::unique_ptr<FingerprintAgent>> m_retired;  ///< Until the event loop is back.
    QTimer m_soon;                                             ///< Then we go on.
    std::deque<FingerprintJob> m_waiting;
    std::chrono::steady_clock::time_point m_restsUntil;
    std::chrono::milliseconds m_rest;
    int m_failures = 0;
    bool m_isReported = false;
};

}  // namespace portcullis::spam
