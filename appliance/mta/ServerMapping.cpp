// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/ServerMapping.h"

#include <algorithm>

namespace portcullis::mta {

namespace {

std::vector<smtp::Network> toPairs(const std::vector<config::Network> &networks)
{
    std::vector<smtp::Network> pairs;
    std::ranges::transform(networks, std::back_inserter(pairs), [](const config::Network &network) {
        return smtp::Network(network.address(), network.prefix());
    });
    return pairs;
}

smtp::SessionSettings sessionSettings(const config::Config &config, mail::Direction direction)
{
    const config::MailSettings &mail = config.mail;
    smtp::SessionSettings session;
    session.hostName = config.fqdn;
    session.extensions = smtp::plainExtensions | smtp::Extension::StartTls;
    if (!mail.smtpUtf8) {
        session.extensions &= ~smtp::Extensions(smtp::Extension::SmtpUtf8);
    }
    if (direction == mail::Direction::In) {
        // Strangers learn nothing of our delivery: no success reports for them.
        session.extensions &= ~smtp::Extensions(smtp::Extension::Dsn);
    }
    session.bareNewline = mail.bareNewline == config::BareNewline::Replace
                              ? smtp::BareNewline::Replace
                              : smtp::BareNewline::Refuse;
    smtp::SessionLimits &limits = session.limits;
    limits.messageSize = mail.maxSize;
    limits.recipients = mail.recipientLimit;
    limits.errors = mail.errorLimit;
    limits.command = mail.commandTimeout;
    limits.handshake = mail.handshakeTimeout;
    // Of pauses, as RFC 5321 §4.5.3.2.5 means it; a whole message may take longer than one block.
    limits.dataGrace = mail.dataTimeout;
    limits.dataRate = mail.minDataRate;
    limits.session = mail.sessionTimeout;
    return session;
}

}  // namespace

std::shared_ptr<const smtp::ServerSettings> serverSettings(
    const config::Config &config,
    std::shared_ptr<const smtp::TlsIdentity> identity)
{
    auto settings = std::make_shared<smtp::ServerSettings>();
    std::vector<QHostAddress> addresses = config.mail.listen;
    if (addresses.empty()) {
        addresses = {QHostAddress(QHostAddress::Any)};
    }
    const auto add = [&](const char *name, quint16 port, int sessions, mail::Direction direction) {
        for (size_t i = 0; i < addresses.size(); ++i) {
            smtp::ListenerSettings listener;
            listener.name = i == 0 ? QByteArray(name) : name + QByteArray::number(i + 1);
            listener.address = addresses[i];
            listener.port = port;
            listener.direction = direction;
            listener.session = sessionSettings(config, direction);
            listener.maxConnections = sessions;
            listener.xclientNetworks = toPairs(config.mail.xclientHosts);
            listener.xforwardNetworks = toPairs(config.mail.xclientHosts);
            settings->listeners.push_back(std::move(listener));
        }
    };
    add(externalListener, config.mail.extPort, config.mail.maxSmtpdIn, mail::Direction::In);
    add(internalListener, config.mail.intPort, config.mail.maxSmtpdOut, mail::Direction::Out);
    settings->threads = config.mail.threads;
    settings->identity = std::move(identity);
    settings->logsTls = config.mail.tlsLog;
    return settings;
}

policy::ClientLimitSettings clientLimitSettings(const config::Config &config)
{
    policy::ClientLimitSettings limits;
    limits.connections = config.mail.connCountLimit;
    limits.connectionsPerMinute = config.mail.connRateLimit;
    limits.messagesPerMinute = config.mail.messageRateLimit;
    limits.exempt = toPairs(config.trustedNetworks);
    return limits;
}

}  // namespace portcullis::mta
