// SPDX-License-Identifier: GPL-2.0-or-later
// Runs our spam engine over message files, for the parity test and the speed bench.
//
//   bench_spam [--set N] [--rules DIR] [--site DIR] [--config TEXT] [--complete] [--repeat N]
//              [--json | --time [--walls] | --explain TEST | --problems] FILE …   (or a list on standard input)
#include "appliance/spam/assembly/RuleEngine.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QTextStream>

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <numeric>

using namespace portcullis;
using namespace portcullis::spam;

namespace {

constexpr size_t slowestShown = 5;

struct Mail {
    QString path;
    mail::Content content;
};

/// Gateways hand messages over with CRLF, whatever the file has.
QByteArray withCrlf(const QByteArray &bytes)
{
    QByteArray text;
    text.reserve(bytes.size() + bytes.size() / 40);
    for (qsizetype i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r')) {
            text += '\r';
        }
        text += bytes[i];
    }
    return text;
}

std::vector<Mail> readMails(QStringList paths)
{
    if (paths.isEmpty()) {
        QTextStream input(stdin);
        for (QString line = input.readLine(); !line.isNull(); line = input.readLine()) {
            paths += line;
        }
    }
    std::vector<Mail> mails;
    for (const QString &path : paths) {
        QFile file(path);
        if (file.open(QIODevice::ReadOnly)) {
            mails.push_back({path, mail::Content(withCrlf(file.readAll()))});
        }
    }
    return mails;
}

double processorSeconds()
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

struct Session {
    mail::Envelope envelope;
    mail::Client client;
    SpamContext context{mail::Direction::In, envelope, client};
};

void printJson(const CompiledRules &rules, const std::vector<Mail> &mails, ScanDepth depth)
{
    const Session session;
    for (const Mail &mail : mails) {
        MessageText text(mail.content, rules.textSettings(), rules.domains());
        RuleScan scan(rules, text, session.context, depth);
        scan.run();
        QJsonObject hits;
        QJsonObject subHits;
        for (const Scan::Hit &hit : scan.hits()) {
            const QString name = QString::fromLatin1(hit.test->name);
            if (hit.test->isSubRule()) {
                subHits[name] = hit.value;
            } else {
                hits[name] = hit.score;
            }
        }
        const QJsonObject object{{QStringLiteral("file"), mail.path},
                                 {QStringLiteral("score"), scan.finding().score()},
                                 {QStringLiteral("hits"), hits},
                                 {QStringLiteral("subhits"), subHits}};
        std::puts(QJsonDocument(object).toJson(QJsonDocument::Compact).constData());
    }
}

/// What a message took; of several rounds the least, which others on the machine disturb least.
struct MailTime {
    double processor = std::numeric_limits<double>::max();  ///< Milliseconds, as all here.
    double texts = std::numeric_limits<double>::max();
    double wall = std::numeric_limits<double>::max();
};

double threadMilliseconds()
{
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e3 + double(time.tv_nsec) / 1e6;
}

double scanOnce(const CompiledRules &rules, const Mail &mail, MailTime &least)
{
    const Session session;
    QElapsedTimer timer;
    timer.start();
    const double begin = threadMilliseconds();
    MessageText text(mail.content, rules.textSettings(), rules.domains());
    text.body();
    text.rawBody();
    text.uris();
    text.relays();
    const double texts = threadMilliseconds() - begin;
    RuleScan scan(rules, text, session.context);
    scan.run();
    const double wall = double(timer.nsecsElapsed()) / 1e6;
    least.processor = std::min(least.processor, threadMilliseconds() - begin);
    least.texts = std::min(least.texts, texts);
    least.wall = std::min(least.wall, wall);
    return wall;
}

void printTimes(const CompiledRules &rules,
                const std::vector<Mail> &mails,
                int repeat,
                bool printsWalls)
{
    std::vector<double> all;
    std::vector<MailTime> least(mails.size());
    double bytes = 0;
    double seconds = 0;
    for (int round = 0; round <= repeat; ++round) {  // The first warms up.
        all.clear();
        const double before = processorSeconds();
        for (size_t i = 0; i < mails.size(); ++i) {
            all.push_back(scanOnce(rules, mails[i], least[i]));
            bytes += round == 0 ? double(mails[i].content.size()) : 0;
        }
        seconds = processorSeconds() - before;
    }
    std::sort(all.begin(), all.end());
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto count = double(all.size());
    double processor = 0;
    double texts = 0;
    for (const MailTime &each : least) {
        processor += each.processor / count;
        texts += each.texts / count;
    }
    std::printf("messages %zu, mean %.1f KB\n", all.size(), bytes / count / 1024);
    std::printf("cpu per message %.3f ms, %.0f messages/s and core\n", seconds / count * 1e3,
                count / seconds);
    std::printf("cpu per message undisturbed %.3f ms (texts %.3f ms)\n", processor, texts);
    std::printf("wall p50 %.3f ms, p99 %.3f ms, most %.3f ms\n", all[all.size() / 2],
                all[all.size() * 99 / 100], all.back());
    std::printf("memory %.0f MB, subjects beyond limits %llu\n", double(usage.ru_maxrss) / 1024,
                static_cast<unsigned long long>(Pattern::refusals()));
    for (size_t i = 0; printsWalls && i < all.size(); ++i) {
        std::printf("wall %.3f\n", all[i]);
    }
    std::vector<size_t> order(mails.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return least[a].processor > least[b].processor; });
    for (size_t i = 0; i < std::min(order.size(), slowestShown); ++i) {
        std::printf("slow %.3f ms (texts %.3f ms) %.1f KB %s\n", least[order[i]].processor,
                    least[order[i]].texts, double(mails[order[i]].content.size()) / 1024,
                    qPrintable(mails[order[i]].path));
    }
}

