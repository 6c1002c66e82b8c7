// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/AllowList.h"
#include "appliance/rules/AllowListWatch.h"

namespace portcullis::daemons {

/// The SMTP allow list of the rule database, as the checks ask for it. Thread-safe.
class RulesAllowList final : public policy::AllowList
{
public:
    explicit RulesAllowList(const QString &rulesCacheFile)
        : m_watch(rulesCacheFile)
    {
    }

    [[nodiscard]] std::optional<QByteArray> clientEntry(const QHostAddress &client) const override
    {
        return m_watch.current()->clientEntry(client);
    }
    [[nodiscard]] std::optional<QByteArray> senderEntry(const mail::Address &sender) const override
    {
        return m_watch.current()->senderEntry(sender);
    }
    [[nodiscard]] std::optional<QByteArray> recipientEntry(
        const mail::Address &recipient) const override
    {
        return m_watch.current()->recipientEntry(recipient);
    }

private:
    rules::AllowListWatch m_watch;
};

}  // namespace portcullis::daemons
