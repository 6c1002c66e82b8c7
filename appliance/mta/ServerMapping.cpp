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

/// The port where Postfix hands over mail of one direction (FILTER_README, XFORWARD_README).
smtp::ListenerSettings filterListener(const config::Config &config, mail::Direction direction)
{
    const config::MailSettings &mail = config.mail;
    const bool isIncoming = direction == mail::Direction::In;
    const std::vector<smtp::Network> loopback{{QHostAddress(QHostAddress::LocalHost), 8}};
    smtp::ListenerSettings listener;
    listener.name = isIncoming ? filterInListener : filterOutListener;
    listener.address = QHostAddress(QHostAddress::LocalHost);
    listener.port = isIncoming ? mail.filterPortIn : mail.filterPortOut;
    listener.direction = direction;
    listener.session = sessionSettings(config, direction);
    listener.session.extensions = smtp::plainExtensions;
    // A refusal would be a bounce for what Postfix let pass.
    listener.session.bareNewline = smtp::BareNewline::Replace;
    listener.session.limits.messageSize = 2 * mail.maxSize;
    listener.maxConnections = isIncoming ? mail.maxSmtpdIn : mail.maxSmtpdOut;
    listener.xforwardNetworks = loopback;
    return listener;
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
    if (config.mail.behindPostfix) {
        settings->listeners = {filterListener(config, mail::Direction::In),
                               filterListener(config, mail::Direction::Out)};
    } else {
        add(externalListener, config.mail.extPort, config.mail.maxSmtpdIn, mail::Direction::In);
        add(internalListener, config.mail.intPort, config.mail.maxSmtpdOut, mail::Direction::Out);
    }
    settings->threads = config.mail.threads;
    settings->identity = std::move(identity);
    settings->logsTls = config.mail.tlsLog;
    return settings;
}

bool isBehindPostfix(const smtp::ListenerSettings &listener)
{
    return listener.name == filterInListener || listener.name == filterOutListener;
}

policy::ClientLimitSettings clientLimitSettings(const config::Config &config)
{
    policy::ClientLimitSettings limits;
    limits.connections = config.mail.connCountLimit;
    limits.connectionsPerMinute = config.mail.connRateLimit;
    limits.messagesPerMinute = config.mail.messageRateLimit;
    limits.recipientsPerMinute = config.mail.recipientRateLimit;
    limits.prefix4 = config.mail.clientLimitMask4;
    limits.prefix6 = config.mail.clientLimitMask6;
    limits.exempt = toPairs(config.trustedNetworks);
    return limits;
}

}  // namespace portcullis::mta
