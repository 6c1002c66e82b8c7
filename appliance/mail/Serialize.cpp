// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Serialize.h"

namespace portcullis::mail {

QDataStream &operator<<(QDataStream &out, const Address &address)
{
    return out << address.toString();
}

QDataStream &operator>>(QDataStream &in, Address &address)
{
    QByteArray text;
    in >> text;
    // `postmaster` without a domain is a valid path (RFC 5321 §4.5.1) but not a full address.
    // What was accepted under an earlier setting of the limits must be readable for ever.
    const auto parsed = Address::parsePath('<' + text + '>', {256, 255, 1024});
    if (parsed) {
        address = *parsed;
    } else {
        in.setStatus(QDataStream::ReadCorruptData);
    }
    return in;
}

QDataStream &operator<<(QDataStream &out, const Recipient &recipient)
{
    return out << recipient.address << recipient.originalRecipient
               << static_cast<quint8>(recipient.notify.toInt());
}

QDataStream &operator>>(QDataStream &in, Recipient &recipient)
{
    quint8 notify = 0;
    in >> recipient.address >> recipient.originalRecipient >> notify;
    recipient.notify = NotifyFlags::fromInt(notify);
    return in;
}

QDataStream &operator<<(QDataStream &out, const Envelope &envelope)
{
    out << envelope.sender;
    writeList(out, envelope.recipients);
    return out << static_cast<quint8>(envelope.body) << envelope.isSmtpUtf8 << envelope.envelopeId
               << static_cast<quint8>(envelope.dsnReturn);
}

QDataStream &operator>>(QDataStream &in, Envelope &envelope)
{
    quint8 body = 0;
    quint8 dsnReturn = 0;
    in >> envelope.sender;
    readList(in, envelope.recipients);
    in >> body >> envelope.isSmtpUtf8 >> envelope.envelopeId >> dsnReturn;
    if (body > 1 || dsnReturn > 2) {
        in.setStatus(QDataStream::ReadCorruptData);
    }
    envelope.body = static_cast<BodyType>(body);
    envelope.dsnReturn = static_cast<DsnReturn>(dsnReturn);
    return in;
}

QDataStream &operator<<(QDataStream &out, const Client &client)
{
    return out << client.address << client.port << client.name << client.helo << client.protocol
               << client.tls;
}

QDataStream &operator>>(QDataStream &in, Client &client)
{
    return in >> client.address >> client.port >> client.name >> client.helo >> client.protocol
           >> client.tls;
}

}  // namespace portcullis::mail