void printExplanation(const CompiledRules &rules,
                      const std::vector<Mail> &mails,
                      const QByteArray &test)
{
    const Session session;
    for (const Mail &mail : mails) {
        MessageText text(mail.content, rules.textSettings(), rules.domains());
        RuleScan scan(rules, text, session.context);
        scan.run();
        std::printf("%s: %g\n", qPrintable(mail.path), scan.valueOf(test));
        for (const Evidence &evidence : scan.explain(test)) {
            std::printf("  %s %lld+%lld: %s\n", evidence.view.constData(),
                        static_cast<long long>(evidence.line),
                        static_cast<long long>(evidence.offset), evidence.text.constData());
        }
    }
}

void printProblems(const CompiledRules &rules, qint64 loadTime)
{
    std::printf("loaded in %lld ms, %zu tests\n", static_cast<long long>(loadTime),
                rules.tests().size());
    const char *names[] = {"body", "uri", "rawbody", "full"};
    for (size_t i = 0; i < textViews; ++i) {
        const auto statistics = rules.view(static_cast<TextView>(i)).set->statistics();
        std::printf("%s: %zu with words (%zu literals, %zu of classes)\n", names[i],
                    statistics.patterns, statistics.literals, statistics.classWords);
    }
    for (const CompiledTest &test : rules.tests()) {
        if (test.runner == CompiledTest::Runner::Text && test.slot < 0) {
            std::printf("direct %d %s: %s\n", int(test.view), test.test->name.constData(),
                        std::get<TextTest>(test.test->body).regex.source.left(200).constData());
        }
    }
    for (const Problem &problem : problemsOf(rules)) {
        std::printf("%d %s:%d %s: %s\n", int(problem.severity), problem.origin.file.constData(),
                    problem.origin.line, problem.subject.constData(), problem.reason.constData());
    }
}

}  // namespace

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    QCommandLineParser parser;
    for (const char *name : {"set", "rules", "site", "config", "repeat", "explain"}) {
        parser.addOption({QString::fromLatin1(name), QString(), QStringLiteral("value")});
    }
    for (const char *name : {"json", "time", "walls", "problems", "complete"}) {
        parser.addOption({QString::fromLatin1(name), QString()});
    }
    parser.process(application);
    const auto option = [&](const char *name, const QString &fallback = {}) {
        const QString key = QString::fromLatin1(name);
        return parser.isSet(key) ? parser.value(key) : fallback;
    };
    RuleOrigin origin;
    origin.sources.stock = option("rules", origin.sources.stock);
    origin.sources.site = option("site", QStringLiteral("/etc/spamassassin"));
    origin.sources.isLocalOnly = true;
    origin.sources.extraText = "use_bayes 0\n" + option("config").toUtf8();
    const int set = option("set", QStringLiteral("0")).toInt();
    origin.settings.usesNetwork = (set & 1) != 0;
    origin.settings.usesBayes = (set & 2) != 0;
    QElapsedTimer timer;
    timer.start();
    const auto rules = loadRules(origin);
    if (parser.isSet(QStringLiteral("problems"))) {
        printProblems(*rules, timer.elapsed());
        return 0;
    }
    const std::vector<Mail> mails = readMails(parser.positionalArguments());
    if (mails.empty()) {
        std::fputs("no messages\n", stderr);
        return 77;
    }
    if (parser.isSet(QStringLiteral("explain"))) {
        printExplanation(*rules, mails, option("explain").toLatin1());
    } else if (parser.isSet(QStringLiteral("time"))) {
        printTimes(*rules, mails, option("repeat", QStringLiteral("2")).toInt(),
                   parser.isSet(QStringLiteral("walls")));
    } else {
        printJson(*rules, mails,
                  parser.isSet(QStringLiteral("complete")) ? ScanDepth::Complete
                                                           : ScanDepth::Needed);
    }
    return 0;
}
