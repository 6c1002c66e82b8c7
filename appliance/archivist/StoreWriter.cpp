// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archivist/StoreWriter.h"

#include "appliance/archivist/EventMover.h"
#include "appliance/archivist/QuarantineMover.h"
#include "appliance/base/Log.h"
#include "appliance/quarantine/PgQuarantineStore.h"
#include "appliance/tracking/PgTrackingStore.h"

#include <algorithm>

namespace portcullis::archivist {

namespace {

/// Remembers whether the last step failed, so that the log gets one line when it begins and one
/// when it ends, and waits longer after each failure.
class Trouble
{
public:
    Trouble(const char *what, const WriterLimits &limits)
        : m_what(what)
        , m_limits(limits)
    {
    }

    void report(const Error &error)
    {
        m_delay = m_isDown ? std::min(m_delay * 2, m_limits.lastRetry) : m_limits.firstRetry;
        if (!std::exchange(m_isDown, true)) {
            log::write(log::Severity::Error, "archivist.store-down", {},
                       {{"what", m_what}, {"reason", error.toString().toUtf8()}});
        }
    }

    void clear()
    {
        if (std::exchange(m_isDown, false)) {
            log::write(log::Severity::Notice, "archivist.store-up", {}, {{"what", m_what}});
        }
    }

    [[nodiscard]] bool isDown() const { return m_isDown; }
    [[nodiscard]] std::chrono::milliseconds delay() const { return m_delay; }

private:
    const char *m_what;
    const WriterLimits &m_limits;
    bool m_isDown = false;
    std::chrono::milliseconds m_delay{0};
};

/// One step; gives whether more waits.
template<typename Mover>
bool step(Mover &mover, Trouble &trouble)
{
    const Result<bool> moved = mover.move();
    if (!moved) {
        trouble.report(moved.error());
        return false;
    }
    trouble.clear();
    return *moved;
}

}  // namespace

StoreWriter::StoreWriter(spool::Spool &spool,
                         tracking::EventJournal &journal,
                         QString eventsFolder,
                         StoresFactory makeStores,
                         RetentionSource retention,
                         WriterLimits limits)
    : m_spool(spool)
    , m_journal(journal)
    , m_eventsFolder(std::move(eventsFolder))
    , m_makeStores(std::move(makeStores))
    , m_retention(std::move(retention))
    , m_limits(limits)
{
    setObjectName(QStringLiteral("store-writer"));
}

StoreWriter::~StoreWriter()
{
    stop();
}

void StoreWriter::wake()
{
    {
        const std::scoped_lock lock(m_mutex);
        m_isWoken = true;
    }
    m_woken.notify_one();
}

void StoreWriter::stop()
{
    {
        const std::scoped_lock lock(m_mutex);
        m_isStopping = true;
    }
    m_woken.notify_one();
    wait();
}

void StoreWriter::run()
{
    const Stores stores = m_makeStores();
    QuarantineMover mails(m_spool, *stores.quarantine, m_limits.mailsPerBatch,
                          m_limits.bytesPerBatch);
    EventMover events(m_eventsFolder, &m_journal, *stores.tracking, m_limits.eventsPerBatch);
    Expiry expiry(*stores.quarantine, *stores.tracking, m_retention, SystemClock::instance());
    Trouble mailTrouble("quarantine", m_limits);
    Trouble eventTrouble("tracking", m_limits);
    Trouble expiryTrouble("expiry", m_limits);
    bool isStopping = false;
    while (!isStopping) {
        const bool hasMail = step(mails, mailTrouble);
        const bool hasEvents = step(events, eventTrouble);
        const bool hasExpired = step(expiry, expiryTrouble);
        if (mailTrouble.isDown() || eventTrouble.isDown()) {
            isStopping = pause(std::max(mailTrouble.delay(), eventTrouble.delay()));
        } else {
            isStopping = hasMail || hasEvents || hasExpired ? pause(std::chrono::milliseconds(0))
                                                            : rest(m_limits.idle);
        }
    }
}

bool StoreWriter::rest(std::chrono::milliseconds time)
{
    std::unique_lock lock(m_mutex);
    m_woken.wait_for(lock, time, [this] { return m_isWoken || m_isStopping; });
    m_isWoken = false;
    return m_isStopping;
}

bool StoreWriter::pause(std::chrono::milliseconds time)
{
    std::unique_lock lock(m_mutex);
    m_woken.wait_for(lock, time, [this] { return m_isStopping; });
    return m_isStopping;
}

StoreWriter::StoresFactory postgresStores(std::shared_ptr<store::DatabasePool> pool)
{
    return [pool = std::move(pool)] {
        return Stores{std::make_unique<quarantine::PgQuarantineStore>(*pool),
                      std::make_unique<tracking::PgTrackingStore>(*pool)};
    };
}

}  // namespace portcullis::archivist
