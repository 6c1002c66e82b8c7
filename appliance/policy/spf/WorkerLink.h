// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/spf/protocol/Wire.h"

#include <QtCore/QByteArray>
#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QTimer>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

class QSocketNotifier;

namespace portcullis::policy::spf {

/// The worker process of one thread and the tasks that wait for it.
///
/// One task is with the worker at a time, so that it is plain which one killed it. A task whose worker died
/// or fell silent is tried once more in a fresh one. Workers that keep dying are started at growing
/// intervals.
class WorkerLink final : public QObject
{
    Q_OBJECT
public:
    /// Nothing: two workers failed on the task, or none could be started.
    using Callback = std::function<void(std::optional<wire::Reply>)>;

    /// `step` is how long a task, which only computes, may take.
    WorkerLink(QByteArray program, std::chrono::milliseconds step);
    ~WorkerLink() override;
    Q_DISABLE_COPY_MOVE(WorkerLink)

    /// `done` is called from the event loop, not before this returned and not after `context` is gone.
    void submit(const wire::Task &task, QObject *context, Callback done);

    /// Ends a worker that said what an honest one cannot say; the next task gets another.
    void distrust(const QByteArray &reason);

    [[nodiscard]] pid_t pid() const { return m_pid; }

private:
    struct Job {
        QByteArray frame;
        QPointer<QObject> context;
        Callback done;
        int attempts = 0;
    };

    void pump();
    bool start();
    bool send(const QByteArray &frame);
    void onReadable();
    void onReply(wire::Reply reply);
    void fail(const QByteArray &reason);
    void stop();

    QByteArray m_program;
    std::chrono::milliseconds m_step;
    std::deque<Job> m_waiting;
    std::optional<Job> m_current;
    QTimer m_stepTimer;
    QTimer m_restartTimer;
    std::unique_ptr<QSocketNotifier> m_notifier;
    QByteArray m_input;
    int m_socket = -1;
    pid_t m_pid = 0;
    int m_failures = 0;  ///< In a row.
    int m_served = 0;
};

}  // namespace portcullis::policy::spf
