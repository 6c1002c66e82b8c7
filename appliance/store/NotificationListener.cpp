// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/NotificationListener.h"

#include <QtCore/QSocketNotifier>
#include <QtCore/QTimer>

#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <memory>

namespace portcullis::store {

namespace {

constexpr std::chrono::milliseconds firstRetry{200};
constexpr std::chrono::milliseconds lastRetry{5000};

}  // namespace

/// Lives in the listener's thread. Uses libpq itself: Qt's driver keeps reading a socket that the
/// server has closed and never says that the connection is lost.
class NotificationListener::Worker final : public QObject
{
public:
    Worker(NotificationListener &owner, DatabaseSettings settings, QStringList channels)
        : m_owner(owner)
        , m_settings(std::move(settings))
        , m_channels(std::move(channels))
        , m_retry(this)
    {
        m_retry.setSingleShot(true);
        QObject::connect(&m_retry, &QTimer::timeout, this, [this]() { connectNow(); });
    }

    void connectNow()
    {
        m_connection.reset(PQconnectdb(m_settings.connectionString().toUtf8().constData()));
        // The default prints the server's messages to stderr; losses are told by signal.
        PQsetNoticeProcessor(
            m_connection.get(), [](void *, const char *) {}, nullptr);
        if (PQstatus(m_connection.get()) != CONNECTION_OK || !listen()) {
            lose();
            return;
        }
        m_delay = firstRetry;
        m_isLost = false;
        m_notifier = std::make_unique<QSocketNotifier>(PQsocket(m_connection.get()),
                                                       QSocketNotifier::Read);
        QObject::connect(m_notifier.get(), &QSocketNotifier::activated, this,
                         [this]() { readNotifications(); });
        tell([](NotificationListener &owner) { Q_EMIT owner.connected(); });
    }

private:
    bool listen()
    {
        for (const QString &channel : m_channels) {
            const QByteArray name = channel.toUtf8();
            const std::unique_ptr<char, decltype(&PQfreemem)> quoted(
                PQescapeIdentifier(m_connection.get(), name.constData(),
                                   static_cast<size_t>(name.size())),
                &PQfreemem);
            const QByteArray sql = QByteArrayLiteral("LISTEN ") + quoted.get();
            const std::unique_ptr<PGresult, decltype(&PQclear)> result(
                PQexec(m_connection.get(), sql.constData()), &PQclear);
            if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
                return false;
            }
        }
        return true;
    }

    void readNotifications()
    {
        if (PQconsumeInput(m_connection.get()) == 0) {
            lose();
            return;
        }
        while (PGnotify *notification = PQnotifies(m_connection.get())) {
            tell([channel = QString::fromUtf8(notification->relname),
                  payload = QString::fromUtf8(notification->extra)](NotificationListener &owner) {
                Q_EMIT owner.notified(channel, payload);
            });
            PQfreemem(notification);
        }
    }

    void lose()
    {
        const QString problem = QString::fromUtf8(PQerrorMessage(m_connection.get())).trimmed();
        m_notifier.reset();
        m_connection.reset();
        if (!m_isLost) {
            m_isLost = true;
            tell([problem](NotificationListener &owner) { Q_EMIT owner.disconnected(problem); });
        }
        m_retry.start(m_delay);
        m_delay = std::min(m_delay * 2, lastRetry);
    }

    /// Runs `emission` in the owner's thread; dropped if the owner is gone by then.
    template<typename Emission>
    void tell(Emission emission)
    {
        QMetaObject::invokeMethod(
            &m_owner, [owner = &m_owner, emission]() { emission(*owner); }, Qt::QueuedConnection);
    }

    struct Finish {
        void operator()(PGconn *connection) const { PQfinish(connection); }
    };

    NotificationListener &m_owner;  ///< Outlives us: its destructor ends the thread first.
    const DatabaseSettings m_settings;
    const QStringList m_channels;
    std::unique_ptr<PGconn, Finish> m_connection;
    std::unique_ptr<QSocketNotifier> m_notifier;
    QTimer m_retry;
    std::chrono::milliseconds m_delay = firstRetry;
    bool m_isLost = false;
};

NotificationListener::NotificationListener(DatabaseSettings settings,
                                           QStringList channels,
                                           QObject *parent)
    : QObject(parent)
    , m_worker(new Worker(*this, std::move(settings), std::move(channels)))
{
    m_worker->moveToThread(&m_thread);
    QObject::connect(&m_thread, &QThread::started, m_worker, [this]() { m_worker->connectNow(); });
    QObject::connect(&m_thread, &QThread::finished, m_worker, &QObject::deleteLater);
}

NotificationListener::~NotificationListener()
{
    if (m_thread.isRunning()) {
        m_thread.quit();
        m_thread.wait();
    } else {
        delete m_worker;
    }
}

void NotificationListener::start()
{
    m_thread.start();
}

}  // namespace portcullis::store
