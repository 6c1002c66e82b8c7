// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/ResolverService.h"

#include <QtCore/QFile>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalSocket>

#include <optional>

namespace portcullis {

/// One client. Ends itself when its socket does.
class ResolverConnection final : public QObject
{
public:
    ResolverConnection(ResolverService &service, QLocalSocket *socket);
    ~ResolverConnection() override { --m_service.m_connections; }
    Q_DISABLE_COPY_MOVE(ResolverConnection)

    void answer(const resolverwire::Response &response);

private:
    void read();
    bool readFrame();
    void disconnectClient();

    ResolverService &m_service;
    QLocalSocket *m_socket;
    std::optional<quint32> m_payload;  ///< Length of the frame being read.
    int m_batches = 0;
    bool m_isClosing = false;
};

/// The names of one request, on their way. Ends itself when all are answered or time is up.
class ResolverBatch final : public QObject
{
public:
    ResolverBatch(ResolverService &service,
                  ResolverConnection &connection,
                  resolverwire::Request request);

    void start();

private:
    void take(size_t index, Result<DnsAnswer> answer);
    void finish();

    ResolverService &m_service;
    ResolverConnection &m_connection;
    resolverwire::Request m_request;
    std::vector<std::optional<Result<DnsAnswer>>> m_answers;
    size_t m_open;
    QTimer m_deadline;
};

ResolverBatch::ResolverBatch(ResolverService &service,
                             ResolverConnection &connection,
                             resolverwire::Request request)
    : QObject(&connection)
    , m_service(service)
    , m_connection(connection)
    , m_request(std::move(request))
    , m_answers(m_request.questions.size())
    , m_open(m_request.questions.size())
{
    m_deadline.setSingleShot(true);
    connect(&m_deadline, &QTimer::timeout, this, [this] { finish(); });
}

void ResolverBatch::start()
{
    if (m_open == 0) {
        finish();
        return;
    }
    m_deadline.start(m_request.deadline);
    for (size_t i = 0; i < m_request.questions.size(); ++i) {
        const resolverwire::Question &question = m_request.questions[i];
        if (const DnsAnswer *known = m_service.cached(question)) {
            take(i, *known);
            continue;
        }
        m_service.m_resolver->lookup(question.name, question.type, this,
                                     [this, i](Result<DnsAnswer> answer) {
                                         if (answer) {
                                             m_service.keep(m_request.questions[i], *answer);
                                         }
                                         take(i, std::move(answer));
                                     });
    }
}

void ResolverBatch::take(size_t index, Result<DnsAnswer> answer)
{
    if (m_open == 0) {
        return;  // Finished at the deadline; this object is about to go.
    }
    m_answers[index] = std::move(answer);
    if (--m_open == 0) {
        finish();
    }
}

void ResolverBatch::finish()
{
    m_open = 0;
    m_deadline.stop();
    resolverwire::Response response;
    response.id = m_request.id;
    for (size_t i = 0; i < m_answers.size(); ++i) {
        response.answers.push_back(
            m_answers[i]
                ? std::move(*m_answers[i])
                : Error::transient("dns.timeout", QString::fromUtf8(m_request.questions[i].name)));
    }
    m_connection.answer(response);
    deleteLater();
}

ResolverConnection::ResolverConnection(ResolverService &service, QLocalSocket *socket)
    : QObject(&service)
    , m_service(service)
    , m_socket(socket)
{
    ++m_service.m_connections;
    m_socket->setParent(this);
    m_socket->setReadBufferSize(m_service.m_limits.wire.requestBytes + resolverwire::headSize);
    connect(m_socket, &QLocalSocket::readyRead, this, [this] { read(); });
    connect(m_socket, &QLocalSocket::disconnected, this, &QObject::deleteLater);
}

void ResolverConnection::disconnectClient()
{
    m_isClosing = true;
    m_socket->abort();
    deleteLater();
}

void ResolverConnection::read()
{
    while (!m_isClosing && m_batches < m_service.m_limits.batches && readFrame()) {
    }
}

bool ResolverConnection::readFrame()
{
    using namespace resolverwire;
    const Limits &limits = m_service.m_limits.wire;
    if (!m_payload) {
        if (m_socket->bytesAvailable() < headSize) {
            return false;
        }
        m_payload = payloadSize(m_socket->read(headSize), FrameKind::Request, limits);
        if (!m_payload) {
            disconnectClient();
            return false;
        }
    }
    if (m_socket->bytesAvailable() < *m_payload) {
        return false;
    }
    auto request = decodeRequest(m_socket->read(*m_payload), limits);
    m_payload.reset();
    if (!request) {
        disconnectClient();
        return false;
    }
    ++m_batches;
    auto *batch = new ResolverBatch(m_service, *this, *std::move(request));  // Ends itself.
    batch->start();
    return true;
}

void ResolverConnection::answer(const resolverwire::Response &response)
{
    --m_batches;
    const resolverwire::Limits &limits = m_service.m_limits.wire;
    m_socket->write(encode(response, limits));
    if (m_socket->bytesToWrite() > 2 * qint64(limits.responseBytes)) {
        disconnectClient();  // Asks without reading the answers.
        return;
    }
    if (m_socket->bytesAvailable() > 0) {
        QTimer::singleShot(0, this, [this] { read(); });
    }
}

ResolverService::ResolverService(std::unique_ptr<Resolver> resolver,
                                 ResolverServiceLimits limits,
                                 QObject *parent)
    : QObject(parent)
    , m_limits(limits)
    , m_resolver(std::move(resolver))
{
    m_server.setMaxPendingConnections(m_limits.connections);
    connect(&m_server, &QLocalServer::newConnection, this, [this] { acceptPending(); });
}

ResolverService::~ResolverService()
{
    m_server.close();
    // Connections and their lookups must not outlive the resolver.
    qDeleteAll(findChildren<ResolverConnection *>(QString(), Qt::FindDirectChildrenOnly));
}

Status ResolverService::listen(const QString &path)
{
    QLocalServer::removeServer(path);
    m_server.setSocketOptions(QLocalServer::UserAccessOption | QLocalServer::GroupAccessOption);
    if (!m_server.listen(path)) {
        return Error::permanent("dns.listen",
                                QStringLiteral("%1: %2").arg(path, m_server.errorString()));
    }
    return ok();
}

void ResolverService::setResolver(std::unique_ptr<Resolver> resolver)
{
    m_cache.clear();
    std::shared_ptr<Resolver> old = std::exchange(m_resolver, std::move(resolver));
    QTimer::singleShot(m_limits.wire.deadline, this, [old] {});
}

const DnsAnswer *ResolverService::cached(const resolverwire::Question &question) const
{
    const auto found = m_cache.constFind({question.name, static_cast<int>(question.type)});
    const bool isFresh = found != m_cache.constEnd()
                         && found->end > std::chrono::steady_clock::now();
    return isFresh ? &found->answer : nullptr;
}

void ResolverService::keep(const resolverwire::Question &question, const DnsAnswer &answer)
{
    constexpr std::chrono::seconds longest = std::chrono::minutes(5);
    const auto lifetime = std::min(answer.ttl, longest);
    if (lifetime.count() <= 0 || m_limits.cachedAnswers <= 0) {
        return;
    }
    if (m_cache.size() >= m_limits.cachedAnswers) {
        m_cache.clear();
    }
    m_cache.insert({question.name, static_cast<int>(question.type)},
                   {answer, std::chrono::steady_clock::now() + lifetime});
}

void ResolverService::acceptPending()
{
    while (QLocalSocket *socket = m_server.nextPendingConnection()) {
        if (m_connections >= m_limits.connections) {
            socket->abort();
            socket->deleteLater();
            continue;
        }
        new ResolverConnection(*this, socket);  // Owned by this object; ends with its socket.
    }
}

}  // namespace portcullis
