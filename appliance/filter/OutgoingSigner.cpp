// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/OutgoingSigner.h"

#include "appliance/authentication/DkimSigner.h"
#include "appliance/mail/Message.h"

#include <algorithm>
#include <map>

namespace portcullis::filter {

namespace {

/// Domain of the one address in From; empty if there is not exactly one (RFC 6376 §6.1.1 has no
/// opinion, but a signature for one of several authors would say too much).
QByteArray fromDomain(const mail::Content &content)
{
    const QByteArrayView bytes = content.view();
    const qsizetype end = bytes.indexOf("\r\n\r\n");
    const qsizetype size = end < 0 ? bytes.size() : end + 4;
    const mail::Content header(QByteArray::fromRawData(bytes.data(), size));
    const auto authors = mail::Message::parse(header).fromAddresses();
    return authors.size() == 1 ? authors.front().asciiDomain() : QByteArray();
}

bool isOurs(const verdict::FilterRequest &request, const verdict::OutgoingMessage &message)
{
    return request.direction == mail::Direction::Out
           || message.origin == verdict::Origin::Notification;
}

bool isQuarantined(const verdict::FilterResponse &response, quint32 content)
{
    return std::ranges::any_of(response.quarantined,
                               [content](const auto &item) { return item.content == content; });
}

}  // namespace

OutgoingSigner::OutgoingSigner(SigningSettings settings, Result<authentication::DkimKey> key)
    : m_settings(std::move(settings))
    , m_key(std::move(key))
{
}

QByteArray OutgoingSigner::signingDomain(const QByteArray &sender) const
{
    if (sender.isEmpty() || sender.startsWith('[') || m_settings.signsAllMail) {
        return sender.startsWith('[') ? QByteArray() : sender;
    }
    QByteArray longest;
    for (const QByteArray &domain : m_settings.domains) {
        if ((sender == domain || sender.endsWith('.' + domain)) && domain.size() > longest.size()) {
            longest = domain;
        }
    }
    return longest;
}

QByteArray OutgoingSigner::senderDomain(const verdict::OutgoingMessage &message,
                                        const mail::Content &content) const
{
    const mail::Address &sender = message.envelope.sender;
    // A notice from the null reverse-path has its author in the header only.
    const bool usesHeader = m_settings.useDomain == SigningSettings::UseDomain::Header
                            || sender.isNull();
    return (usesHeader ? fromDomain(content) : sender.asciiDomain()).toLower();
}

Result<QByteArray> OutgoingSigner::signature(const verdict::OutgoingMessage &message,
                                             const mail::Content &content,
                                             QByteArray &domain) const
{
    const QByteArray sender = senderDomain(message, content);
    domain = signingDomain(sender);
    if (domain.isEmpty()) {
        return Error::permanent(
            "dkim.domain",
            sender.isEmpty()
                ? QStringLiteral("no single sender domain")
                : QStringLiteral("%1 is no signing domain").arg(QString::fromLatin1(sender)));
    }
    if (!m_key) {
        return m_key.error();
    }
    const auto signer = TRY(
        authentication::DkimSigner::create(*m_key, m_settings.selector, domain));
    return signer.sign(content.view());
}

void OutgoingSigner::sign(const verdict::FilterRequest &request,
                          verdict::FilterResponse &response) const
{
    QJsonObject told;
    std::map<quint32, quint32> done;  // Content before and after.
    for (verdict::OutgoingMessage &message : response.outgoing) {
        if (!isOurs(request, message)) {
            continue;
        }
        if (const auto known = done.find(message.content); known != done.end()) {
            message.content = known->second;
            continue;
        }
        const quint32 before = message.content;
        const mail::Content &content = before == 0 ? request.content : response.contents[before];
        QByteArray domain;
        const auto field = signature(message, content, domain);
        if (!field) {
            told.insert(QLatin1String("unsigned"), field.error().toString());
            done.emplace(before, before);
            continue;
        }
        auto signedCopy = mail::Content::joined({*field, content.view()});
        // The message as it came, and what is kept in the quarantine, stay as they are.
        if (before == 0 || isQuarantined(response, before)) {
            message.content = static_cast<quint32>(response.contents.size());
            response.contents.push_back(std::move(signedCopy));
        } else {
            response.contents[before] = std::move(signedCopy);
        }
        done.emplace(before, message.content);
        told.insert(QLatin1String("domain"), QString::fromLatin1(domain));
        told.insert(QLatin1String("selector"), QString::fromLatin1(m_settings.selector));
    }
    if (!told.isEmpty()) {
        response.evidence.insert(QLatin1String("dkim_signing"), told);
    }
}

}  // namespace portcullis::filter
