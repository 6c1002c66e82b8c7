// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mta/OutcomeWriter.h"
#include "appliance/mta/Services.h"
#include "appliance/verdict/FilterJob.h"

#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtCore/QTimer>

#include <deque>

namespace portcullis::mta {

/// Has messages judged that were accepted first (after-queue): where before-queue filtering is off,
/// where the filter needed longer than a client may wait, and where an administrator releases one.
///
/// Lives on one thread with an event loop. An attempt is written to the spool before the filter sees
/// the message; after the second crash or hang the message goes to the quarantine (F9), whatever
/// happened to this process in between. A filter that is away only delays: nothing is lost.
class FilterScheduler final : public QObject
{
    Q_OBJECT
public:
    explicit FilterScheduler(const Services &services, QObject *parent = nullptr);

    void start();

private:
    struct Running {
        verdict::FilterRequest request;
        std::unique_ptr<verdict::FilterJob> job;
        Clock::MonotonicTime since{};
    };
    using RunningPointer = std::shared_ptr<Running>;

    void onChanges(const spool::ChangeSet &changes);
    void refill();
    void startMore();
    void begin(const QByteArray &id);
    void ask(const RunningPointer &running);
    void onVerdict(const RunningPointer &running, Result<verdict::FilterResponse> result);
    void onError(const RunningPointer &running, const Error &error);
    void commit(const RunningPointer &running, Outcome outcome);
    void retryLater(const QByteArray &id, const Error &error);
    [[nodiscard]] int capacity() const;

    const Services &m_services;
    std::deque<QByteArray> m_waiting;
    QHash<QByteArray, RunningPointer> m_running;
    QTimer m_refill;  ///< Looks for entries whose waiting time is over.
};

}  // namespace portcullis::mta
