// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/integration/delivery/DeliveryBench.h"

#include <algorithm>

namespace portcullis::test {

using namespace std::chrono_literals;

void RecordingObserver::onDelivery(const delivery::DeliveryEvent &event)
{
    const QMutexLocker lock(&m_mutex);
    m_events.push_back(event);
}

std::vector<delivery::DeliveryEvent> RecordingObserver::events() const
{
    const QMutexLocker lock(&m_mutex);
    return m_events;
}

int RecordingObserver::count(delivery::DeliveryEvent::Kind kind) const
{
    const auto all = events();
    return static_cast<int>(std::count_if(
        all.begin(), all.end(), [kind](const auto &event) { return event.kind == kind; }));
}

DeliveryBench::DeliveryBench(const Clock &theClock)
    : clock(theClock)
{
    spool::SpoolSettings spoolSettings;
    spoolSettings.folder = folder.filePath(QStringLiteral("queue"));
    auto opened = spool::Spool::open(spoolSettings, clock);
    if (!opened.has_value()) {
        qFatal("%s", qPrintable(opened.error().toString()));
    }
    spool = std::move(*opened);
    spool->waitForRecovery();
    config->fqdn = "gateway.example";
    settings = delivery::DeliverySettings::from(config);
    settings.sweep = 50ms;
    settings.connections.idle = 1s;
    settings.allowsLoopbackMx = true;
    settings.allowsInet6 = false;
}

DeliveryBench::~DeliveryBench()
{
    stop();
}

void DeliveryBench::routeTo(quint16 port, const QByteArray &domain, config::Protocol protocol)
{
    const config::NextHop hop{protocol, "127.0.0.1", port, false};
    if (domain.isEmpty()) {
        config->mail.smarthost = hop;
    } else {
        config->transports[domain] = {domain, hop, {}};
    }
}

void DeliveryBench::start()
{
    settings.config = config;
    manager = std::make_unique<delivery::DeliveryManager>(
        *spool,
        [this]() -> std::unique_ptr<Resolver> {
            auto made = UnboundResolver::create(resolver);
            if (!made.has_value()) {
                qFatal("%s", qPrintable(made.error().toString()));
            }
            return std::move(*made);
        },
        std::make_shared<const delivery::DeliverySettings>(settings), observer, clock);
    manager->start();
}

QByteArray DeliveryBench::queue(const QByteArray &sender,
                                const std::vector<QByteArray> &recipients,
                                const QByteArray &text,
                                const std::function<void(spool::Entry &)> &change)
{
    spool::Entry entry;
    entry.id = spool->nextQueueId();
    if (!sender.isEmpty()) {
        entry.envelope.sender = *mail::Address::parse(sender);
    }
    for (const QByteArray &recipient : recipients) {
        entry.envelope.recipients.push_back({*mail::Address::parse(recipient), {}, {}});
    }
    entry.content = mail::Content(text);
    entry.receivedAt = clock.wall();
    entry.origin = "smtp";
    if (change) {
        change(entry);
    }
    const QByteArray id = entry.id;
    spool::Transaction transaction;
    transaction.add(std::move(entry));
    const Status status = spool->commitAndWait(std::move(transaction));
    if (!status.has_value()) {
        qFatal("%s", qPrintable(status.error().toString()));
    }
    return id;
}

qint64 DeliveryBench::waiting() const
{
    return spool->statistics().entries[static_cast<size_t>(spool::Stage::Deliverable)];
}

spool::Entry DeliveryBench::load(const QByteArray &id) const
{
    auto entry = spool->load(id);
    return entry.has_value() ? std::move(*entry) : spool::Entry();
}

}  // namespace portcullis::test
