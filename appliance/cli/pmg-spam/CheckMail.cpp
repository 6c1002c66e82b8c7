// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/CheckMail.h"

#include "appliance/filter/SenderCheck.h"
#include "appliance/filter/SpamEvidence.h"

#include <QtCore/QFile>

namespace portcullis::cli::spamrules {

namespace {

constexpr qint64 largestMessage = 100 * 1024 * 1024;

Result<QByteArray> readFile(const QString &path)
{
    QFile file(path);
    const bool isOpen = path == QLatin1String("-") ? file.open(stdin, QIODevice::ReadOnly)
                                                   : file.open(QIODevice::ReadOnly);
    if (!isOpen) {
        return Error::permanent("pmg-spam.file", path + QStringLiteral(": ") + file.errorString());
    }
    QByteArray bytes = file.read(largestMessage + 1);
    if (bytes.size() > largestMessage) {
        return Error::permanent("pmg-spam.file", path + QStringLiteral(": too large"));
    }
    if (bytes.isEmpty()) {
        return Error::permanent("pmg-spam.file", path + QStringLiteral(": empty"));
    }
    // The line before a mail in a mailbox file is none of its fields.
    if (bytes.startsWith("From ")) {
        bytes.remove(0, bytes.indexOf('\n') + 1);
    }
    // RFC 5321 §2.3.8: lines end with CRLF on the wire; files have what the system has.
    return bytes.replace("\r\n", "\n").replace('\n', "\r\n");
}

}  // namespace

Result<CheckedMail> readCheckedMail(const QString &file, const ArrivalWords &words)
{
    CheckedMail mail;
    mail.content = mail::Content(TRY(readFile(file)));
    if (!words.sender.isEmpty() && words.sender != QLatin1String("<>")) {
        mail.envelope.sender = TRY(mail::Address::parse(words.sender.toUtf8()));
    }
    for (const QString &recipient : words.recipients) {
        mail::Recipient known;
        known.address = TRY(mail::Address::parse(recipient.toUtf8()));
        mail.envelope.recipients.push_back(known);
    }
    if (!words.clientAddress.isEmpty() && !mail.client.address.setAddress(words.clientAddress)) {
        return Error::permanent("pmg-spam.usage", QStringLiteral("--ip: not an IP address"));
    }
    mail.client.name = words.clientName.toUtf8();
    mail.client.helo = words.helo.toUtf8();
    mail.hasArrival = !words.sender.isEmpty() || !words.recipients.isEmpty()
                      || !words.clientAddress.isEmpty();
    return mail;
}

spam::SenderEvidence senderEvidence(const CheckedMail &mail,
                                    const config::ConfigPtr &config,
                                    const QString &resolverSocket)
{
    auto suffixes = authentication::PublicSuffixes::read(
        authentication::PublicSuffixes::systemFile());
    authentication::AuthenticatorSettings settings;
    settings.trustedSealers = config->mail.arcTrustedSealers;
    const auto authenticator = std::make_shared<const authentication::Authenticator>(
        settings, std::make_shared<const authentication::PublicSuffixes>(
                      suffixes ? *std::move(suffixes) : authentication::PublicSuffixes()));
    filter::SenderCheckSettings check;
    check.authservId = config->fqdn;
    filter::SenderCheck senderCheck(std::move(check), authenticator, resolverSocket);
    verdict::FilterRequest request;
    request.client = mail.client;
    request.envelope = mail.envelope;
    request.content = mail.content;
    request.isDryRun = true;
    return filter::spamEvidence(request.session, senderCheck.check(request));
}

}  // namespace portcullis::cli::spamrules
