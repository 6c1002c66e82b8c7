// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>

#include <optional>

namespace portcullis::policy {

/// The SMTP allow list: who is spared every check before DATA. Its entries are objects of the rule
/// database (class greylist); rules and virus scan still apply to what they let in.
///
/// Thread-safe; cheap enough for every command. The result names the entry that matched, for
/// tracking ("network 192.0.2.0/24"); nullopt: none did.
class AllowList
{
public:
    virtual ~AllowList() = default;

    /// IP address and IP network.
    [[nodiscard]] virtual std::optional<QByteArray> clientEntry(
        const QHostAddress &client) const = 0;
    /// Domain, mail address, regular expression, on the reverse-path. Never for the null path.
    [[nodiscard]] virtual std::optional<QByteArray> senderEntry(
        const mail::Address &sender) const = 0;
    /// The same kinds for the receiver.
    [[nodiscard]] virtual std::optional<QByteArray> recipientEntry(
        const mail::Address &recipient) const = 0;
};

}  // namespace portcullis::policy
