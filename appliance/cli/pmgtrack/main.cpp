// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgtrack/Show.h"
#include "appliance/cli/support/Appliance.h"
#include "appliance/cli/support/Terminal.h"
#include "appliance/config/ConfigLoader.h"
#include "appliance/quarantine/Retention.h"
#include "appliance/tracking/PgTrackingStore.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QJsonArray>

namespace portcullis::cli::track {

namespace {

const char helpText[] =
    "Usage: pmgtrack [--root DIR] [--dsn DSN] [OPTIONS]\n"
    "\n"
    "What became of mails: a row a mail and recipient, newest first; with --queue-id all steps "
    "too.\n"
    "\n"
    "  --queue-id Q      this mail, with every step\n"
    "  --from TEXT       part of the sender\n"
    "  --to TEXT         part of the recipient\n"
    "  --since TIME      from this time on (default: 24h)\n"
    "  --until TIME      before this time\n"
    "  --limit N         at most N rows, 1 to 10000 (default: 2000)\n"
    "  --json            for programs\n"
    "  --purge           instead: remove what is older than admin/statlifetime\n"
    "\n"
    "TIME is 2026-11-21, '2026-11-21 08:00' (local time) or a span back from now: 30m, 2h, 7d.\n"
    "Exit code: 0 done, 1 failed, 2 wrong usage.\n";

constexpr std::chrono::hours defaultSpan{24};

struct TrackArguments {
    bool wantsHelp = false;
    bool wantsPurge = false;
    bool isJson = false;
    QString root;
    QString dsn;
    tracking::MailQuery query;
};

Error usage(const QString &problem)
{
    return Error::permanent("cli.usage", problem);
}

Result<tracking::MailQuery> queryOf(const QCommandLineParser &parser)
{
    const Clock::WallTime now = SystemClock::instance().wall();
    const auto value = [&](const char *name) { return parser.value(QString::fromLatin1(name)); };
    tracking::MailQuery query;
    query.queueId = value("queue-id");
    query.sender = value("from");
    query.recipient = value("to");
    query.since = now - defaultSpan;
    if (!value("since").isEmpty()) {
        query.since = TRY(parseTime(value("since"), now));
    }
    if (!value("until").isEmpty()) {
        query.until = TRY(parseTime(value("until"), now));
    }
    if (!value("limit").isEmpty()) {
        bool isNumber = false;
        query.limit = value("limit").toInt(&isNumber);
        if (!isNumber || query.limit < 1 || query.limit > 10000) {
            return usage(QStringLiteral("--limit is a number from 1 to 10000"));
        }
    }
    return query;
}

Result<TrackArguments> parse(const QStringList &commandLine)
{
    QCommandLineParser parser;
    for (const char *name : {"root", "dsn", "queue-id", "from", "to", "since", "until", "limit"}) {
        const QString text = QString::fromLatin1(name);
        parser.addOption(QCommandLineOption(text, {}, text));
    }
    for (const char *name : {"json", "purge", "help"}) {
        parser.addOption(QCommandLineOption(QString::fromLatin1(name)));
    }
    if (!parser.parse(commandLine)) {
        return usage(parser.errorText());
    }
    if (!parser.positionalArguments().isEmpty()) {
        return usage(QStringLiteral("'%1' is too much").arg(parser.positionalArguments().first()));
    }
    TrackArguments arguments;
    arguments.wantsHelp = parser.isSet(QStringLiteral("help"));
    arguments.wantsPurge = parser.isSet(QStringLiteral("purge"));
    arguments.isJson = parser.isSet(QStringLiteral("json"));
    arguments.root = parser.value(QStringLiteral("root"));
    arguments.dsn = parser.value(QStringLiteral("dsn"));
    arguments.query = TRY(queryOf(parser));
    return arguments;
}

Status showMails(const TrackArguments &arguments, tracking::TrackingStore &store)
{
    const auto rows = TRY(store.rows(arguments.query));
    std::vector<tracking::StoredEvent> events;
    if (!arguments.query.queueId.isEmpty()) {
        events = TRY(store.events(arguments.query.queueId));
    }
    if (arguments.isJson) {
        printJson(toJson(rows, events));
        return ok();
    }
    print(rowsText(rows));
    if (!events.empty()) {
        print(QStringLiteral("\n") + eventsText(events));
    }
    return ok();
}

Status purge(const Paths &paths, tracking::TrackingStore &store)
{
    const auto config = TRY(config::ConfigLoader(paths).load());
    const auto bound = quarantine::purgeBoundary(
        SystemClock::instance().wall(), static_cast<int>(config->admin.statLifetime.count()),
        QTimeZone::systemTimeZone());
    qint64 total = 0;
    for (qint64 purged = 1; purged > 0; total += purged) {
        purged = TRY(store.purge(bound));
    }
    print(QStringLiteral("%1 rows removed, from before %2\n").arg(total).arg(localTime(bound)));
    return ok();
}

int main(const QStringList &commandLine)
{
    const auto arguments = parse(commandLine);
    if (!arguments) {
        return usageError("pmgtrack", arguments.error().detail);
    }
    if (arguments->wantsHelp) {
        print(QString::fromLatin1(helpText));
        return Success;
    }
    const Paths paths = Paths::fromOption(arguments->root);
    const auto pool = openPool(paths, arguments->dsn);
    if (!pool) {
        return fail(pool.error());
    }
    tracking::PgTrackingStore store(**pool);
    const Status done = arguments->wantsPurge ? purge(paths, store) : showMails(*arguments, store);
    return done ? Success : fail(done.error());
}

}  // namespace

}  // namespace portcullis::cli::track

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    return portcullis::cli::track::main(QCoreApplication::arguments());
}
