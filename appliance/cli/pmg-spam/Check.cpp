// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/Check.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/spam/assembly/RuleEngine.h"

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonObject>

namespace portcullis::cli::spamrules {

namespace {

constexpr qint64 largestMessage = 100 * 1024 * 1024;
constexpr double defaultThreshold = 5;

Result<QByteArray> readMail(const QString &path)
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
    // RFC 5321 §2.3.8: lines end with CRLF on the wire; files have what the system has.
    return bytes.replace("\r\n", "\n").replace('\n', "\r\n");
}

QJsonObject jsonOf(const spam::SpamHit &hit)
{
    return {{QStringLiteral("test"), QString::fromUtf8(hit.test)},
            {QStringLiteral("score"), hit.score},
            {QStringLiteral("description"), hit.description}};
}

QJsonObject jsonOf(const spam::Evidence &evidence)
{
    return {{QStringLiteral("view"), QString::fromUtf8(evidence.view)},
            {QStringLiteral("line"), evidence.line + 1},
            {QStringLiteral("offset"), evidence.offset},
            {QStringLiteral("text"), QString::fromUtf8(evidence.text)}};
}

void printReport(const spam::SpamFinding &finding, double threshold)
{
    print(QStringLiteral("%1 points, %2 required\n")
              .arg(finding.score(), 0, 'f', 1)
              .arg(threshold, 0, 'f', 1));
    std::vector<QStringList> rows{
        {QStringLiteral(" pts"), QStringLiteral("test"), QStringLiteral("description")}};
    for (const spam::SpamHit &hit : finding.hits) {
        rows.push_back({QStringLiteral("%1").arg(hit.score, 5, 'f', 2), QString::fromUtf8(hit.test),
                        printable(hit.description)});
    }
    print(table(rows));
}

void printExplanation(const QString &name,
                      const spam::Test *test,
                      const std::vector<spam::Evidence> &found)
{
    if (!test) {
        return print(QStringLiteral("\n%1: there is no such test\n").arg(printable(name)));
    }
    print(QStringLiteral("\n%1 (%2:%3): %4\n")
              .arg(name, QString::fromUtf8(test->origin.file))
              .arg(test->origin.line)
              .arg(found.empty() ? QStringLiteral("no match to show") : QStringLiteral("matched")));
    for (const spam::Evidence &evidence : found) {
        print(QStringLiteral("  %1, line %2, octet %3: %4\n")
                  .arg(QString::fromUtf8(evidence.view))
                  .arg(evidence.line + 1)
                  .arg(evidence.offset)
                  .arg(printable(QString::fromUtf8(evidence.text))));
    }
}

void printAsJson(const CheckArguments &arguments, spam::RuleScan &scan, double threshold)
{
    const spam::SpamFinding finding = scan.finding();
    QJsonArray hits;
    for (const spam::SpamHit &hit : finding.hits) {
        hits.append(jsonOf(hit));
    }
    QJsonObject result{{QStringLiteral("score"), finding.score()},
                       {QStringLiteral("threshold"), threshold},
                       {QStringLiteral("tests"), hits}};
    QJsonObject explained;
    for (const QString &name : arguments.explained) {
        QJsonArray matches;
        for (const spam::Evidence &evidence : scan.explain(name.toUtf8())) {
            matches.append(jsonOf(evidence));
        }
        explained.insert(name, matches);
    }
    if (!explained.isEmpty()) {
        result.insert(QStringLiteral("explained"), explained);
    }
    printJson(result);
}

}  // namespace

Status check(const CheckArguments &arguments, const spam::RuleOrigin &origin)
{
    const QByteArray bytes = TRY(readMail(arguments.file));
    mail::Envelope envelope;
    if (!arguments.sender.isEmpty() && arguments.sender != QLatin1String("<>")) {
        envelope.sender = TRY(mail::Address::parse(arguments.sender.toUtf8()));
    }
    mail::Client client;
    if (!arguments.clientAddress.isEmpty() && !client.address.setAddress(arguments.clientAddress)) {
        return Error::permanent("pmg-spam.usage", QStringLiteral("--ip: not an IP address"));
    }
    const auto rules = spam::loadRules(origin);
    const spam::SpamContext context{mail::Direction::In, envelope, client};
    spam::MessageText text(mail::Content(bytes), rules->textSettings(), rules->domains());
    // Without a word about the way it came, the message's own fields tell.
    if (!arguments.sender.isEmpty() || !arguments.clientAddress.isEmpty()) {
        text.setArrival(spam::arrivalOf(context));
    }
    spam::RuleScan scan(*rules, text, context, spam::ScanDepth::Complete);
    scan.run();
    const double threshold = rules->rules().number("required_score", defaultThreshold);
    if (arguments.isJson) {
        printAsJson(arguments, scan, threshold);
        return ok();
    }
    printReport(scan.finding(), threshold);
    for (const QString &name : arguments.explained) {
        printExplanation(name, rules->rules().find(name.toUtf8()), scan.explain(name.toUtf8()));
    }
    return ok();
}

}  // namespace portcullis::cli::spamrules
