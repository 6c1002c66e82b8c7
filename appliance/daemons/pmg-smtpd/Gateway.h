// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/archivist/StoreWriter.h"
#include "appliance/config/ConfigWatcher.h"
#include "appliance/daemons/pmg-smtpd/SessionChecks.h"
#include "appliance/daemons/pmg-smtpd/SessionFactory.h"
#include "appliance/daemons/pmg-smtpd/TrackingObserver.h"
#include "appliance/delivery/DeliveryManager.h"
#include "appliance/mta/ControlCommands.h"
#include "appliance/mta/FilterScheduler.h"
#include "appliance/spool/QueueCommands.h"
#include "appliance/store/DatabaseSettings.h"

#include <QtCore/QJsonObject>
#include <QtCore/QObject>

#include <memory>
#include <optional>

namespace portcullis {

/// Everything that pmg-smtpd is made of, constructed and connected here and only here.
///
/// Order of life: spool and journal first, then what takes mail out of the spool, the server last;
/// stopping goes the other way, so that nothing is accepted that could not be kept.
class Gateway final : public QObject
{
    Q_OBJECT
public:
    Gateway(Paths paths, config::Overrides overrides, store::DatabaseSettings database);
    ~Gateway() override;

    /// Errors: what could not be opened or bound; the process then ends with 1.
    Status start();

    /// Reads the configuration and the certificate again; the error names what is wrong with it.
    Status reload();
    void stop();  ///< Graceful: finishes what is under way within its bounds. stopped() follows.

    /// The ready line: `smtp_ext` and `smtp_int`, or behind Postfix `filter_in` and `filter_out`.
    [[nodiscard]] QJsonObject ports() const;

Q_SIGNALS:
    void stopped();
    void failed(const QString &reason);  ///< The storage failed: end with an error (F4).

private:
    Status openStorage();
    void startDelivery();
    Status startChecks();
    Status startServer();
    Status startControl();
    void applyConfig(const config::ConfigPtr &read);
    void onServerStopped();
    [[nodiscard]] config::ConfigPtr asBound(const config::ConfigPtr &config) const;
    [[nodiscard]] std::unique_ptr<Resolver> makeResolver() const;
    [[nodiscard]] Result<std::shared_ptr<const smtp::TlsIdentity>> loadIdentity(
        const config::Config &config) const;

    Paths m_paths;
    config::ConfigLoader m_loader;
    std::shared_ptr<store::DatabasePool> m_database;
    std::unique_ptr<config::ConfigWatcher> m_watcher;
    std::unique_ptr<mta::CurrentConfig> m_config;
    std::unique_ptr<spool::Spool> m_spool;
    std::unique_ptr<tracking::EventJournal> m_journal;
    std::unique_ptr<policy::ClientLimits> m_clientLimits;
    std::unique_ptr<archivist::StoreWriter> m_archivist;
    std::optional<mta::Services> m_services;
    std::unique_ptr<TrackingObserver> m_observer;
    std::unique_ptr<delivery::DeliveryManager> m_delivery;
    std::unique_ptr<mta::FilterScheduler> m_scheduler;
    std::unique_ptr<SessionChecks> m_checks;  ///< None behind a Postfix, which makes them.
    std::unique_ptr<smtp::Server> m_server;
    std::unique_ptr<spool::QueueCommands> m_queueCommands;
    std::unique_ptr<spool::ControlServer> m_control;
};

}  // namespace portcullis
