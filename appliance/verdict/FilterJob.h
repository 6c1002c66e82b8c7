// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/verdict/Frame.h"
#include "appliance/verdict/Verdict.h"

#include <QtCore/QObject>
#include <QtCore/QSocketNotifier>
#include <QtCore/QTimer>

#include <chrono>
#include <functional>
#include <memory>

namespace portcullis::verdict {

/// One question to pmg-smtp-filter, asked without blocking. Lives on the thread that made it.
///
/// The callback runs exactly once, from the event loop, unless the job is deleted first; deleting
/// it gives the question up. Errors, all transient unless the filter says otherwise:
/// `filter.unavailable` (nobody listens), `filter.timeout`, `filter.crashed` (the connection ended
/// without an answer: the worker died over this message), `verdict.protocol`, and what the filter
/// itself answers.
class FilterJob final : public QObject
{
    Q_OBJECT
public:
    using Callback = std::function<void(Result<FilterResponse>)>;

    struct Settings {
        QString socketPath;
        QString scratchFolder;
        std::chrono::milliseconds timeout = std::chrono::minutes(10);  ///< Whole job.
    };

    FilterJob(const Settings &settings, FilterRequest request, Callback done, QObject *parent);
    ~FilterJob() override;
    Q_DISABLE_COPY_MOVE(FilterJob)

    void start();

private:
    /// A plain descriptor: QLocalSocket costs about as much as the rest of a session's message.
    void connectToFilter();
    void beginTalk();
    void sendMore();
    void receive();
    void fail(const char *id, const QString &detail);
    void finish(Result<FilterResponse> result);

    QString m_socketPath;
    FilterRequest m_request;
    Callback m_done;
    QTimer m_deadline;
    FrameReader m_reader;
    int m_socket = -1;
    std::unique_ptr<QSocketNotifier> m_readable;
    std::unique_ptr<QSocketNotifier> m_writable;  ///< Only while the socket's buffer is full.
    QByteArray m_head;
    qsizetype m_sent = 0;  ///< Of head and content together.
};

}  // namespace portcullis::verdict
