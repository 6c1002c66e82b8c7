// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/Config.h"
#include "appliance/policy/ClientLimits.h"
#include "appliance/spool/Spool.h"
#include "appliance/tracking/EventJournal.h"
#include "shared/base/Clock.h"

#include <functional>
#include <memory>
#include <mutex>

namespace portcullis::mta {

/// The configuration in force. Thread-safe: a reload swaps the pointer, running transactions finish
/// on the old one.
class CurrentConfig
{
public:
    explicit CurrentConfig(std::shared_ptr<const config::Config> config)
        : m_config(std::move(config))
    {
    }

    [[nodiscard]] std::shared_ptr<const config::Config> get() const
    {
        const std::scoped_lock lock(m_mutex);
        return m_config;
    }
    void set(std::shared_ptr<const config::Config> config)
    {
        const std::scoped_lock lock(m_mutex);
        m_config = std::move(config);
    }

private:
    mutable std::mutex m_mutex;
    std::shared_ptr<const config::Config> m_config;
};

/// What all sessions of pmg-smtpd share. Everything in it is thread-safe and outlives the sessions.
struct Services {
    const Paths &paths;
    const Clock &clock;
    CurrentConfig &config;
    spool::Spool &spool;
    tracking::EventJournal &journal;
    policy::ClientLimits &clientLimits;
    std::function<void()> wakeArchivist;  ///< Something was put into the quarantine stage.
};

}  // namespace portcullis::mta
