// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"
#include "appliance/rules/RuleDocument.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>

#include <memory>
#include <optional>

namespace portcullis::rules {

/// The SMTP allow list, ready to be asked: the objects of the group of class greylist.
///
/// Immutable and thread-safe. Objects match as those of the same kind do in rules: an address and a
/// domain are equal without regard to case, a domain does not include its sub-domains, a regular
/// expression matches the whole address. An entry is named like "domain example.com". The null
/// reverse-path matches nothing.
class SmtpAllowList
{
public:
    SmtpAllowList();  ///< Empty: nobody is spared anything.
    ~SmtpAllowList();

    /// Error `rules.document` (permanent) naming the object that is wrong.
    static Result<std::shared_ptr<const SmtpAllowList>> compile(const RuleDocument &document);

    /// IP address and IP network. IPv4 in IPv6 clothes is IPv4.
    [[nodiscard]] std::optional<QByteArray> clientEntry(const QHostAddress &client) const;
    /// Domain, mail address, regular expression.
    [[nodiscard]] std::optional<QByteArray> senderEntry(const mail::Address &sender) const;
    /// Receiver domain, receiver, receiver regular expression.
    [[nodiscard]] std::optional<QByteArray> recipientEntry(const mail::Address &recipient) const;

    [[nodiscard]] size_t size() const;  ///< Objects.

private:
    struct Compiled;
    std::unique_ptr<const Compiled> m_compiled;
};

}  // namespace portcullis::rules
