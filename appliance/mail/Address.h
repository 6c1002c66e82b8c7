// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::mail {

/// Lengths of RFC 5321 §4.5.3.1, counted in octets of the form that toString() gives.
struct AddressLimits {
    qsizetype localPart = 64;  ///< §4.5.3.1.1. Range 64 … 256; some bulk senders use more than 64.
    qsizetype domain = 255;    ///< §4.5.3.1.2, the limit of DNS. Range 64 … 255.
    qsizetype path = 256;  ///< §4.5.3.1.3, brackets and source route included. Range 256 … 1024.
};

/// A mailbox of an SMTP envelope (RFC 5321 §4.1.2, RFC 6531 for UTF-8), or the null reverse-path.
///
/// Immutable value. Made by parsePath() from a command, or by parse() from configuration. What it
/// holds is unambiguous: source routes are dropped, quotes of the local part are kept only where
/// they are needed, the domain is lower case without trailing dot.
class Address
{
public:
    Address() = default;  ///< The null reverse-path `<>`.

    /// Parses `local@domain` as people write it in configuration: no brackets, no source route.
    /// Errors: `address.syntax` (permanent) with the position and the reason.
    static Result<Address> parse(QByteArrayView text, const AddressLimits &limits = {});

    /// Parses the `<…>` of MAIL FROM or RCPT TO, source route included and ignored (RFC 5321 §4.1.1.3).
    /// `<>` gives the null path; `<postmaster>` without domain gives a domain-less Address.
    /// UTF-8 is accepted; whether the session announced SMTPUTF8 is the caller's check (isAscii()).
    /// Errors: `address.syntax` (permanent); `address.length` (permanent) where a limit is exceeded.
    static Result<Address> parsePath(QByteArrayView path, const AddressLimits &limits = {});

    /// Length of the `<…>` that `text` starts with, brackets of quoted strings skipped; 0: no path.
    static qsizetype pathLength(QByteArrayView text);

    [[nodiscard]] bool isNull() const { return m_local.isEmpty() && m_domain.isEmpty(); }
    [[nodiscard]] bool isAscii() const;

    /// Local part without quoting: `"a b"@x` has the local part `a b`.
    [[nodiscard]] const QByteArray &localPart() const { return m_local; }
    [[nodiscard]] const QByteArray &domain() const { return m_domain; }  ///< May be `[192.0.2.1]`.
    /// Domain in A-labels (RFC 5891), as DNS and a next hop without SMTPUTF8 know it.
    [[nodiscard]] QByteArray asciiDomain() const;
    /// The local part holds `%`, `!` or `@`: what old mail systems read as a further route.
    [[nodiscard]] bool hasRoutingCharacters() const;
    [[nodiscard]] bool hasAddressLiteral() const { return m_domain.startsWith('['); }

    /// `local@domain`, the local part quoted where RFC 5321 needs it; empty for the null path.
    [[nodiscard]] QByteArray toString() const;
    /// toString() in lower case: the key that rules, lists and greylisting compare.
    [[nodiscard]] QByteArray key() const;

    friend bool operator==(const Address &, const Address &) = default;

private:
    Address(QByteArray local, QByteArray domain);
    static Result<Address> parseMailbox(QByteArrayView text, const AddressLimits &limits);

    QByteArray m_local;
    QByteArray m_domain;
};

}  // namespace portcullis::mail
