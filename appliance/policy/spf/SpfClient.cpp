// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/SpfClient.h"

#include "appliance/base/ChildProcess.h"
#include "appliance/policy/spf/Evaluation.h"
#include "appliance/policy/spf/WorkerLink.h"

#include <QtCore/QFile>
#include <QtCore/QPointer>

#include <algorithm>
#include <utility>

namespace portcullis::policy::spf {

namespace {

/// IPv4 where it is IPv4, in whatever form it came (RFC 7208 §5).
QHostAddress plainAddress(const QHostAddress &address)
{
    bool isIp4 = false;
    const quint32 ip4 = address.toIPv4Address(&isIp4);
    return isIp4 ? QHostAddress(ip4) : address;
}

QByteArray programOf(const SpfSettings &settings)
{
    return settings.workerPath.isEmpty() ? findHelperProgram("pmg-spf-worker", PORTCULLIS_LIBEXEC)
                                         : QFile::encodeName(settings.workerPath);
}

}  // namespace

SpfIdentity SpfIdentity::of(const SpfQuestion &question)
{
    if (question.sender.isNull()) {
        return {"postmaster", question.helo, true};
    }
    return {question.sender.localPart(), question.sender.asciiDomain(), false};
}

class SpfClient::Private final : public QObject
{
public:
    Private(Resolver &given, SpfSettings chosen)
        : resolver(given)
        , settings(std::move(chosen))
        , worker(programOf(settings), settings.limits.step)
    {
    }

    ~Private() override
    {
        // They use the worker, which goes before the children would.
        qDeleteAll(findChildren<Evaluation *>(QString(), Qt::FindDirectChildrenOnly));
    }
    Q_DISABLE_COPY_MOVE(Private)

    void begin(Subject subject, QObject *context, Callback done)
    {
        if (running >= settings.limits.waiting) {
            refuse(subject, context, done);
            return;
        }
        ++running;
        // The caller hears of it from the event loop, and so may destroy us then.
        auto *evaluation = new Evaluation(
            resolver, worker, settings.limits, std::move(subject),
            [context = QPointer<QObject>(context), done = std::move(done)](
                const verdict::SpfFinding &finding) { deliver(context, done, finding); });
        evaluation->setParent(this);
        connect(evaluation, &QObject::destroyed, this, [this] { --running; });
        // When nobody waits any more, the rest of the check is not worth its queries.
        connect(context, &QObject::destroyed, evaluation, &QObject::deleteLater);
    }

    static void deliver(QObject *context, const Callback &done, const verdict::SpfFinding &finding)
    {
        if (context != nullptr) {
            QMetaObject::invokeMethod(
                context, [done, finding] { done(finding); }, Qt::QueuedConnection);
        }
    }

    static void refuse(const Subject &subject, QObject *context, const Callback &done)
    {
        verdict::SpfFinding finding;
        finding.result = verdict::SpfResult::TempError;
        finding.isHelo = subject.identity.isHelo;
        finding.domain = displayable(subject.identity.domain, 255);
        finding.identity = displayable(subject.identity.local + '@' + finding.domain, 512);
        finding.problem = "too many checks at once";
        deliver(context, done, finding);
    }

    Resolver &resolver;
    SpfSettings settings;
    WorkerLink worker;
    int running = 0;
};

SpfClient::SpfClient(Resolver &resolver, SpfSettings settings)
    : d(std::make_unique<Private>(resolver, std::move(settings)))
{
}

SpfClient::~SpfClient() = default;

void SpfClient::check(const SpfQuestion &question, QObject *context, Callback done)
{
    check(question.client, question.helo, SpfIdentity::of(question), context, std::move(done));
}

void SpfClient::check(const QHostAddress &client,
                      const QByteArray &helo,
                      const SpfIdentity &identity,
                      QObject *context,
                      Callback done)
{
    Subject subject{plainAddress(client), helo, identity, d->settings.receiver};
    if (subject.identity.local.isEmpty()) {
        subject.identity.local = "postmaster";
    }
    d->begin(std::move(subject), context, std::move(done));
}

void SpfClient::setTimeout(std::chrono::milliseconds timeout)
{
    d->settings.limits.timeout = timeout;
}

qint64 SpfClient::workerPid() const
{
    return d->worker.pid();
}

}  // namespace portcullis::policy::spf
