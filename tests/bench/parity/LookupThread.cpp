// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/parity/LookupThread.h"

#include "appliance/authentication/Authenticator.h"
#include "appliance/base/ResolverService.h"
#include "appliance/base/UnboundResolver.h"
#include "appliance/filter/DnsTxtLookup.h"
#include "appliance/filter/SpamEvidence.h"

#include <QtCore/QMetaObject>

#include <chrono>
#include <future>

namespace portcullis::parity {

using namespace std::chrono_literals;
using policy::spf::SpfIdentity;

struct LookupThread::Service final : QObject {
    std::unique_ptr<ResolverService> lookups;
    std::unique_ptr<UnboundResolver> resolver;
    std::unique_ptr<policy::spf::SpfClient> spf;
};

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

LookupThread::LookupThread(const QString &server)
    : m_service(new Service)
{
    m_service->moveToThread(&m_thread);
    m_thread.start();
    QMetaObject::invokeMethod(
        m_service,
        [this, server] {
            m_service->lookups = std::make_unique<ResolverService>(resolverFor(server));
            const Status status = m_service->lookups->listen(socketPath());
            if (!status) {
                qFatal("%s", qPrintable(status.error().detail));
            }
            m_service->resolver = resolverFor(server);
            m_service->spf = std::make_unique<policy::spf::SpfClient>(*m_service->resolver,
                                                                      policy::spf::SpfSettings());
        },
        Qt::BlockingQueuedConnection);
}

LookupThread::~LookupThread()
{
    QMetaObject::invokeMethod(
        m_service, [this] { delete m_service; }, Qt::BlockingQueuedConnection);
    m_thread.quit();
    m_thread.wait();
}

QString LookupThread::socketPath() const
{
    return m_folder.filePath(QStringLiteral("resolver.sock"));
}

verdict::SpfFinding LookupThread::spf(const QHostAddress &client,
                                      const QByteArray &helo,
                                      const SpfIdentity &identity)
{
    std::promise<verdict::SpfFinding> promise;
    QMetaObject::invokeMethod(m_service, [&] {
        m_service->spf->check(
            client, helo, identity, m_service,
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

spam::SenderEvidence EvidenceFinder::of(spam::MessageText &text, QByteArrayView message)
{
    verdict::SessionEvidence session;
    verdict::SessionEvidence greeting;
    const spam::RelayChain &chain = text.relays();
    const QByteArray sender = text.header("EnvelopeFrom").value_or(QByteArray());
    if (!chain.external.empty()) {
        const spam::Relay &relay = chain.external.front();
        const QHostAddress client(QString::fromLatin1(relay.ip));
        if (!relay.helo.isEmpty()) {
            greeting.spf = d->lookups.spf(client, relay.helo, {{}, relay.helo, true});
        }
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
