// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblCheck.h"

#include <QtCore/QJsonArray>

namespace portcullis::policy {

QByteArray DnsblOutcome::replyText(const QHostAddress &client) const
{
    constexpr size_t namedLists = 3;  ///< A reply is one line.
    QByteArray names;
    for (size_t i = 0; i < std::min(namedLists, blamed.size()); ++i) {
        names += (i > 0 ? ", " : "") + blamed[i];
    }
    return "Service unavailable; client [" + client.toString().toLatin1() + "] blocked using "
           + names + "; "
           + (reason.isEmpty() ? "ask there why, and to be taken off the list" : reason);
}

std::optional<Refusal> DnsblOutcome::refusal(const QHostAddress &client) const
{
    if (!isRefused) {
        return std::nullopt;
    }
    QJsonArray lists;
    for (const verdict::DnsblFinding &finding : findings) {
        lists.append(QJsonObject{{QStringLiteral("list"), QString::fromLatin1(finding.list)},
                                 {QStringLiteral("answer"), QString::fromLatin1(finding.answer)},
                                 {QStringLiteral("weight"), finding.weight}});
    }
    return Refusal{554, "5.7.1", replyText(client), "dnsbl",
                   QJsonObject{{QStringLiteral("score"), score}, {QStringLiteral("lists"), lists}}};
}

}  // namespace portcullis::policy
