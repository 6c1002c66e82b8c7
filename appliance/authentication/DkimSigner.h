// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/DkimKey.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::authentication {

class ReceivedMessage;

/// Signs outgoing messages for one domain with one key: relaxed/relaxed, rsa-sha256 or
/// ed25519-sha256 after the key's kind, all of the body, important fields oversigned so that none can
/// be added later (RFC 6376 §8.15).
///
/// Immutable; one thread at a time.
class DkimSigner
{
public:
    /// `domain`: d=, in A-labels. Errors, permanent: `dkim.selector`, `dkim.domain`.
    static Result<DkimSigner> create(DkimKey key,
                                     const QByteArray &selector,
                                     const QByteArray &domain);

    /// The whole field `DKIM-Signature: …` with its final CRLF, to be put in front of `message`, which
    /// must be in the form that leaves the house (7 bit where the next hop may want it; CRLF).
    /// Errors: `dkim.sign` (permanent): the message cannot be signed, for instance it has no From.
    [[nodiscard]] Result<QByteArray> sign(QByteArrayView message) const;

    [[nodiscard]] const QByteArray &domain() const { return m_domain; }
    [[nodiscard]] const QByteArray &selector() const { return m_selector; }

private:
    DkimSigner(DkimKey key, QByteArray selector, QByteArray domain);
    [[nodiscard]] Result<QByteArray> signRsa(const ReceivedMessage &message) const;
    [[nodiscard]] Result<QByteArray> signEd25519(const ReceivedMessage &message,
                                                 QByteArrayView header) const;

    DkimKey m_key;
    QByteArray m_selector;
    QByteArray m_domain;
};

}  // namespace portcullis::authentication
