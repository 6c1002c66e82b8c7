// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/DatabaseSettings.h"

#include <QtCore/QObject>
#include <QtCore/QStringList>
#include <QtCore/QThread>

namespace portcullis::store {

/// LISTENs on channels from a thread of its own and tells its owner's thread.
///
/// Signals are emitted in the thread that owns this object (queued). After a lost connection it
/// connects again with growing delay (0.2 s … 5 s) and emits connected(), because notifications sent
/// meanwhile are lost: whoever listens reads its state again on connected().
class NotificationListener final : public QObject
{
    Q_OBJECT

public:
    NotificationListener(DatabaseSettings settings,
                         QStringList channels,
                         QObject *parent = nullptr);
    ~NotificationListener() override;  ///< Waits for its thread.

    void start();

Q_SIGNALS:
    void connected();                    ///< Also the first time.
    void disconnected(QString problem);  ///< Once per loss, or per first failed attempt.
    void notified(QString channel, QString payload);

private:
    class Worker;
    QThread m_thread;
    Worker *m_worker = nullptr;
};

}  // namespace portcullis::store
