// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/Triplet.h"

#include <QtCore/QString>

#include <algorithm>

namespace portcullis::policy::greylist {

namespace {

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// Text as a database keeps it: valid UTF-8 without NUL, not longer than allowed.
QByteArray storable(const QByteArray &bytes, size_t octets)
{
    const bool isPlain = std::all_of(bytes.begin(), bytes.end(),
                                     [](char c) { return c > 0 && c < 0x7f; });
    if (isPlain) {
        return bytes.left(static_cast<qsizetype>(octets));
    }
    QString text = QString::fromUtf8(bytes);
    text.replace(QChar(QChar::Null), QChar(QChar::ReplacementCharacter));
    // A replacement may be longer than what it replaces, and a cut must not part a character: U+FFFD
    // takes three octets, which a second round trip keeps.
    QByteArray clean = text.toUtf8();
    while (clean.size() > static_cast<qsizetype>(octets)) {
        text.chop(text.size() > 1 && text.back().isLowSurrogate() ? 2 : 1);
        clean = text.toUtf8();
    }
    return clean;
}

/// `123` and `4711` become `#`: serial numbers, dates, the recipient's number in a list.
QByteArray withoutDigits(const QByteArray &local)
{
    QByteArray result;
    result.reserve(local.size());
    for (qsizetype i = 0; i < local.size(); ++i) {
        if (!isDigit(local[i])) {
            result.append(local[i]);
        } else if (i == 0 || !isDigit(local[i - 1])) {
            result.append('#');
        }
    }
    return result;
}

/// Replaces `count` fields between `=` signs from the first on.
QByteArray withoutFields(const QByteArray &local, int count)
{
    QList<QByteArray> fields = local.split('=');
    if (fields.size() < count + 2) {
        return local;
    }
    for (int i = 1; i <= count; ++i) {
        fields[i] = "#";
    }
    return fields.join('=');
}

QByteArray collapsedLocalPart(QByteArray local)
{
    if (local.startsWith("prvs=")) {
        local = withoutFields(local, 1);  // BATV: prvs=TAG=user
    } else if (local.startsWith("srs0=") || local.startsWith("srs1=")) {
        local = withoutFields(local, local.startsWith("srs0=") ? 2 : 1);  // SRS0=HASH=DAY=host=user
    }
    const qsizetype plus = local.indexOf('+');
    return withoutDigits(plus > 0 ? local.left(plus) : local);
}

QHostAddress plain(const QHostAddress &client)
{
    bool isIpv4 = false;
    const quint32 ipv4 = client.toIPv4Address(&isIpv4);
    return isIpv4 ? QHostAddress(ipv4) : client;
}

QByteArray subnetText(const QHostAddress &address, int bits)
{
    const int length = std::clamp(bits, 0, isIpv6(address) ? 128 : 32);
    if (!isIpv6(address)) {
        const quint32 mask = length == 0 ? 0U : ~quint32{0} << (32 - length);
        return QHostAddress(address.toIPv4Address() & mask).toString().toLatin1() + '/'
               + QByteArray::number(length);
    }
    Q_IPV6ADDR octets = address.toIPv6Address();
    for (int bit = length; bit < 128; ++bit) {
        octets[bit / 8] = static_cast<quint8>(octets[bit / 8] & ~(0x80U >> (bit % 8)));
    }
    return QHostAddress(octets).toString().toLatin1() + '/' + QByteArray::number(length);
}

}  // namespace

bool isIpv6(const QHostAddress &client)
{
    return plain(client).protocol() == QAbstractSocket::IPv6Protocol;
}

QByteArray normalisedSender(const mail::Address &sender, const GreylistLimits &limits)
{
    const QByteArray key = sender.key();
    const qsizetype at = key.lastIndexOf('@');
    const QByteArray local = at < 0 ? key : key.left(at);
    const QByteArray domain = at < 0 ? QByteArray() : key.mid(at);
    return storable(collapsedLocalPart(local) + domain, limits.keyOctets);
}

QByteArray normalisedRecipient(const mail::Address &recipient, const GreylistLimits &limits)
{
    return storable(recipient.key(), limits.keyOctets);
}

QByteArray networkOf(const QHostAddress &client, const GreylistSettings &settings)
{
    const QHostAddress address = plain(client);
    return subnetText(address, isIpv6(address) ? settings.mask6 : settings.mask4);
}

QByteArray boundedNetworkOf(const QHostAddress &client)
{
    constexpr int bits4 = 24;
    constexpr int bits6 = 48;
    const QHostAddress address = plain(client);
    return subnetText(address, isIpv6(address) ? bits6 : bits4);
}

std::optional<Triplet> knownSenderOf(const Triplet &triplet)
{
    const qsizetype at = triplet.sender.lastIndexOf('@');
    if (at <= 0 || triplet.recipient.isEmpty() || triplet.network == "*") {
        return std::nullopt;
    }
    return Triplet{triplet.network, triplet.sender.mid(at), QByteArray()};
}

Triplet replyOf(const QByteArray &sender, const QByteArray &recipient)
{
    return {QByteArrayLiteral("*"), sender, recipient};
}

}  // namespace portcullis::policy::greylist
