// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/RelayPolicy.h"

namespace portcullis::mta {

namespace {

bool isQualified(const mail::Address &address)
{
    return address.hasAddressLiteral() || address.domain().contains('.');
}

bool mayRelay(const config::Config &config, mail::Direction direction, const mail::Client &client)
{
    return direction == mail::Direction::Out ? config.isTrusted(client.address)
                                             : config.isOwnAddress(client.address);
}

}  // namespace

std::optional<smtp::Reply> relayRefusal(const config::Config &config,
                                        mail::Direction direction,
                                        const mail::Client &client,
                                        const mail::Address &recipient)
{
    if (!isQualified(recipient)) {
        return smtp::Reply{550, "5.1.2",
                           "<" + recipient.toString()
                               + ">: the recipient needs a fully qualified domain"};
    }
    if (mayRelay(config, direction, client)) {
        return std::nullopt;
    }
    if (!config.isRelayDomain(recipient.domain())) {
        return smtp::Reply{550, "5.7.1", "<" + recipient.toString() + ">: Relay access denied"};
    }
    if (recipient.hasRoutingCharacters()) {
        return smtp::Reply{550, "5.7.1",
                           "<" + recipient.toString()
                               + ">: Relay access denied, the local part "
                                 "asks for routing beyond this domain"};
    }
    return std::nullopt;
}

mail::Address withDomain(const config::Config &config, const mail::Address &recipient)
{
    if (!recipient.domain().isEmpty()
        || recipient.localPart().compare("postmaster", Qt::CaseInsensitive) != 0) {
        return recipient;
    }
    const auto administrator = mail::Address::parse(config.admin.email);
    return administrator ? *administrator : recipient;
}

std::optional<smtp::Reply> senderRefusal(const config::Config &config,
                                         mail::Direction direction,
                                         const mail::Client &client,
                                         const mail::Address &sender)
{
    if (sender.isNull()) {
        return std::nullopt;
    }
    if (!isQualified(sender)) {
        return smtp::Reply{
            504, "5.5.2", "<" + sender.toString() + ">: the sender needs a fully qualified domain"};
    }
    const bool needsTls = direction == mail::Direction::In && client.tls.isEmpty()
                          && config.requiresInboundTls(sender.domain());
    if (needsTls) {
        return smtp::Reply{
            450, "4.7.1", "Mail from " + sender.domain() + " is taken over TLS only: use STARTTLS"};
    }
    return std::nullopt;
}

}  // namespace portcullis::mta
