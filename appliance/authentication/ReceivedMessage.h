// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/AuthenticationLimits.h"
#include "appliance/authentication/Canonicalization.h"
#include "appliance/mail/HeaderField.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <map>
#include <vector>

namespace portcullis::authentication {

/// A message split into fields and body as signatures see it. Views into octets that others keep.
class ReceivedMessage
{
public:
    ReceivedMessage(QByteArrayView bytes, const AuthenticationLimits &limits);

    [[nodiscard]] const std::vector<mail::HeaderField> &fields() const { return m_fields; }
    /// Name, colon and value of a field without the CRLF at its end.
    [[nodiscard]] QByteArrayView octets(const mail::HeaderField &field) const;
    [[nodiscard]] std::vector<const mail::HeaderField *> fieldsNamed(QByteArrayView name) const;
    [[nodiscard]] QByteArrayView body() const { return m_body; }
    /// Tells whether a line of the header that is no field begins with `name` (lower case), odd octets
    /// in front, and a colon further on: `\0From:`, ` From:` as the first line, `From\x80:`.
    [[nodiscard]] bool hasLineLike(QByteArrayView name) const;
    /// Every line of the body ends with CRLF, and no CR or LF stands alone.
    [[nodiscard]] bool hasPlainLines() const { return m_hasPlainLines; }
    /// The header is too large to be looked at: fields() is incomplete.
    [[nodiscard]] bool isOverLimit() const { return m_isOverLimit; }

    /// hashBody() of the body; whole-body hashes are computed once.
    BodyHash bodyHash(Canonicalization method, std::optional<qint64> limit);

    /// What h= of a signature selects: for each name the last field not yet taken, from the bottom up;
    /// null where there is none left (RFC 6376 §5.4.2). `names` in lower case.
    [[nodiscard]] std::vector<const mail::HeaderField *> select(
        const std::vector<QByteArray> &names) const;

private:
    QByteArrayView m_bytes;
    std::vector<mail::HeaderField> m_fields;
    QByteArrayView m_body;
    qsizetype m_headerEnd = 0;
    bool m_isOverLimit = false;
    bool m_hasPlainLines = true;
    std::map<QByteArray, std::vector<size_t>> m_byName;  ///< Lower case; positions in fields().
    std::map<Canonicalization, BodyHash> m_bodyHashes;
};

}  // namespace portcullis::authentication
