// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/sink/Sink.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QDir>
#include <QtCore/QSocketNotifier>

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

using portcullis::Result;
using portcullis::test::RecipientRule;
using portcullis::test::Sink;
using portcullis::test::SinkOptions;

namespace {

constexpr int usageError = 2;

Result<std::vector<RecipientRule>> readRules(const QStringList &texts)
{
    std::vector<RecipientRule> rules;
    for (const QString &each : texts) {
        rules.push_back(TRY(RecipientRule::parse(each.toUtf8())));
    }
    return rules;
}

void addOptions(QCommandLineParser &parser)
{
    const auto add = [&](const char *name, const char *help, const char *value = nullptr) {
        parser.addOption({QString::fromLatin1(name), QString::fromLatin1(help),
                          QString::fromLatin1(value != nullptr ? value : "")});
    };
    add("port", "Port to listen on; 0, the default, takes a free one.", "port");
    add("listen", "Address to listen on, 127.0.0.1 by default.", "address");
    add("dir", "Store each message there as NNNN.eml and NNNN.json.", "folder");
    add("threads", "Event-loop threads, 1 by default.", "number");
    add("lmtp", "Speak LMTP.");
    add("starttls", "Offer STARTTLS with a certificate of our own.");
    add("reject-connect", "Greet with this code.", "code");
    add("reject-mail", "Answer MAIL with this code.", "code");
    add("reject-rcpt", "Answer RCPT of matching recipients with this code.", "pattern=code");
    add("reject-data", "Answer the end of data with this code.", "code");
    add("reject-data-for", "LMTP: the same for matching recipients.", "pattern=code");
    add("delay", "Wait before the final reply, in milliseconds.", "ms");
    add("drop-after", "Say 421 once so many messages were taken.", "number");
    add("no-8bitmime", "Do not announce 8BITMIME.");
    add("no-smtputf8", "Do not announce SMTPUTF8.");
    add("no-dsn", "Do not announce DSN.");
    add("fsync", "Flush each message to disk before it is accepted.");
    add("discard", "Only count messages.");
}

Result<SinkOptions> readOptions(const QCommandLineParser &parser)
{
    const auto isSet = [&](const char *name) { return parser.isSet(QString::fromLatin1(name)); };
    const auto value = [&](const char *name) { return parser.value(QString::fromLatin1(name)); };
    const auto values = [&](const char *name) { return parser.values(QString::fromLatin1(name)); };
    SinkOptions options;
    options.port = value("port").toUShort();
    options.address = isSet("listen") ? QHostAddress(value("listen")) : options.address;
    options.folder = value("dir");
    options.threads = isSet("threads") ? value("threads").toInt() : 1;
    options.isLmtp = isSet("lmtp");
    options.rejectConnect = value("reject-connect").toInt();
    options.rejectMail = value("reject-mail").toInt();
    options.rejectRcpt = TRY(readRules(values("reject-rcpt")));
    options.rejectData = value("reject-data").toInt();
    options.rejectDataFor = TRY(readRules(values("reject-data-for")));
    options.delay = std::chrono::milliseconds(value("delay").toInt());
    options.dropAfter = isSet("drop-after") ? value("drop-after").toInt() : -1;
    options.hasEightBitMime = !isSet("no-8bitmime");
    options.hasSmtpUtf8 = !isSet("no-smtputf8");
    options.hasDsn = !isSet("no-dsn");
    options.syncs = isSet("fsync");
    options.discards = isSet("discard") || options.folder.isEmpty();
    if (isSet("starttls")) {
        const QString folder = options.folder.isEmpty() ? QDir::tempPath() : options.folder;
        options.tlsIdentity = folder + QStringLiteral("/pmg-testsink.pem");
    }
    if (!options.folder.isEmpty() && !QDir().mkpath(options.folder)) {
        return portcullis::Error::permanent("sink.folder", options.folder);
    }
    return options;
}

/// Blocked before any thread starts, so that only the descriptor tells of them.
int signalDescriptor()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

int main(int argc, char **argv)
{
    const int signals = signalDescriptor();
    QCoreApplication application(argc, argv);
    QCommandLineParser parser;
    parser.setApplicationDescription(
        QStringLiteral("A mail server for tests: takes messages and keeps them."));
    parser.addHelpOption();
    addOptions(parser);
    parser.process(application);
    auto options = readOptions(parser);
    if (!options) {
        std::fprintf(stderr, "pmg-testsink: %s\n", qPrintable(options.error().toString()));
        return usageError;
    }
    const auto sink = Sink::start(*std::move(options));
    if (!sink) {
        std::fprintf(stderr, "pmg-testsink: %s\n", qPrintable(sink.error().toString()));
        return EXIT_FAILURE;
    }
    std::printf("{\"event\":\"ready\",\"port\":%d}\n", int((*sink)->port()));
    std::fflush(stdout);
    QObject::connect(&(*sink)->server(), &portcullis::smtp::Server::stopped, &application,
                     &QCoreApplication::quit);
    const QSocketNotifier notifier(signals, QSocketNotifier::Read);
    QObject::connect(&notifier, &QSocketNotifier::activated, &application,
                     [&] { (*sink)->server().requestStop(); });
    QCoreApplication::exec();
    std::printf("{\"event\":\"end\",\"messages\":%d}\n", (*sink)->count());
    return EXIT_SUCCESS;
}
