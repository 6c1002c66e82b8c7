// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/MapFiles.h"

#include <QtCore/QByteArrayList>

#include <algorithm>
#include <array>
#include <optional>

namespace portcullis::config {

namespace {

constexpr std::array levels{
    std::pair{"none", TlsLevel::None},          std::pair{"may", TlsLevel::May},
    std::pair{"encrypt", TlsLevel::Encrypt},    std::pair{"dane", TlsLevel::Dane},
    std::pair{"dane-only", TlsLevel::DaneOnly}, std::pair{"fingerprint", TlsLevel::Fingerprint},
    std::pair{"verify", TlsLevel::Verify},      std::pair{"secure", TlsLevel::Secure},
};

Error wrongValue(QByteArrayView text, const QString &reason)
{
    constexpr qsizetype shown = 60;
    return Error::permanent(
        "config.value", QStringLiteral("'%1' %2").arg(
                            QString::fromUtf8(text.first(std::min(text.size(), shown))), reason));
}

std::optional<quint16> parsePort(QByteArrayView text)
{
    const bool isDigits = !text.isEmpty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c >= '0' && c <= '9';
    });
    bool fits = false;
    const uint port = text.toUInt(&fits);
    return isDigits && fits && port >= 1 && port <= 65535
               ? std::optional(static_cast<quint16>(port))
               : std::nullopt;
}

bool isDomainPattern(QByteArrayView text)
{
    return schema::isDnsName(text.startsWith('.') ? text.sliced(1) : text);
}

bool isAddressPattern(QByteArrayView text)
{
    const qsizetype at = text.lastIndexOf('@');
    const auto isForbidden = [](char c) {
        return static_cast<uchar>(c) <= 0x20 || c == 0x7f || c == '@' || c == '\\' || c == '"';
    };
    const QByteArrayView local = text.first(std::max<qsizetype>(at, 0));
    return at > 0 && schema::isDnsName(text.sliced(at + 1))
           && std::none_of(local.begin(), local.end(), isForbidden);
}

/// `[host]:port`, `[host]`, `host:port` or `host`.
struct HostPort {
    QByteArrayView host, port;
    bool isBracketed = false;
};

std::optional<HostPort> splitHostPort(QByteArrayView text)
{
    if (text.startsWith('[')) {
        const qsizetype close = text.indexOf(']');
        if (close < 0) {
            return std::nullopt;
        }
        const QByteArrayView rest = text.sliced(close + 1);
        if (!rest.isEmpty() && !rest.startsWith(':')) {
            return std::nullopt;
        }
        return HostPort{text.sliced(1, close - 1), rest.isEmpty() ? rest : rest.sliced(1), true};
    }
    const qsizetype colon = text.indexOf(':');
    if (colon < 0) {
        return HostPort{text, {}, false};
    }
    return HostPort{text.first(colon), text.sliced(colon + 1), false};
}

Status checkMatch(TlsLevel level, const std::vector<QByteArray> &match, QByteArrayView text)
{
    if (level == TlsLevel::Fingerprint) {
        if (match.empty()) {
            return wrongValue(text, QStringLiteral("needs match=FINGERPRINT"));
        }
        const auto isFingerprint = [](const QByteArray &digest) {
            const QByteArray hex = QByteArray(digest).replace(":", "");
            return QByteArray::fromHex(hex).toHex() == hex.toLower()
                   && (hex.size() == 64 || hex.size() == 40);
        };
        if (!std::all_of(match.begin(), match.end(), isFingerprint)) {
            return wrongValue(text, QStringLiteral("has a fingerprint that is neither SHA-256 nor "
                                                   "SHA-1 in hexadecimal"));
        }
    } else if (!match.empty() && level != TlsLevel::Verify && level != TlsLevel::Secure) {
        return wrongValue(text,
                          QStringLiteral("has match=, which needs verify, secure or fingerprint"));
    }
    return ok();
}

/// A fingerprint holds colons itself, so only names are separated by them.
QByteArrayList splitMatch(const QByteArray &value, TlsLevel level)
{
    QByteArray text = value;
    if (level != TlsLevel::Fingerprint) {
        text.replace(':', '|');
    }
    QByteArrayList parts = text.toLower().split('|');
    parts.removeAll(QByteArray());
    return parts;
}

}  // namespace

void FaultList::add(const QString &file, int line, const QString &what, const Error &reason)
{
    Error error = reason;
    error.detail = QStringLiteral("%1:%2: %3: %4").arg(file).arg(line).arg(what, reason.detail);
    add(error);
}

void FaultList::add(const Error &error)
{
    if (m_count == 0) {
        m_first = error;
    }
    if (m_count < shown) {
        m_lines.append(error.detail);
    }
    ++m_count;
}

Error FaultList::toError() const
{
    Error error = m_first;
    error.detail = m_lines.join(QStringLiteral("; "));
    if (m_count > shown) {
        error.detail += QStringLiteral("; and %1 more").arg(m_count - shown);
    }
    return error;
}

