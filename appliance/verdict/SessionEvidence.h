// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QDataStream>
#include <QtCore/QJsonObject>

#include <optional>
#include <vector>

namespace portcullis::verdict {

/// Results of RFC 7208 §2.6. The numbers are on disk and on the wire.
enum class SpfResult : quint8 {
    None = 0,
    Neutral = 1,
    Pass = 2,
    Fail = 3,
    SoftFail = 4,
    TempError = 5,
    PermError = 6
};

/// "none", "neutral", "pass" … as RFC 7208 §2.6 and RFC 8601 §2.7.2 write them.
const char *nameOf(SpfResult result);

/// What SPF said of one identity.
struct SpfFinding {
    SpfResult result = SpfResult::None;
    bool isHelo = false;   ///< The HELO name was checked, since the reverse-path is null.
    QByteArray identity;   ///< "user@example.org", or "postmaster@helo.example.org".
    QByteArray domain;     ///< Whose record was asked for.
    QByteArray mechanism;  ///< What matched ("-all", "ip4:192.0.2.0/24"); empty: nothing did.
    QByteArray
        explanation;     ///< For a fail: the domain's own words (exp=) or ours, printable ASCII.
    QByteArray problem;  ///< For the errors: what is wrong.

    friend bool operator==(const SpfFinding &, const SpfFinding &) = default;
};

/// A DNS list that knows the client.
struct DnsblFinding {
    QByteArray list;    ///< Domain of the list.
    QByteArray answer;  ///< "127.0.0.2"
    int weight = 1;     ///< Negative: a list of the good.

    friend bool operator==(const DnsblFinding &, const DnsblFinding &) = default;
};

/// What the checks before DATA found out about a session and its transaction: evidence for the
/// filter, for tracking and for the header. A plain value; empty for mail that met no check.
struct SessionEvidence {
    std::optional<SpfFinding> spf;
    /// The name in HELO by itself, where `spf` is about a reverse-path. Decides nothing; for spam tests.
    std::optional<SpfFinding> heloSpf;
    std::vector<DnsblFinding> dnsbl;
    int dnsblScore = 0;
    /// Which entry of the SMTP allow list spared the session the checks ("network 192.0.2.0/24").
    QByteArray allowedBy;
    QByteArray greylist;  ///< How the last recipient passed: "known", "spf-pass", "learned" …

    [[nodiscard]] bool isEmpty() const { return *this == SessionEvidence{}; }
    [[nodiscard]] QJsonObject toJson() const;  ///< For tracking and quarantine; only what is set.
    friend bool operator==(const SessionEvidence &, const SessionEvidence &) = default;
};

QDataStream &operator<<(QDataStream &out, const DnsblFinding &finding);
QDataStream &operator>>(QDataStream &in, DnsblFinding &finding);
QDataStream &operator<<(QDataStream &out, const SessionEvidence &evidence);
QDataStream &operator>>(QDataStream &in, SessionEvidence &evidence);
/// As written before there was `heloSpf`.
void readEvidenceWithoutHelo(QDataStream &in, SessionEvidence &evidence);

}  // namespace portcullis::verdict
