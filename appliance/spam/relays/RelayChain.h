// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/relays/NetworkSet.h"

#include <QtCore/QByteArray>

#include <optional>
#include <vector>

/// Who handed the message over, as SpamAssassin 4.0.1 reads Received fields: the order, the names and the
/// texts are its, because rules match them.
namespace portcullis::spam {

class RuleSet;

struct RelaySettings {
    NetworkSet trusted = NetworkSet::withLoopback();
    NetworkSet internal = NetworkSet::withLoopback();
    NetworkSet msa;
    bool areTrustedSet = false;   ///< `trusted_networks` was given …
    bool areInternalSet = false;  ///< … or `internal_networks`; with neither, trust is inferred.
    /// Fields like X-Originating-IP that count as one more, oldest relay (`originating_ip_headers`).
    std::vector<QByteArray> originatingHeaders;
    QByteArray envelopeSenderHeader;  ///< `envelope_sender_header`; empty: to be found out.

    /// trusted_networks, internal_networks, msa_networks, originating_ip_headers, envelope_sender_header.
    static RelaySettings fromRules(const RuleSet &rules);
};

/// One hop: who gave the message to whom.
struct Relay {
    QByteArray ip;
    QByteArray rdns;
    QByteArray helo;
    QByteArray by;
    QByteArray ident;
    QByteArray envelopeFrom;
    QByteArray id;
    QByteArray auth;
    bool hasEnvelopeFrom = false;  ///< `envelopeFrom` was said, maybe as the null reverse-path.
    bool isInternal = false;
    bool isMsa = false;
    bool isPrivate = false;     ///< An address that is not routed.
    bool lacksReverse = false;  ///< The receiver asked DNS, and there is no reverse name.

    /// "[ ip=192.0.2.1 rdns=… helo=… by=… ident= envfrom= intl=0 id=… auth= msa=0 ]": rules match this.
    [[nodiscard]] QByteArray toText() const;
};

struct RelayChain {
    std::vector<Relay> trusted;  ///< Newest first, as all of these.
    std::vector<Relay> untrusted;
    std::vector<Relay> internal;
    std::vector<Relay> external;
    int lastTrusted = -1;  ///< Index among all Received fields, as for ALL-TRUSTED.
    int lastInternal = -1;
    int unparseable = 0;  ///< Received fields that tell of a hop, but not which.

    [[nodiscard]] bool isAllTrusted() const
    {
        return !trusted.empty() && untrusted.empty() && unparseable == 0;
    }
    [[nodiscard]] bool isEmpty() const
    {
        return trusted.empty() && untrusted.empty() && unparseable == 0;
    }

    /// The value of X-Spam-Relays-Trusted and so on: the texts joined by a space.
    static QByteArray toText(const std::vector<Relay> &relays);
};

/// What bounds the work on hostile headers.
struct RelayLimits {
    qsizetype fields = 1'000;      ///< Received fields that are read; a mail loop ends sooner.
    qsizetype lineBytes = 65'536;  ///< Of one field; the rest is not looked at.
};

/// `received`: decoded values of all Received fields, newest first, folds or not. `originating`: the
/// (last) values of settings.originatingHeaders that the message has, in that order. Linear.
RelayChain readRelays(const std::vector<QByteArray> &received,
                      const RelaySettings &settings,
                      const std::vector<QByteArray> &originating = {},
                      const RelayLimits &limits = {});

/// One field that may tell the reverse-path.
struct SenderClue {
    std::optional<QByteArray> address;  ///< As the header query "Name:first:addr" gives it.
    bool isBelowReceived = false;       ///< Some Received field stands above (any copy of) it.
};

/// What the header says of the reverse-path, besides the Received fields.
struct SenderClues {
    SenderClue configured;              ///< The field named by settings.envelopeSenderHeader.
    std::optional<QByteArray> xSender;  ///< "X-Sender:first:addr"
    SenderClue xEnvelopeFrom;
    SenderClue envelopeSender;
    SenderClue returnPath;
    bool hasFetchmail = false;  ///< Some Received field contains "(fetchmail".
};

/// The pseudo header EnvelopeFrom; nothing: not known.
std::optional<QByteArray> findEnvelopeFrom(const RelayChain &chain,
                                           const RelaySettings &settings,
                                           const SenderClues &clues);

}  // namespace portcullis::spam