Result<RelayDomain> parseRelayDomain(const schema::MapFile::Entry &entry)
{
    if (!isDomainPattern(entry.key)) {
        return wrongValue(entry.key, QStringLiteral("is not a domain"));
    }
    if (!entry.value.isEmpty() && entry.value != "1") {
        return wrongValue(entry.value, QStringLiteral("is unexpected here; the value is 1"));
    }
    const QByteArray lower = entry.key.toLower();
    const bool hasDot = lower.startsWith('.');
    return RelayDomain{hasDot ? lower.sliced(1) : lower, hasDot, entry.comment};
}

Result<NextHop> parseNextHop(QByteArrayView text)
{
    NextHop hop;
    QByteArrayView rest;
    if (text.startsWith("smtp:")) {
        rest = text.sliced(5);
    } else if (text.startsWith("lmtp:inet:")) {
        hop.protocol = Protocol::Lmtp;
        hop.port = 24;
        rest = text.sliced(10);
    } else {
        return wrongValue(text, QStringLiteral("must start with smtp: or lmtp:inet:"));
    }
    const auto parts = splitHostPort(rest);
    if (!parts) {
        return wrongValue(text, QStringLiteral("has unbalanced brackets"));
    }
    const bool isAddress = schema::isIpAddress(parts->host);
    if (!isAddress && !schema::isDnsName(parts->host)) {
        return wrongValue(text,
                          QStringLiteral("names no host or IP address (IPv6 needs brackets)"));
    }
    if (!parts->port.isEmpty() || rest.endsWith(':')) {
        const auto port = parsePort(parts->port);
        if (!port) {
            return wrongValue(text, QStringLiteral("has a port outside 1 to 65535"));
        }
        hop.port = *port;
    }
    hop.host = parts->host.toByteArray().toLower();
    // An address has no MX records; LMTP never looks them up (RFC 2033 §1 is for local delivery).
    hop.useMx = !parts->isBracketed && !isAddress && hop.protocol == Protocol::Smtp;
    return hop;
}

QByteArray toTransportValue(const NextHop &nextHop)
{
    const QByteArray port = ':' + QByteArray::number(nextHop.port);
    const bool isV6 = nextHop.host.contains(':');
    if (nextHop.protocol == Protocol::Lmtp) {
        return "lmtp:inet:" + (isV6 ? '[' + nextHop.host + ']' : nextHop.host) + port;
    }
    return "smtp:" + (nextHop.useMx ? nextHop.host : '[' + nextHop.host + ']') + port;
}

Result<Transport> parseTransport(const schema::MapFile::Entry &entry)
{
    if (!isDomainPattern(entry.key) && !isAddressPattern(entry.key)) {
        return wrongValue(entry.key, QStringLiteral("is neither a domain nor an address"));
    }
    NextHop nextHop = TRY(parseNextHop(entry.value));
    return Transport{entry.key.toLower(), std::move(nextHop), entry.comment};
}

Result<TlsPolicy> parseTlsPolicy(const schema::MapFile::Entry &entry)
{
    const auto destination = splitHostPort(entry.key);
    const bool isNextHop = destination && !entry.key.startsWith('.')
                           && (schema::isDnsName(destination->host)
                               || schema::isIpAddress(destination->host))
                           && (destination->port.isEmpty() || parsePort(destination->port));
    if (!isNextHop && !isDomainPattern(entry.key)) {
        return wrongValue(entry.key, QStringLiteral("is neither a domain nor a next hop"));
    }
    const QByteArrayList words = entry.value.simplified().split(' ');
    const auto level = std::find_if(levels.begin(), levels.end(), [&words](const auto &candidate) {
        return words.first() == candidate.first;
    });
    if (level == levels.end()) {
        return wrongValue(entry.value,
                          QStringLiteral("is no TLS policy; allowed: none, may, encrypt, "
                                         "dane, dane-only, fingerprint, verify, secure"));
    }
    TlsPolicy policy;
    policy.destination = entry.key.toLower();
    policy.level = level->second;
    for (const QByteArray &word : words.mid(1)) {
        if (word.startsWith("match=")) {
            const QByteArrayList names = splitMatch(word.sliced(6), policy.level);
            policy.match.insert(policy.match.end(), names.begin(), names.end());
        } else if (word == "protocols=>=TLSv1.2" || word == "protocols=>=TLSv1.3") {
            policy.minimumProtocol = word.sliced(12);
        } else {
            return wrongValue(word, QStringLiteral("is unknown; allowed: match=NAME[:NAME], "
                                                   "protocols=>=TLSv1.2, protocols=>=TLSv1.3"));
        }
    }
    TRY(checkMatch(policy.level, policy.match, entry.value));
    return policy;
}

QByteArray levelName(TlsLevel level)
{
    const auto found = std::find_if(levels.begin(), levels.end(), [level](const auto &candidate) {
        return candidate.second == level;
    });
    return found == levels.end() ? QByteArray() : QByteArray(found->first);
}

NextHop nextHopOf(QByteArrayView host, quint16 port, Protocol protocol, bool useMx)
{
    const bool isBracketed = host.startsWith('[') && host.endsWith(']');
    const QByteArrayView plain = isBracketed ? host.sliced(1, host.size() - 2) : host;
    NextHop hop;
    hop.protocol = protocol;
    hop.host = plain.toByteArray().toLower();
    hop.port = port;
    hop.useMx = useMx && !isBracketed && protocol == Protocol::Smtp && !schema::isIpAddress(plain);
    return hop;
}

}  // namespace portcullis::config
