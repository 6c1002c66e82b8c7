// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/DkimKey.h"
#include "appliance/verdict/Verdict.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <vector>

namespace portcullis::filter {

/// Section admin's dkim keys.
struct SigningSettings {
    enum class UseDomain { Envelope, Header };

    bool signsAllMail = false;  ///< Any domain, not only those listed.
    UseDomain useDomain = UseDomain::Envelope;
    QByteArray selector;
    std::vector<QByteArray> domains;  ///< Lower case A-labels; their subdomains are included.
};

/// Signs what leaves the house with DKIM: the copies of outgoing mail, and our own notifications.
///
/// Works on the finished copies, after every edit of the rules. What cannot be signed leaves unsigned,
/// and the evidence says why: a missing key must never cost a message.
class OutgoingSigner
{
public:
    /// `key`: the Error tells why there is none.
    OutgoingSigner(SigningSettings settings, Result<authentication::DkimKey> key);

    /// Adds signatures to the outgoing messages of `response`, and `dkim_signing` to its evidence.
    void sign(const verdict::FilterRequest &request, verdict::FilterResponse &response) const;

    /// The domain to sign for: the longest entry of the list that `sender` belongs to, `sender` itself
    /// where all mail is signed; empty: none.
    [[nodiscard]] QByteArray signingDomain(const QByteArray &sender) const;

private:
    [[nodiscard]] QByteArray senderDomain(const verdict::OutgoingMessage &message,
                                          const mail::Content &content) const;
    [[nodiscard]] Result<QByteArray> signature(const verdict::OutgoingMessage &message,
                                               const mail::Content &content,
                                               QByteArray &domain) const;

    SigningSettings m_settings;
    Result<authentication::DkimKey> m_key;
};

}  // namespace portcullis::filter
