// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/MailAddresses.h"

#include <QtCore/QSet>

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr const char *senderFields[] = {"From:addr", "Envelope-Sender:addr", "Resent-Sender:addr",
                                        "X-Envelope-From:addr", "EnvelopeFrom:addr"};

constexpr const char *recipientFields[] = {"To:addr",
                                           "Apparently-To:addr",
                                           "Delivered-To:addr",
                                           "Envelope-Recipients:addr",
                                           "Apparently-Resent-To:addr",
                                           "X-Envelope-To:addr",
                                           "Envelope-To:addr",
                                           "X-Delivered-To:addr",
                                           "X-Original-To:addr",
                                           "X-Rcpt-To:addr",
                                           "X-Real-To:addr",
                                           "Cc:addr"};

/// In the order found, once each.
class AddressCollector
{
public:
    void add(const QByteArray &address)
    {
        if (m_list.size() < AddressLimits().addresses && !m_seen.contains(address)) {
            m_seen.insert(address);
            m_list.push_back(address);
        }
    }
    [[nodiscard]] std::vector<QByteArray> take() { return std::move(m_list); }
    [[nodiscard]] bool isEmpty() const { return m_list.empty(); }

private:
    std::vector<QByteArray> m_list;
    QSet<QByteArray> m_seen;
};

/// "user@example..org" reads as "user@example.org".
QByteArray withoutDoubleDots(QByteArray address)
{
    while (address.contains("..")) {
        address.replace("..", ".");
    }
    return address;
}

bool isBlank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

std::vector<QByteArray> sendersOf(MessageText &text)
{
    AddressCollector senders;
    for (const QByteArray &address : text.headerList("Resent-From:first:addr")) {
        senders.add(address);
    }
    if (!senders.isEmpty()) {
        return senders.take();
    }
    for (const char *field : senderFields) {
        for (const QByteArray &address : text.headerList(field)) {
            if (!address.isEmpty()) {
                senders.add(withoutDoubleDots(address));
            }
        }
    }
    return senders.take();
}

std::vector<QByteArray> recipientsOf(MessageText &text)
{
    AddressCollector recipients;
    for (const char *field : {"Resent-To:first:addr", "Resent-Cc:first:addr"}) {
        for (const QByteArray &address : text.headerList(field)) {
            recipients.add(address);
        }
    }
    if (!recipients.isEmpty()) {
        return recipients.take();
    }
    constexpr size_t newest = 3;
    const std::vector<QByteArray> &received = text.headerList("Received");
    for (size_t i = 0; i < std::min(newest, received.size()); ++i) {
        if (const QByteArray address = recipientInReceived(received[i]); !address.isEmpty()) {
            recipients.add(address);
        }
    }
    for (const char *field : recipientFields) {
        for (const QByteArray &address : text.headerList(field)) {
            recipients.add(address);
        }
    }
    return recipients.take();
}

QByteArray recipientInReceived(QByteArrayView received)
{
    const QByteArrayView word(" for ");
    for (qsizetype i = received.indexOf(word); i >= 0; i = received.indexOf(word, i + 1)) {
        QByteArrayView rest = received.sliced(i + word.size());
        if (rest.startsWith('<')) {
            rest = rest.sliced(1);
        }
        const auto end = std::find_if(rest.begin(), rest.end(), isBlank);
        rest = rest.first(end - rest.begin());
        const qsizetype lastEnd = rest.lastIndexOf(';');
        const qsizetype at = lastEnd < 2 ? -1 : rest.lastIndexOf('@', lastEnd - 2);
        if (at < 1) {
            continue;
        }
        QByteArrayView host = rest.sliced(at + 1);
        host = host.first(host.indexOf(';', 1));
        if (host.size() > 1 && host.endsWith('>')) {
            host.chop(1);
        }
        if (isValidHostName(host)) {
            return rest.first(at + 1 + host.size()).toByteArray();
        }
        return {};
    }
    return {};
}

std::vector<QByteArray> authorsOf(MessageText &text)
{
    AddressCollector authors;
    for (const QByteArray &address : text.headerList("From:addr")) {
        authors.add(address.trimmed().toLower());
    }
    return authors.take();
}

std::vector<QByteArray> authorDomainsOf(MessageText &text)
{
    AddressCollector domains;
    for (const QByteArray &address : text.headerList("From:addr")) {
        if (const QByteArray domain = mailDomainOf(address.trimmed()); !domain.isEmpty()) {
            domains.add(domain);
        }
    }
    return domains.take();
}

QByteArray mailDomainOf(QByteArrayView address)
{
    const qsizetype at = address.lastIndexOf('@');
    return at < 0 ? QByteArray() : address.sliced(at + 1).toByteArray().toLower();
}

}  // namespace portcullis::spam
