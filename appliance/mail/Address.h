// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::mail {

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
    static Result<Address> parse(QByteArrayView text);

    /// Parses the `<…>` of MAIL FROM or RCPT TO, source route included and ignored (RFC 5321 §4.1.1.3).
    /// `<>` gives the null path; `<postmaster>` without domain gives a domain-less Address.
    /// UTF-8 is accepted; whether the session announced SMTPUTF8 is the caller's check (isAscii()).
    static Result<Address> parsePath(QByteArrayView path);

    [[nodiscard]] bool isNull() const { return m_local.isEmpty() && m_domain.isEmpty(); }
    [[nodiscard]] bool isAscii() const;

    /// Local part without quoting: `"a b"@x` has the local part `a b`.
    [[nodiscard]] const QByteArray &localPart() const { return m_local; }
    [[nodiscard]] const QByteArray &domain() const { return m_domain; }  ///< May be `[192.0.2.1]`.
    [[nodiscard]] bool hasAddressLiteral() const { return m_domain.startsWith('['); }

    /// `local@domain`, the local part quoted where RFC 5321 needs it; empty for the null path.
    [[nodiscard]] QByteArray toString() const;
    /// toString() in lower case: the key that rules, lists and greylisting compare.
    [[nodiscard]] QByteArray key() const;

    friend bool operator==(const Address &, const Address &) = default;

private:
    Address(QByteArray local, QByteArray domain);

    QByteArray m_local;
    QByteArray m_domain;
};

}  // namespace portcullis::mail
