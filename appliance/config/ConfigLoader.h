// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/Config.h"
#include "appliance/config/Machine.h"

#include <memory>
#include <optional>
#include <vector>

namespace portcullis::config {

using ConfigPtr = std::shared_ptr<const Config>;

/// What a command line says instead of the files.
struct Overrides {
    std::optional<quint16> extPort;  ///< 0: a free one.
    std::optional<quint16> intPort;
    std::vector<QHostAddress> listen;
    std::vector<QString> dnsServers;
    QByteArray databaseDsn;
};

/// Reads pmg.conf, domains, mynetworks, transport, tls_policy, tls_inbound_domains and dkim/domains below
/// Paths::etc() into one checked Config. Missing files are empty ones.
///
/// Stateless and thread-safe: a service keeps its last good Config when load() fails, so the
/// previous configuration stays in force.
class ConfigLoader
{
public:
    explicit ConfigLoader(Paths paths,
                          Overrides overrides = {},
                          Machine machine = Machine::current());

    /// Errors (permanent): `config.syntax`, `config.unknown-section`, `config.unknown-key`,
    /// `config.value`; (transient) `config.unreadable`. `detail` names file, line, key and reason of
    /// every fault found, at most ten: "…/pmg.conf:3: mail/maxsize: 'big' is no whole number".
    [[nodiscard]] Result<ConfigPtr> load() const;

    /// Changes whenever one of the files may have changed (inode, size, time). Cheap: for programs
    /// without an event loop that look from time to time.
    [[nodiscard]] QByteArray stamp() const;

    [[nodiscard]] const Paths &paths() const { return m_paths; }
    /// The files that load() reads.
    [[nodiscard]] std::vector<QString> files() const;

private:
    Paths m_paths;
    Overrides m_overrides;
    Machine m_machine;
};

}  // namespace portcullis::config
