// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/SpfClient.h"

#include <algorithm>

namespace portcullis::policy::spf {

namespace {

constexpr qsizetype maxValue = 400;  ///< Characters; one pair stands on one line (RFC 5322 §2.1.1).

// RFC 7208 §9.1 writes the results in lower case, though any case is read.
QByteArray verdictText(const verdict::SpfFinding &finding, const QByteArray &client)
{
    switch (finding.result) {
    case verdict::SpfResult::None:
        return finding.domain + " does not publish an SPF record";
    case verdict::SpfResult::Neutral:
        return client + " is neither permitted nor denied by domain of " + finding.domain;
    case verdict::SpfResult::Pass:
        return "domain of " + finding.domain + " designates " + client + " as permitted sender";
    case verdict::SpfResult::Fail:
        return "domain of " + finding.domain + " does not designate " + client
               + " as permitted sender";
    case verdict::SpfResult::SoftFail:
        return "domain of transitioning " + finding.domain + " does not designate " + client
               + " as permitted sender";
    case verdict::SpfResult::TempError:
        return "temporary error in processing domain of " + finding.domain;
    case verdict::SpfResult::PermError:
        return "permanent error in processing domain of " + finding.domain;
    }
    Q_UNREACHABLE();
}

bool isAtomCharacter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || QByteArrayView("!#$%&'*+-/=?^_`{|}~").contains(c);
}

bool isDotAtom(const QByteArray &text)  ///< RFC 5322 §3.2.3
{
    return !text.isEmpty() && !text.startsWith('.') && !text.endsWith('.') && !text.contains("..")
           && std::all_of(text.begin(), text.end(),
                          [](char c) { return isAtomCharacter(c) || c == '.'; });
}

QByteArray printable(QByteArray text)
{
    text.truncate(maxValue);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

QByteArray commentText(const QByteArray &text)
{
    QByteArray clean = printable(text);
    std::replace_if(
        clean.begin(), clean.end(), [](char c) { return c == '(' || c == ')' || c == '\\'; }, '?');
    return clean;
}

QByteArray valueText(const QByteArray &text)
{
    const QByteArray clean = printable(text);
    if (isDotAtom(clean)) {
        return clean;
    }
    QByteArray quoted = "\"";
    for (const char c : clean) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + '"';
}

}  // namespace

QByteArray receivedSpfField(const verdict::SpfFinding &finding,
                            const QHostAddress &client,
                            const QByteArray &receiver,
                            const QByteArray &helo,
                            const QByteArray &sender)
{
    bool isIp4 = false;
    const quint32 ip4 = client.toIPv4Address(&isIp4);
    const QByteArray address = (isIp4 ? QHostAddress(ip4) : client).toString().toLatin1();
    const std::pair<const char *, QByteArray> pairs[] = {
        {"client-ip", address},
        {"envelope-from", sender},
        {"helo", helo},
        {"receiver", receiver},
        {"mechanism", finding.mechanism},
        {"problem", finding.problem},
        {"identity", finding.isHelo ? "helo" : "mailfrom"}};
    QByteArray field = QByteArray("Received-SPF: ") + verdict::nameOf(finding.result) + "\r\n ("
                       + commentText(receiver + ": " + verdictText(finding, address)) + ')';
    const char *separator = "\r\n ";
    for (const auto &[key, value] : pairs) {
        const bool isOptional = key != QByteArrayView("envelope-from");
        if (value.isEmpty() && isOptional) {
            continue;
        }
        field += separator + QByteArray(key) + '=' + valueText(value);
        separator = ";\r\n ";
    }
    return field + "\r\n";
}

}  // namespace portcullis::policy::spf
