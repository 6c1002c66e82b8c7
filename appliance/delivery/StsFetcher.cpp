// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/StsFetcher.h"

#include "appliance/delivery/HttpReplyReader.h"
#include "appliance/delivery/Reachability.h"

#include <QtCore/QTimer>
#include <QtNetwork/QNetworkProxy>
#include <QtNetwork/QSslSocket>

namespace portcullis::delivery {

namespace {

/// One GET. Deletes itself after its answer.
class StsDownload final : public QObject
{
public:
    StsDownload(Resolver &resolver,
                const QByteArray &domain,
                std::shared_ptr<const DeliverySettings> settings,
                const QSslConfiguration &tls,
                StsFetcher::Callback done,
                QObject *parent)
        : QObject(parent)
        , m_resolver(resolver)
        , m_host("mta-sts." + domain)
        , m_settings(std::move(settings))
        , m_tls(tls)
        , m_done(std::move(done))
    {
    }
    void start();

private:
    void onAddresses(const Result<DnsAnswer> &answer);
    void tryNextAddress();
    void onEncrypted();
    void onReadable();
    void onSocketError();
    void evaluate();
    void fail(const char *id, const QString &reason);
    void finish(Result<StsPolicy> result);

    Resolver &m_resolver;
    QByteArray m_host;
    std::shared_ptr<const DeliverySettings> m_settings;
    QSslConfiguration m_tls;
    StsFetcher::Callback m_done;
    int m_lookups = 0;
    std::deque<QHostAddress> m_addresses;
    QString m_problem;
    QSslSocket *m_socket = nullptr;
    HttpReplyReader m_reader;
};

void StsDownload::start()
{
    QTimer::singleShot(m_settings->sts.fetch, this,
                       [this] { fail("sts.fetch", QStringLiteral("time is up")); });
    const auto look = [this](DnsType type) {
        ++m_lookups;
        m_resolver.lookup(m_host, type, this,
                          [this](const Result<DnsAnswer> &answer) { onAddresses(answer); });
    };
    look(DnsType::A);
    if (m_settings->allowsInet6) {
        look(DnsType::Aaaa);
    }
}

void StsDownload::onAddresses(const Result<DnsAnswer> &answer)
{
    constexpr size_t mostAddresses = 6;
    if (!answer.has_value()) {
        m_problem = answer.error().detail;
    } else {
        for (const QHostAddress &address : addressesOf(*answer)) {
            const bool isAllowed = m_settings->allowsLoopbackMx
                                   || !isUnreachableFromOutside(asInet4(address));
            if (isAllowed && m_addresses.size() < mostAddresses) {
                const bool isInet4 = address.protocol() == QAbstractSocket::IPv4Protocol;
                m_addresses.insert(isInet4 ? m_addresses.begin() : m_addresses.end(), address);
            }
        }
    }
    if (--m_lookups == 0) {
        tryNextAddress();
    }
}

void StsDownload::tryNextAddress()
{
    if (m_addresses.empty()) {
        fail("sts.fetch", m_problem.isEmpty() ? QStringLiteral("no usable address") : m_problem);
        return;
    }
    const QHostAddress address = m_addresses.front();
    m_addresses.pop_front();
    m_socket = new QSslSocket(this);
    m_socket->setProxy(QNetworkProxy::NoProxy);
    m_socket->setSslConfiguration(m_tls);
    m_socket->setPeerVerifyMode(QSslSocket::VerifyPeer);
    constexpr qint64 readAhead = 128 * 1024;  // More than a whole reply may have.
    m_socket->setReadBufferSize(readAhead);
    connect(m_socket, &QSslSocket::encrypted, this, &StsDownload::onEncrypted);
    connect(m_socket, &QSslSocket::readyRead, this, &StsDownload::onReadable);
    connect(m_socket, &QSslSocket::errorOccurred, this, &StsDownload::onSocketError);
    m_socket->connectToHostEncrypted(address.toString(), m_settings->stsPort,
                                     QString::fromLatin1(m_host));
}

void StsDownload::onEncrypted()
{
    // No Accept-Encoding: what is not asked for need not be unpacked.
    m_socket->write("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " + m_host
                    + "\r\nUser-Agent: Portcullis\r\nAccept: text/plain\r\n"
                      "Connection: close\r\n\r\n");
}

void StsDownload::onReadable()
{
    while (m_socket->bytesAvailable() > 0 && !m_reader.isDone() && !m_reader.failure()) {
        m_reader.receive(m_socket->readAll());
    }
    if (m_reader.isDone() || m_reader.failure()) {
        evaluate();
    }
}

void StsDownload::onSocketError()
{
    if (m_reader.isDone() || m_reader.failure()) {
        return;
    }
    if (m_socket->isEncrypted()) {
        onReadable();
        m_reader.end();
        evaluate();
        return;
    }
    const bool isCertificate = !m_socket->sslHandshakeErrors().isEmpty();
    m_problem = m_socket->errorString();
    m_socket->disconnect(this);
    m_socket->deleteLater();
    if (isCertificate) {
        fail("sts.certificate", m_problem);
    } else {
        tryNextAddress();
    }
}

void StsDownload::evaluate()
{
    if (m_reader.failure()) {
        fail("sts.fetch", m_reader.failure()->detail);
    } else if (m_reader.status() != 200) {
        // RFC 8461 §3.3: redirects must not be followed.
        fail("sts.fetch", QStringLiteral("HTTP status %1").arg(m_reader.status()));
    } else if (m_reader.contentType().split(';').front().trimmed() != "text/plain") {
        fail("sts.fetch", QStringLiteral("the media type is not text/plain"));
    } else {
        finish(StsPolicy::parse(m_reader.body()));
    }
}

void StsDownload::fail(const char *id, const QString &reason)
{
    finish(Error::transient(id, QString::fromLatin1(m_host) + QStringLiteral(": ") + reason));
}

void StsDownload::finish(Result<StsPolicy> result)
{
    if (!m_done) {
        return;
    }
    if (m_socket != nullptr) {
        m_socket->disconnect(this);
    }
    const auto done = std::exchange(m_done, nullptr);
    deleteLater();
    done(std::move(result));
}

}  // namespace

StsFetcher::StsFetcher(Resolver &resolver, QObject *parent)
    : QObject(parent)
    , m_resolver(resolver)
{
}

void StsFetcher::fetch(const QByteArray &domain,
                       std::shared_ptr<const DeliverySettings> settings,
                       const QSslConfiguration &tls,
                       Callback done)
{
    m_waiting.push_back({domain, std::move(settings), tls, std::move(done)});
    startNext();
}

void StsFetcher::startNext()
{
    while (!m_waiting.empty() && m_running < m_waiting.front().settings->sts.fetches) {
        Order order = std::move(m_waiting.front());
        m_waiting.pop_front();
        ++m_running;
        auto *download = new StsDownload(
            m_resolver, order.domain, std::move(order.settings), order.tls,
            [this, done = std::move(order.done)](Result<StsPolicy> result) {
                --m_running;
                done(std::move(result));
                startNext();
            },
            this);
        download->start();
    }
}

}  // namespace portcullis::delivery
