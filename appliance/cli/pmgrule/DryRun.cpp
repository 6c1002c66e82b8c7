// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgrule/DryRun.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/rules/RuleText.h"
#include "appliance/verdict/FilterClient.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QJsonArray>

namespace portcullis::cli::rule {

namespace {

constexpr qint64 maxMessage = 100 * 1024 * 1024;
/// Virus scan and spam test of a large message included.
constexpr std::chrono::minutes patience{10};

Error argumentError(const QString &problem)
{
    return Error::permanent("pmgrule.usage", problem);
}

Result<QByteArray> readMessage(const QString &path)
{
    QFile file(path);
    const bool isOpen = path == QLatin1String("-") ? file.open(stdin, QIODevice::ReadOnly)
                                                   : file.open(QIODevice::ReadOnly);
    if (!isOpen) {
        return Error::permanent("pmgrule.file", path + QStringLiteral(": ") + file.errorString());
    }
    const QByteArray bytes = file.read(maxMessage + 1);
    if (bytes.size() > maxMessage) {
        return Error::permanent(
            "pmgrule.file", QStringLiteral("%1: larger than %2 bytes").arg(path).arg(maxMessage));
    }
    return bytes;
}

/// RFC 5321 §2.3.8: lines end with CRLF on the wire; files have what the system has.
QByteArray withCrlf(const QByteArray &bytes)
{
    QByteArray wire;
    wire.reserve(bytes.size() + bytes.size() / 32);
    for (qsizetype i = 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (c == '\n') {
            wire += "\r\n";
        } else if (c == '\r') {
            wire += "\r\n";
            i += i + 1 < bytes.size() && bytes[i + 1] == '\n' ? 1 : 0;
        } else {
            wire += c;
        }
    }
    if (!wire.isEmpty() && !wire.endsWith("\r\n")) {
        wire += "\r\n";
    }
    return wire;
}

Result<mail::Envelope> envelopeOf(const DryRunArguments &arguments)
{
    mail::Envelope envelope;
    if (!arguments.sender.isEmpty() && arguments.sender != QLatin1String("<>")) {
        const auto sender = mail::Address::parse(arguments.sender.toUtf8());
        if (!sender) {
            return argumentError(QStringLiteral("--from: ") + sender.error().detail);
        }
        envelope.sender = *sender;
    }
    for (const QString &text : arguments.recipients) {
        const auto address = mail::Address::parse(text.trimmed().toUtf8());
        if (!address) {
            return argumentError(QStringLiteral("--to: ") + address.error().detail);
        }
        envelope.recipients.push_back({*address, {}, {}});
        envelope.isSmtpUtf8 = envelope.isSmtpUtf8 || !address->isAscii();
    }
    if (envelope.recipients.empty()) {
        return argumentError(QStringLiteral("--to: at least one recipient is needed"));
    }
    return envelope;
}

QString fateName(verdict::Fate fate)
{
    switch (fate) {
    case verdict::Fate::Delivered:
        return QStringLiteral("delivered");
    case verdict::Fate::Quarantined:
        return QStringLiteral("quarantined");
    case verdict::Fate::Blocked:
        break;
    }
    return QStringLiteral("blocked");
}

QJsonObject asJson(const verdict::FilterResponse &response)
{
    QJsonArray fates;
    for (const verdict::RecipientFate &fate : response.fates) {
        fates.append(
            QJsonObject{{QStringLiteral("recipient"), QString::fromUtf8(fate.recipient.toString())},
                        {QStringLiteral("fate"), fateName(fate.fate)},
                        {QStringLiteral("rule"), fate.rule},
                        {QStringLiteral("reason"), fate.reason}});
    }
    return {{QStringLiteral("fates"), fates},
            {QStringLiteral("evidence"), response.evidence},
            {QStringLiteral("explanation"), response.explanation}};
}

/// Each line by itself, so that line ends of ours stay and those of the mail do not.
void printLines(const QString &text)
{
    for (const QString &line : text.split(QLatin1Char('\n'))) {
        print(printable(line, 2000) + QLatin1Char('\n'));
    }
}

void printOutcome(const verdict::FilterResponse &response)
{
    printLines(rules::explanationText(response.explanation));
    std::vector<QStringList> rows{{QStringLiteral("RECIPIENT"), QStringLiteral("OUTCOME"),
                                   QStringLiteral("RULE"), QStringLiteral("WHY")}};
    for (const verdict::RecipientFate &fate : response.fates) {
        rows.push_back({printable(QString::fromUtf8(fate.recipient.toString())),
                        fateName(fate.fate), printable(fate.rule), printable(fate.reason)});
    }
    print(table(rows));
}

}  // namespace

Result<verdict::FilterRequest> dryRunRequest(const DryRunArguments &arguments)
{
    verdict::FilterRequest request;
    request.isDryRun = true;
    request.queueId = QByteArrayLiteral("DRYRUN");
    request.envelope = TRY(envelopeOf(arguments));
    if (arguments.direction == QLatin1String("out")) {
        request.direction = mail::Direction::Out;
    } else if (arguments.direction != QLatin1String("in")) {
        return argumentError(
            QStringLiteral("--direction: in or out, not '%1'").arg(arguments.direction));
    }
    request.client.address = QHostAddress(arguments.clientAddress);
    if (request.client.address.isNull()) {
        return argumentError(
            QStringLiteral("--ip: '%1' is not an IP address").arg(arguments.clientAddress));
    }
    request.client.protocol = QByteArrayLiteral("ESMTP");
    request.receivedAt = SystemClock::instance().wall();
    request.content = mail::Content(withCrlf(TRY(readMessage(arguments.file))));
    return request;
}

Status dryRun(const DryRunArguments &arguments, const Paths &paths)
{
    auto request = TRY(dryRunRequest(arguments));
    const auto response = TRY(
        verdict::askFilter(paths.filterSocket(), QDir::tempPath(), std::move(request), patience));
    if (arguments.isJson) {
        printJson(asJson(response));
    } else {
        printOutcome(response);
    }
    return ok();
}

}  // namespace portcullis::cli::rule
