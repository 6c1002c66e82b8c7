// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/ConfigLoader.h"

#include "appliance/config/ConfigFile.h"
#include "appliance/config/MapFiles.h"
#include "appliance/config/PmgConfReader.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>

#include <array>

namespace portcullis::config {

namespace {

using schema::MapFile;
using schema::SectionFile;

constexpr std::array fileNames{"pmg.conf",    "domains",    "mynetworks",
                               "transport",   "tls_policy", "tls_inbound_domains",
                               "dkim/domains"};

/// Reads the files one after the other; faults and the digest of all bytes are collected.
class Reading
{
public:
    explicit Reading(QString folder)
        : m_folder(std::move(folder))
    {
    }

    [[nodiscard]] QString pathOf(const char *name) const
    {
        return m_folder + QLatin1Char('/') + QLatin1String(name);
    }

    SectionFile sectionFile(const char *name)
    {
        auto file = SectionFile::parse(bytesOf(name), pathOf(name));
        if (!file) {
            faults.add(file.error());
            return {};
        }
        return file.take();
    }

    /// Calls `take` with each entry; its Error becomes a fault of that line.
    template<typename Take>
    void mapFile(const char *name, MapFile::CommentStyle style, Take take)
    {
        const auto file = MapFile::parse(bytesOf(name), pathOf(name), style);
        if (!file) {
            faults.add(file.error());
            return;
        }
        for (const MapFile::Entry &entry : file->entries()) {
            if (Status status = take(entry); !status) {
                faults.add(pathOf(name), entry.line, QString::fromUtf8(entry.key), status.error());
            }
        }
    }

    [[nodiscard]] QByteArray digest() const { return m_hash.result().toHex(); }

    FaultList faults;

private:
    QByteArray bytesOf(const char *name)
    {
        auto bytes = readConfigFile(pathOf(name));
        if (!bytes) {
            faults.add(bytes.error());
            return {};
        }
        m_hash.addData(QByteArray::number(bytes->size()) + ':' + *bytes);
        return bytes.take();
    }

