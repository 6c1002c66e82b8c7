// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/Authenticator.h"
#include "appliance/base/BlockingResolver.h"
#include "appliance/verdict/Verdict.h"

#include <QtCore/QJsonObject>

#include <chrono>
#include <functional>
#include <memory>

namespace portcullis::filter {

/// What to do with a message because of DMARC, setting `dmarc = enforce`. A message that was accepted
/// already is kept instead of refused: a bounce would hit whom the sender address was stolen from.
enum class DmarcAction { None, Quarantine, Reject };

/// What is known about who sent a message.
struct SenderFinding {
    authentication::Findings findings;
    QByteArray field;  ///< The whole Authentication-Results field, with CRLF.
    DmarcAction action = DmarcAction::None;
    QString reason;    ///< Why `action`, for people and tracking.
    QByteArray reply;  ///< The same for the sending server; set with Reject.

    [[nodiscard]] QJsonObject evidence() const;
};

struct SenderCheckSettings {
    enum class Dmarc { Off, Mark, Enforce };

    QByteArray authservId;  ///< Our name in Authentication-Results (RFC 8601 §2.5): the FQDN.
    Dmarc dmarc = Dmarc::Mark;
    /// Waiting for DNS, all questions of a message together. Range 1 s … 60 s.
    std::chrono::milliseconds dnsTime = std::chrono::seconds(10);
    /// Clients that our own administrator trusts are never turned away.
    std::function<bool(const QHostAddress &)> isTrusted;
};

/// Sender authentication of incoming messages: DKIM, ARC and DMARC on the octets as they came, joined
/// with what the session found out (SPF, name of the client).
///
/// One a worker; the Authenticator may be shared by all. Never fails: trouble with DNS is a result
/// ("temperror") and no reason to refuse.
class SenderCheck
{
public:
    SenderCheck(SenderCheckSettings settings,
                std::shared_ptr<const authentication::Authenticator> authenticator,
                const QString &resolverSocket);

    [[nodiscard]] SenderFinding check(const verdict::FilterRequest &request);
    [[nodiscard]] const QByteArray &authservId() const { return m_settings.authservId; }

private:
    [[nodiscard]] bool isExempt(const verdict::FilterRequest &request) const;
    void enforce(const verdict::FilterRequest &request, SenderFinding &finding) const;

    SenderCheckSettings m_settings;
    std::shared_ptr<const authentication::Authenticator> m_authenticator;
    BlockingResolver m_resolver;
};

}  // namespace portcullis::filter
