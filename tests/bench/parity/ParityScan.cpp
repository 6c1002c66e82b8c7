// SPDX-License-Identifier: GPL-2.0-or-later
// Answers about messages as oracle.pl does, for the programs that compare: one JSON object a message.
//
//   bench_parity [--set N] [--site DIR] [--config TEXT] [--complete]
//                [--dns ADDR:PORT] [--learn LIST] FILE …   (or a list on standard input)
//
// --dns asks that server in the network tests, and checks SPF, DKIM and DMARC with it; --learn learns the
// files of a list of lines "spam FILE" and "ham FILE" first.
#include "appliance/spam/assembly/RuleEngine.h"
#include "appliance/spam/bayes/BayesModule.h"
#include "appliance/spam/network/NetworkModules.h"
#include "tests/bench/parity/Lessons.h"
#include "tests/bench/parity/LookupThread.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QTextStream>

#include <cstdio>

using namespace portcullis;
using namespace portcullis::spam;

namespace {

/// Gateways hand messages over with CRLF, whatever the file has.
QByteArray wireForm(QByteArray bytes)
{
    return bytes.replace("\r\n", "\n").replace('\n', "\r\n");
}

QJsonObject answerOf(const QString &path, const RuleScan &scan)
{
    QJsonObject hits;
    QJsonObject subHits;
    for (const Scan::Hit &hit : scan.hits()) {
        const QString name = QString::fromLatin1(hit.test->name);
        subHits[name] = hit.value;
        if (!hit.test->isSubRule()) {
            hits[name] = hit.score;
        }
    }
    return {{QStringLiteral("file"), path},
            {QStringLiteral("score"), scan.finding().score()},
            {QStringLiteral("hits"), hits},
            {QStringLiteral("subhits"), subHits}};
}

struct Helpers {
    std::unique_ptr<parity::LookupThread> lookups;
    std::unique_ptr<ServiceLookups> source;
    std::unique_ptr<parity::EvidenceFinder> evidence;
};

RuleOrigin originOf(const QCommandLineParser &parser, const Helpers &helpers)
{
    const auto value = [&parser](const char *name) {
        return parser.value(QString::fromLatin1(name));
    };
    RuleOrigin origin;
    origin.sources.site = value("site");
    origin.sources.isLocalOnly = helpers.source == nullptr;
    const QString lessons = value("learn");
    origin.sources.extraText = (lessons.isEmpty() ? "use_bayes 0\n" : "use_bayes 1\n")
                               + parser.values(QStringLiteral("config")).join(u'\n').toUtf8();
    const int set = value("set").toInt();
    origin.settings.usesNetwork = (set & 1) != 0;
    origin.settings.usesBayes = (set & 2) != 0;
    origin.furtherModules = [&helpers, lessons](const RuleSet &rules) {
        ModuleList modules;
        if (helpers.source) {
            modules = makeNetworkModules(*helpers.source, rules);
        }
        if (!lessons.isEmpty()) {
            const auto tokens = parity::learn(lessons, rules);
            modules.push_back(
                std::make_shared<BayesModule>(BayesLinks{[tokens] { return tokens.get(); }, {}}));
        }
        return modules;
    };
    return origin;
}

void answer(const QString &path,
            const CompiledRules &rules,
            const Helpers &helpers,
            ScanDepth depth)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        std::fprintf(stderr, "%s: %s\n", qPrintable(path), qPrintable(file.errorString()));
        return;
    }
    const mail::Content content(wireForm(file.readAll()));
    const mail::Envelope envelope;
    const mail::Client client;
    SpamContext context{mail::Direction::In, envelope, client};
    MessageText text(content, rules.textSettings(), rules.domains());
    SenderEvidence evidence;
    if (helpers.evidence) {
        evidence = helpers.evidence->of(text, content.view());
        context.evidence = &evidence;
    }
    RuleScan scan(rules, text, context, depth);
    scan.run();
    std::puts(QJsonDocument(answerOf(path, scan)).toJson(QJsonDocument::Compact).constData());
    std::fflush(stdout);
}

QStringList listedFiles()
{
    QStringList paths;
    QTextStream input(stdin);
    for (QString line = input.readLine(); !line.isNull(); line = input.readLine()) {
        paths += line;
    }
    return paths;
}

}  // namespace

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    QCommandLineParser parser;
    for (const char *name : {"config", "dns", "learn"}) {
        parser.addOption({QString::fromLatin1(name), QString(), QStringLiteral("value")});
    }
    parser.addOption({QStringLiteral("set"), QString(), QStringLiteral("N"), QStringLiteral("0")});
    parser.addOption({QStringLiteral("site"), QString(), QStringLiteral("DIR"),
                      QStringLiteral("/etc/spamassassin")});
    parser.addOption({QStringLiteral("complete"), QString()});
    parser.process(application);
    Helpers helpers;
    if (parser.isSet(QStringLiteral("dns"))) {
        helpers.lookups = std::make_unique<parity::LookupThread>(
            parser.value(QStringLiteral("dns")));
        helpers.source = std::make_unique<ServiceLookups>(helpers.lookups->socketPath());
        helpers.evidence = std::make_unique<parity::EvidenceFinder>(*helpers.lookups);
    }
    const auto rules = loadRules(originOf(parser, helpers));
    for (const Problem &problem : problemsOf(*rules)) {
        if (problem.severity == Problem::Severity::Error) {
            std::fprintf(stderr, "%s:%d: %s: %s\n", problem.origin.file.constData(),
                         problem.origin.line, problem.subject.constData(),
                         problem.reason.constData());
        }
    }
    const ScanDepth depth = parser.isSet(QStringLiteral("complete")) ? ScanDepth::Complete
                                                                     : ScanDepth::Needed;
    const QStringList paths = parser.positionalArguments();
    for (const QString &path : paths.isEmpty() ? listedFiles() : paths) {
        answer(path, *rules, helpers, depth);
    }
    return 0;
}