    QString m_folder;
    QCryptographicHash m_hash{QCryptographicHash::Sha1};
};

void readDomains(Reading &reading, const char *name, std::map<QByteArray, RelayDomain> &domains)
{
    reading.mapFile(name, MapFile::CommentStyle::LineBefore,
                    [&domains](const MapFile::Entry &entry) -> Status {
                        RelayDomain domain = TRY(parseRelayDomain(entry));
                        auto &known = domains[domain.domain];
                        // `example.com` and `.example.com` may both be listed.
                        domain.includesSubdomains |= known.includesSubdomains;
                        known = std::move(domain);
                        return ok();
                    });
}

void readTransports(Reading &reading, Config &config)
{
    reading.mapFile("transport", MapFile::CommentStyle::LineBefore,
                    [&config](const MapFile::Entry &entry) -> Status {
                        Transport transport = TRY(parseTransport(entry));
                        config.transports[transport.pattern] = std::move(transport);
                        return ok();
                    });
}

void readTlsFiles(Reading &reading, Config &config)
{
    reading.mapFile("tls_policy", MapFile::CommentStyle::LineBefore,
                    [&config](const MapFile::Entry &entry) -> Status {
                        TlsPolicy policy = TRY(parseTlsPolicy(entry));
                        config.tlsPolicies[policy.destination] = std::move(policy);
                        return ok();
                    });
    reading.mapFile("tls_inbound_domains", MapFile::CommentStyle::LineBefore,
                    [&config](const MapFile::Entry &entry) -> Status {
                        if (!schema::isDnsName(entry.key)) {
                            return Error::permanent("config.value",
                                                    QStringLiteral("is not a domain"));
                        }
                        config.inboundTlsDomains.insert(entry.key.toLower());
                        return ok();
                    });
}

/// The next hop's own address may relay: mail servers send through the gateway, too.
void trustHost(const NextHop &hop, std::vector<Network> &networks)
{
    if (auto network = Network::parse(hop.host)) {
        networks.push_back(network.take());
    }
}

void addOwnNetworks(const Machine &machine, bool trustsSubnets, Config &config)
{
    const std::vector<Network> loopback{Network(QHostAddress(QStringLiteral("127.0.0.0")), 8),
                                        Network(QHostAddress(QStringLiteral("::1")), 128)};
    config.ownAddresses = loopback;
    config.trustedNetworks = loopback;
    for (const Interface &interface : machine.interfaces) {
        const QHostAddress address = normalised(interface.address);
        const bool isV4 = address.protocol() == QAbstractSocket::IPv4Protocol;
        const Network own(address, isV4 ? 32 : 128);
        config.ownAddresses.push_back(own);
        config.trustedNetworks.push_back(trustsSubnets ? Network(address, interface.prefix) : own);
    }
}

void readNetworks(Reading &reading, Config &config)
{
    for (const auto &[pattern, transport] : config.transports) {
        trustHost(transport.nextHop, config.trustedNetworks);
    }
    if (config.mail.relay) {
        trustHost(*config.mail.relay, config.trustedNetworks);
    }
    reading.mapFile("mynetworks", MapFile::CommentStyle::Trailing,
                    [&config](const MapFile::Entry &entry) -> Status {
                        if (!entry.value.isEmpty()) {
                            return Error::permanent(
                                "config.value",
                                QStringLiteral("one network a line, then a comment after '#'"));
                        }
                        config.trustedNetworks.push_back(TRY(Network::parse(entry.key)));
                        return ok();
                    });
}

void nameHost(const PmgConfValues &values, const Machine &machine, Config &config)
{
    config.fqdn = values.text("mail", "myhostname").toLower();
    if (config.fqdn.isEmpty()) {
        config.fqdn = machine.hostName + '.' + machine.domain;
    }
    const qsizetype dot = config.fqdn.indexOf('.');
    config.hostName = dot < 0 ? config.fqdn : config.fqdn.first(dot);
    config.domain = dot < 0 ? machine.domain : config.fqdn.sliced(dot + 1);
}

void applyOverrides(const Overrides &overrides, Config &config)
{
    config.mail.extPort = overrides.extPort.value_or(config.mail.extPort);
    config.mail.intPort = overrides.intPort.value_or(config.mail.intPort);
    config.mail.listen = overrides.listen;
    if (!overrides.dnsServers.empty()) {
        config.mail.dnsServers = overrides.dnsServers;
    }
    if (!overrides.databaseDsn.isEmpty()) {
        config.admin.databaseDsn = overrides.databaseDsn;
    }
}

}  // namespace

ConfigLoader::ConfigLoader(Paths paths, Overrides overrides, Machine machine)
    : m_paths(std::move(paths))
    , m_overrides(std::move(overrides))
    , m_machine(std::move(machine))
{
}

Result<ConfigPtr> ConfigLoader::load() const
{
    auto config = std::make_shared<Config>();
    Reading reading(m_paths.etc());
    const SectionFile file = reading.sectionFile("pmg.conf");
    const PmgConfValues values = PmgConfValues::read(file, reading.pathOf("pmg.conf"),
                                                     reading.faults, config->warnings);
    fillSections(values, m_machine, *config);
    readDomains(reading, "domains", config->relayDomains);
    readDomains(reading, "dkim/domains", config->dkimDomains);
    readTransports(reading, *config);
    readTlsFiles(reading, *config);
    addOwnNetworks(m_machine, values.flag("mail", "trust_own_networks"), *config);
    readNetworks(reading, *config);
    if (!reading.faults.isEmpty()) {
        return reading.faults.toError();
    }
    nameHost(values, m_machine, *config);
    applyOverrides(m_overrides, *config);
    if (config->mail.extPort == config->mail.intPort && config->mail.extPort != 0) {
        return Error::permanent("config.value",
                                QStringLiteral("%1: mail/int_port: %2 is the external port as well")
                                    .arg(reading.pathOf("pmg.conf"))
                                    .arg(config->mail.intPort));
    }
    config->digest = reading.digest();
    return ConfigPtr(std::move(config));
}

std::vector<QString> ConfigLoader::files() const
{
    std::vector<QString> paths;
    for (const char *name : fileNames) {
        paths.push_back(m_paths.etc() + QLatin1Char('/') + QLatin1String(name));
    }
    return paths;
}

QByteArray ConfigLoader::stamp() const
{
    QByteArray stamp;
    for (const QString &path : files()) {
        stamp += fileStamp(path);
    }
    return stamp;
}

}  // namespace portcullis::config
