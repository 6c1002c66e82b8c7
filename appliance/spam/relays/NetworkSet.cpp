// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/NetworkSet.h"

#include <QtCore/QList>

#include <arpa/inet.h>

#include <algorithm>
#include <bit>

namespace portcullis::spam {

namespace {

constexpr int bitsBeforeIpv4 = 96;

bool agreesOn(int bits, const AddressBits &left, const AddressBits &right)
{
    const auto bytes = static_cast<size_t>(bits / 8);
    if (!std::equal(left.begin(), left.begin() + static_cast<qsizetype>(bytes), right.begin())) {
        return false;
    }
    const int rest = bits % 8;
    return rest == 0 || ((left.at(bytes) ^ right.at(bytes)) >> (8 - rest)) == 0;
}

// "10", "10.1.", "192.0.2" name the network of all addresses that begin so.
struct Ipv4Network {
    QByteArray address;
    int bits = 32;
};

std::optional<Ipv4Network> completeQuad(QByteArrayView text)
{
    if (text.endsWith('.')) {
        text.chop(1);
    }
    Ipv4Network network;
    int octets = 0;
    for (const QByteArray &part : text.toByteArray().split('.')) {
        bool isNumber = false;
        const uint value = part.toUInt(&isNumber);
        if (!isNumber || value > 255 || ++octets > 4) {
            return {};
        }
        network.address += (octets > 1 ? "." : "") + QByteArray::number(value);
    }
    network.bits = octets * 8;
    for (; octets < 4; ++octets) {
        network.address += ".0";
    }
    return network;
}

// "24", or the netmask "255.255.255.0" for IPv4; -1: neither.
int prefixLength(QByteArrayView text, bool isIpv4)
{
    bool isNumber = false;
    const int bits = text.toByteArray().toInt(&isNumber);
    if (isNumber) {
        return bits >= 0 && bits <= (isIpv4 ? 32 : 128) ? bits : -1;
    }
    in_addr mask{};
    if (!isIpv4 || inet_pton(AF_INET, text.toByteArray().constData(), &mask) != 1) {
        return -1;
    }
    const quint32 value = ntohl(mask.s_addr);
    const int ones = std::countl_one(value);
    return ones == std::popcount(value) ? ones : -1;
}

}  // namespace

std::optional<AddressBits> addressBits(QByteArrayView text)
{
    const QByteArray address = text.toByteArray();
    AddressBits bits{};
    if (inet_pton(AF_INET6, address.constData(), bits.data()) == 1) {
        return bits;
    }
    if (inet_pton(AF_INET, address.constData(), bits.data() + bitsBeforeIpv4 / 8) == 1) {
        bits[10] = bits[11] = 0xFF;
        return bits;
    }
    return {};
}

bool NetworkSet::Entry::covers(const AddressBits &address) const
{
    return agreesOn(bits, network, address);
}

NetworkSet NetworkSet::withLoopback()
{
    NetworkSet set;
    set.add("127.0.0.0/8");
    set.add("::1");
    return set;
}

bool NetworkSet::add(QByteArrayView text)
{
    text = text.trimmed();
    Entry entry;
    if (text.startsWith('!')) {
        entry.isExcluded = true;
        text = text.sliced(1).trimmed();
    }
    QByteArrayView mask;
    const qsizetype slash = text.indexOf('/');
    if (slash >= 0) {
        mask = text.sliced(slash + 1);
        text = text.first(slash);
    }
    if (text.startsWith('[') && text.endsWith(']')) {
        text = text.sliced(1, text.size() - 2);
    }
    if (const qsizetype zone = text.indexOf('%'); zone >= 0) {
        text = text.first(zone);
    }
    const bool isIpv4 = !text.contains(':');
    const std::optional<Ipv4Network> quad = isIpv4 ? completeQuad(text) : std::nullopt;
    const auto bits = addressBits(quad ? QByteArrayView(quad->address) : text);
    const int defaultLength = quad ? quad->bits : 128;
    const int length = slash < 0 ? defaultLength : prefixLength(mask, isIpv4);
    if (!bits || length < 0) {
        return false;
    }
    entry.network = *bits;
    entry.bits = isIpv4 ? length + bitsBeforeIpv4 : length;
    const bool isKnown = std::any_of(
        m_entries.begin(), m_entries.end(), [&entry](const Entry &earlier) {
            return earlier.bits <= entry.bits && earlier.covers(entry.network);
        });
    if (!isKnown) {
        m_entries.push_back(entry);
    }
    return true;
}

bool NetworkSet::contains(QByteArrayView address) const
{
    const auto bits = addressBits(address);
    if (!bits) {
        return false;
    }
    const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                    [&bits](const Entry &entry) { return entry.covers(*bits); });
    return found != m_entries.end() && !found->isExcluded;
}

}  // namespace portcullis::spam
