// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QObject>
#include <QtCore/QPointer>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace portcullis::spool {

/// Runs functions in the event loop of the thread that it belongs to. Many functions posted before
/// that loop turns cost one event. Posting is thread-safe, also while the thread is ending.
class Mailbox
{
public:
    /// The calling thread's.
    static std::shared_ptr<Mailbox> ofThisThread();

    /// Runs `function` later, unless `context` is gone by then. `context` was guarded in the
    /// mailbox's own thread and is looked at there only.
    void post(QPointer<QObject> context, std::function<void()> function);

private:
    class Receiver;
    struct Owner;
    struct Letter {
        QPointer<QObject> context;
        std::function<void()> function;
    };
    void deliver();

    std::mutex m_mutex;
    Receiver *m_receiver = nullptr;  ///< Null once the thread has ended.
    bool m_isPosted = false;
    std::vector<Letter> m_letters;
};

}  // namespace portcullis::spool
