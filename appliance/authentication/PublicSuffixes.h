// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QSet>
#include <QtCore/QString>

namespace portcullis::authentication {

/// The list of https://publicsuffix.org: below which names organisations register theirs.
/// Immutable after reading.
class PublicSuffixes
{
public:
    /// Where Debian's package publicsuffix puts it.
    static QString systemFile();

    /// Errors: `publicsuffix.unreadable` (permanent).
    static Result<PublicSuffixes> read(const QString &file);
    /// Lines that are no rules are left out.
    static PublicSuffixes parse(QByteArrayView text);

    [[nodiscard]] bool isEmpty() const { return m_rules.isEmpty(); }

    /// The name that the organisation registered (RFC 7489 §3.2): "mail.example.co.uk" gives
    /// "example.co.uk". `domain` is in A-labels and lower case. Empty for a public suffix itself.
    /// With an empty list it is `domain`.
    [[nodiscard]] QByteArray organisationalDomain(const QByteArray &domain) const;
    /// organisationalDomain(), or the domain itself where that is empty: co.uk may send mail too.
    [[nodiscard]] QByteArray organisationOf(const QByteArray &domain) const;

private:
    QSet<QByteArray> m_rules;       ///< "co.uk"
    QSet<QByteArray> m_wildcards;   ///< "ck" of "*.ck"
    QSet<QByteArray> m_exceptions;  ///< "www.ck" of "!www.ck"
};

}  // namespace portcullis::authentication
