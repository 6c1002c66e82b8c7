// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtNetwork/QHostAddress>

#include <vector>

/// Who handed the message over, as SpamAssassin 4.0.1 reads Received fields (Message::Metadata::Received).
namespace portcullis::spam {

/// trusted_networks, internal_networks, msa_networks with their "!" exceptions; first match wins.
class NetworkSet
{
public:
    struct Entry {
        QHostAddress network;
        int bits = 32;
        bool isExcluded = false;
    };
    /// "192.0.2.0/24", "10.", "2001:db8::/32", "!192.0.2.5"; false: not understood.
    bool add(QByteArrayView text);
    [[nodiscard]] bool contains(const QHostAddress &address) const;
    [[nodiscard]] bool isEmpty() const { return m_entries.empty(); }

private:
    std::vector<Entry> m_entries;
};

struct RelaySettings {
    NetworkSet trusted;
    NetworkSet internal;  ///< Empty: as trusted.
    NetworkSet msa;
    bool areTrustedSet =
        false;  ///< `trusted_networks` was given; else the first relay is inferred.
    bool areInternalSet = false;
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
    bool isInternal = false;
    bool isMsa = false;
    bool isPrivate = false;  ///< An address that is not routed.

    /// "[ ip=192.0.2.1 rdns=… helo=… by=… ident= envfrom= intl=0 id=… auth= msa=0 ]": rules match this.
    [[nodiscard]] QByteArray toText() const;
};

struct RelayChain {
    std::vector<Relay> trusted;
    std::vector<Relay> untrusted;
    std::vector<Relay> internal;
    std::vector<Relay> external;
    int lastTrusted = -1;  ///< Index among all Received fields, as for ALL-TRUSTED.
    int lastInternal = -1;
    bool hasUnparseable = false;
    bool hasReceived = false;
    QByteArray envelopeFrom;  ///< As found out from Return-Path, X-Envelope-From and the like.

    /// The value of X-Spam-Relays-Trusted and so on: the texts joined by a space.
    static QByteArray toText(const std::vector<Relay> &relays);
};

/// `received`: the values of all Received fields, unfolded, newest first.
RelayChain readRelays(const std::vector<QByteArray> &received, const RelaySettings &settings);

}  // namespace portcullis::spam
