// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/parity/LookupThread.h"

#include "appliance/authentication/Authenticator.h"
#include "appliance/base/ResolverService.h"
#include "appliance/base/UnboundResolver.h"
#include "appliance/filter/DnsTxtLookup.h"
#include "appliance/filter/SpamEvidence.h"

#include <QtCore/QMetaObject>
#include <QtCore/QThread>

#include <chrono>
#include <future>

namespace portcullis::parity {

using namespace std::chrono_literals;
using policy::spf::SpfIdentity;

namespace {

std::unique_ptr<UnboundResolver> resolverFor(const QString &server)
{
    ResolverSettings settings;
    settings.servers = {server};
    auto resolver = UnboundResolver::create(settings);
    if (!resolver) {
        qFatal("%s", qPrintable(resolver.error().detail));
    }
    return std::move(*resolver);
}

SpfIdentity mailFromIdentity(const QByteArray &sender)
{
    const qsizetype at = sender.lastIndexOf('@');
    return at < 0 ? SpfIdentity{{}, sender, false}
                  : SpfIdentity{sender.first(at), sender.sliced(at + 1), false};
}

}  // namespace

/// All of it is made, used and destroyed in the thread.
class LookupThread::Service final : public QThread
{
public:
    Service(QString server, QString path)
        : m_server(std::move(server))
        , m_path(std::move(path))
    {
        start();
        m_isReady.get_future().wait();
    }

    ~Service() override
    {
        quit();
        wait();
    }
    Q_DISABLE_COPY_MOVE(Service)

    /// Context and means of SPF checks.
    [[nodiscard]] QObject *context() const { return m_context; }
    policy::spf::SpfClient &spf() { return *m_spf; }

protected:
    void run() override
    {
        QObject context;
        ResolverService lookups(resolverFor(m_server));
        const Status status = lookups.listen(m_path);
        if (!status) {
            qFatal("%s", qPrintable(status.error().detail));
        }
        const auto resolver = resolverFor(m_server);
        policy::spf::SpfClient spf(*resolver, policy::spf::SpfSettings());
        m_context = &context;
        m_spf = &spf;
        m_isReady.set_value();
        exec();
    }

private:
    QString m_server;
    QString m_path;
    std::promise<void> m_isReady;
    QObject *m_context = nullptr;
    policy::spf::SpfClient *m_spf = nullptr;
};

LookupThread::LookupThread(const QString &server)
    : m_service(std::make_unique<Service>(server, socketPath()))
{
}

LookupThread::~LookupThread() = default;

QString LookupThread::socketPath() const
{
    return m_folder.filePath(QStringLiteral("resolver.sock"));
}

verdict::SpfFinding LookupThread::spf(const QHostAddress &client,
                                      const QByteArray &helo,
                                      const SpfIdentity &identity)
{
    std::promise<verdict::SpfFinding> promise;
    QMetaObject::invokeMethod(m_service->context(), [&] {
        m_service->spf().check(
            client, helo, identity, m_service->context(),
            [&](const verdict::SpfFinding &finding) { promise.set_value(finding); });
    });
    return promise.get_future().get();
}

struct EvidenceFinder::Private {
    LookupThread &lookups;
    BlockingResolver resolver;
    authentication::Authenticator authenticator;
};

EvidenceFinder::EvidenceFinder(LookupThread &lookups)
{
    auto suffixes = authentication::PublicSuffixes::read(
        authentication::PublicSuffixes::systemFile());
    d.reset(new Private{
        lookups, BlockingResolver(lookups.socketPath()),
        authentication::Authenticator(
            {}, std::make_shared<const authentication::PublicSuffixes>(
                    suffixes ? std::move(*suffixes) : authentication::PublicSuffixes::parse({})))});
}

EvidenceFinder::~EvidenceFinder() = default;

namespace {

/// The reverse-path as the newest external hop was told it. Behind hosts of our own, what other fields
/// say may have been rewritten.
QByteArray senderTold(spam::MessageText &text)
{
    const spam::RelayChain &chain = text.relays();
    if (chain.external.front().hasEnvelopeFrom) {
        return chain.external.front().envelopeFrom.toLower();
    }
    return chain.trusted.empty() ? text.headerText("EnvelopeFrom:addr").toLower() : QByteArray();
}

/// A name that can have a record: neither an address nor a single label.
bool isHostName(const QByteArray &helo)
{
    return helo.contains('.') && QHostAddress(QString::fromLatin1(helo)).isNull()
           && !helo.startsWith('[') && !helo.startsWith('!');
}

}  // namespace

spam::SenderEvidence EvidenceFinder::of(spam::MessageText &text, QByteArrayView message)
{
    verdict::SessionEvidence session;
    verdict::SessionEvidence greeting;
    const spam::RelayChain &chain = text.relays();
    if (!chain.external.empty()) {
        const spam::Relay &relay = chain.external.front();
        const QHostAddress client(QString::fromLatin1(relay.ip));
        if (isHostName(relay.helo)) {
            greeting.spf = d->lookups.spf(client, relay.helo, {{}, relay.helo, true});
        }
        const QByteArray sender = senderTold(text);
        if (!sender.isEmpty()) {
            session.spf = d->lookups.spf(client, relay.helo, mailFromIdentity(sender));
        }
    }
    filter::DnsTxtLookup dns(d->resolver, 10s);
    filter::SenderFinding finding;
    finding.findings = d->authenticator.authenticate(message, session.spf, dns);
    spam::SenderEvidence evidence = filter::spamEvidence(session, finding);
    evidence.helo = filter::spamEvidence(greeting, {}).helo;
    return evidence;
}

}  // namespace portcullis::parity
