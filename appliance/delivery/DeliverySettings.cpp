// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/DeliverySettings.h"

#include <algorithm>
#include <cmath>

namespace portcullis::delivery {

std::chrono::milliseconds BackoffSchedule::waitAfter(quint32 attempts, double random) const
{
    const auto doublings = static_cast<double>(std::clamp(attempts, 1U, 32U) - 1);
    const double seconds = std::min(static_cast<double>(first.count()) * std::pow(2.0, doublings),
                                    static_cast<double>(longest.count()));
    const double spread = 1.0 + jitter * (2.0 * random - 1.0);
    return std::chrono::milliseconds(std::llround(seconds * spread * 1000.0));
}

DeliverySettings DeliverySettings::from(std::shared_ptr<const config::Config> config)
{
    DeliverySettings settings;
    const config::MailSettings &mail = config->mail;
    // Zero stands for "not set" where zero makes no sense.
    const auto set = [](auto &target, auto value) {
        if (value > decltype(value){}) {
            target = value;
        }
    };
    settings.heloName = config->fqdn.isEmpty() ? QByteArray("localhost") : config->fqdn;
    settings.ownNames = {settings.heloName.toLower()};
    for (const config::Network &network : config->ownAddresses) {
        const bool isHost = network.prefix()
                            == (network.address().protocol() == QAbstractSocket::IPv4Protocol
                                    ? 32
                                    : 128);
        if (isHost) {
            settings.ownAddresses.push_back(network.address());
        }
    }
    settings.ownPorts = {25};
    for (const quint16 port : {mail.extPort, mail.intPort}) {
        if (port != 0 && port != 25) {
            settings.ownPorts.push_back(port);
        }
    }
    set(settings.connections.perDestination, mail.destinationConcurrency);
    set(settings.connections.total, mail.deliveryConcurrency);
    set(settings.connections.messages, mail.messagesPerConnection);
    set(settings.connections.idle, std::chrono::milliseconds(mail.idleTimeout));
    set(settings.timeouts.connect, std::chrono::milliseconds(mail.connectTimeout));
    if (mail.deliveryTimeout.count() > 0) {
        const std::chrono::milliseconds timeout = mail.deliveryTimeout;
        settings.timeouts.greeting = timeout;
        settings.timeouts.hello = timeout;
        settings.timeouts.mail = timeout;
        settings.timeouts.recipient = timeout;
        // RFC 5321 §4.5.3.2.6 wants twice as long here, lest mail be delivered twice.
        settings.timeouts.dataEnd = 2 * timeout;
    }
    set(settings.messageBackoff.first, mail.minimalBackoff);
    set(settings.messageBackoff.longest, mail.maximalBackoff);
    settings.destinationBackoff.longest = settings.messageBackoff.longest;
    settings.destinationBackoff.first = std::min(settings.destinationBackoff.first,
                                                 settings.messageBackoff.first);
    set(settings.lifetime, std::chrono::seconds(mail.queueLifetime));
    set(settings.bounceLifetime, std::chrono::seconds(mail.bounceLifetime));
    settings.delayWarning = mail.delayWarning;
    set(settings.maxHops, mail.hopcountLimit);
    settings.tlsCaFile = mail.tlsCaFile;
    settings.usesDane = mail.tls && mail.tlsDane && !mail.dnsTrustAnchor.isEmpty();
    settings.usesMtaSts = mail.tls && mail.mtaSts;
    set(settings.receivers.positiveLifetime, std::chrono::seconds(mail.receiverPositiveLifetime));
    set(settings.receivers.negativeLifetime, std::chrono::seconds(mail.receiverNegativeLifetime));
    settings.receivers.positiveRefresh = std::min(settings.receivers.positiveRefresh,
                                                  settings.receivers.positiveLifetime / 4);
    settings.config = std::move(config);
    return settings;
}

}  // namespace portcullis::delivery
