// SPDX-License-Identifier: GPL-2.0-or-later
// pmgdb: creates and keeps the database, and the history of the rules; see pmgdb(8).
#include "appliance/cli/pmgdb/Commands.h"
#include "appliance/cli/support/Appliance.h"
#include "appliance/cli/support/Terminal.h"
#include "appliance/cli/support/User.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>

#include <unistd.h>

#include <iostream>
#include <string>

namespace portcullis::cli::db {

namespace {

const char helpText[] =
    "Usage: pmgdb [--root DIR] [--dsn DSN] COMMAND [OPTIONS]\n"
    "\n"
    "  init [--force]            create the database, its schema and the factory rules where "
    "missing;\n"
    "                            with --force drop everything first\n"
    "  update                    bring the schema up to date\n"
    "  reset                     factory rules and objects; the SMTP allow list stays\n"
    "  dump [--rules SELECTION]  the rules as text: all (default), active or inactive\n"
    "  history [--limit N]       saved generations of the rules, newest first (default: 20)\n"
    "  undo [GENERATION]         save an older generation again; without a number the one before\n"
    "  delete [--yes]            drop the database with everything in it\n"
    "\n"
    "Exit code: 0 done, 1 failed, 2 wrong usage.\n";

constexpr int maxHistory = 10'000;

int usage(const QString &problem)
{
    return usageError("pmgdb", problem);
}

bool isConfirmed(bool isForced, const QString &name)
{
    if (isForced) {
        return true;
    }
    if (::isatty(STDIN_FILENO) == 0) {
        return false;
    }
    std::cerr << "Delete database '" << name.toStdString()
              << "' with all rules, quarantined mail and statistics? [y/N] ";
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

int finish(const Status &done)
{
    return done ? Success : fail(done.error());
}

int runDump(const QCommandLineParser &parser, const store::DatabaseSettings &settings)
{
    const QString selection = parser.value(QStringLiteral("rules"));
    if (selection == QLatin1String("all")) {
        return finish(dump(settings, Selection::All));
    }
    if (selection == QLatin1String("active")) {
        return finish(dump(settings, Selection::Active));
    }
    if (selection == QLatin1String("inactive")) {
        return finish(dump(settings, Selection::Inactive));
    }
    return usage(QStringLiteral("--rules: all, active or inactive, not '%1'").arg(selection));
}

int runHistory(const QCommandLineParser &parser, const store::DatabaseSettings &settings)
{
    bool isNumber = false;
    const int limit = parser.value(QStringLiteral("limit")).toInt(&isNumber);
    if (!isNumber || limit < 1 || limit > maxHistory) {
        return usage(QStringLiteral("--limit: a number of 1 to %1").arg(maxHistory));
    }
    return finish(history(settings, limit));
}

int runUndo(const QStringList &words, const store::DatabaseSettings &settings)
{
    std::optional<qint64> generation;
    if (words.size() == 2) {
        bool isNumber = false;
        generation = words[1].toLongLong(&isNumber);
        if (!isNumber || *generation < 1) {
            return usage(QStringLiteral("undo: '%1' is not a generation").arg(words[1]));
        }
    }
    return finish(undo(settings, userName(), generation));
}

int runDelete(const QCommandLineParser &parser, const store::DatabaseSettings &settings)
{
    if (!isConfirmed(parser.isSet(QStringLiteral("yes")), settings.name)) {
        return fail(Error::permanent("pmgdb.not-confirmed",
                                     QStringLiteral("not deleted; confirm with --yes")));
    }
    return finish(drop(settings));
}

int runCommand(const QCommandLineParser &parser, const store::DatabaseSettings &settings)
{
    const QStringList words = parser.positionalArguments();
    const QString &command = words.first();
    if (words.size() > (command == QLatin1String("undo") ? 2 : 1)) {
        return usage(QStringLiteral("'%1' is too much").arg(words.last()));
    }
    if (command == QLatin1String("init")) {
        return finish(initialise(settings, parser.isSet(QStringLiteral("force")) ? Existing::Replace
                                                                                 : Existing::Keep));
    }
    if (command == QLatin1String("update")) {
        return finish(update(settings));
    }
    if (command == QLatin1String("reset")) {
        return finish(reset(settings, userName()));
    }
    if (command == QLatin1String("dump")) {
        return runDump(parser, settings);
    }
    if (command == QLatin1String("history")) {
        return runHistory(parser, settings);
    }
    if (command == QLatin1String("undo")) {
        return runUndo(words, settings);
    }
    if (command == QLatin1String("delete")) {
        return runDelete(parser, settings);
    }
    return usage(QStringLiteral("there is no command '%1'").arg(command));
}

int run(const QStringList &arguments)
{
    QCommandLineParser parser;
    parser.addOptions({{{QStringLiteral("h"), QStringLiteral("help")}, {}},
                       {QStringLiteral("root"), {}, QStringLiteral("DIR")},
                       {QStringLiteral("dsn"), {}, QStringLiteral("DSN")},
                       {QStringLiteral("force"), {}},
                       {QStringLiteral("yes"), {}},
                       {QStringLiteral("rules"), {}, QStringLiteral("S"), QStringLiteral("all")},
                       {QStringLiteral("limit"), {}, QStringLiteral("N"), QStringLiteral("20")}});
    if (!parser.parse(arguments)) {
        return usage(parser.errorText());
    }
    if (parser.isSet(QStringLiteral("help"))) {
        print(QString::fromLatin1(helpText));
        return Success;
    }
    if (parser.positionalArguments().isEmpty()) {
        return usage(QStringLiteral("a command is missing"));
    }
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    const auto pool = openPool(paths, parser.value(QStringLiteral("dsn")));
    if (!pool) {
        return fail(pool.error());
    }
    return runCommand(parser, (*pool)->settings());
}

}  // namespace

}  // namespace portcullis::cli::db

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    return portcullis::cli::db::run(QCoreApplication::arguments());
}
