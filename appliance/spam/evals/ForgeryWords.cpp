// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/ForgeryWords.h"

#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/text/MessageText.h"

#include <algorithm>

namespace portcullis::spam {

bool hasAnyAddress(QByteArrayView text)
{
    return findAddress(text).length > 0;
}

bool isHostOf(QByteArrayView host, QByteArrayView domain)
{
    return host == domain
           || (host.endsWith(domain) && host.size() > domain.size()
               && host[host.size() - domain.size() - 1] == '.');
}

bool isBelow(QByteArrayView host, QByteArrayView domain)
{
    return host != domain && isHostOf(host, domain);
}

bool isSenderAt(MessageText &text, QByteArrayView domain)
{
    const QByteArray from = text.headerText("From:addr").toLower();
    if (!QByteArrayView(from).endsWith(domain)) {
        return false;
    }
    const qsizetype before = from.size() - domain.size() - 1;
    return before < 0 || !isWordByte(from[before]);
}

bool namesHostBelow(QByteArrayView word, std::initializer_list<QByteArrayView> domains)
{
    QByteArrayView name = word;
    if (const qsizetype end = word.indexOf(')'); end >= 0) {
        name = word.first(end);
    }
    return std::any_of(domains.begin(), domains.end(), [name](QByteArrayView domain) {
        return isBelow(name, domain) && name.size() > domain.size() + 1;
    });
}

}  // namespace portcullis::spam
