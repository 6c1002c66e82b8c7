// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/verdict/Frame.h"
#include "appliance/verdict/Verdict.h"

#include <QtCore/QObject>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalSocket>

#include <chrono>
#include <functional>

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

    void start();

private:
    void sendMore();
    void receive();
    void fail(const char *id, const QString &detail);
    void finish(Result<FilterResponse> result);

    QString m_socketPath;
    FilterRequest m_request;
    Callback m_done;
    QLocalSocket m_socket;
    QTimer m_deadline;
    FrameReader m_reader;
    qint64 m_sent = 0;
    bool m_isConnected = false;
};

}  // namespace portcullis::verdict
