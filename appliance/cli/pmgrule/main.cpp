// SPDX-License-Identifier: GPL-2.0-or-later
// pmgrule: tries, shows and changes the rules; see pmgrule(8).
#include "appliance/cli/pmgrule/AllowList.h"
#include "appliance/cli/pmgrule/DryRun.h"
#include "appliance/cli/pmgrule/Edit.h"
#include "appliance/cli/support/Appliance.h"
#include "appliance/cli/support/Terminal.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>

namespace portcullis::cli::rule {

namespace {

const char helpText[] =
    "Usage: pmgrule [--root DIR] [--dsn DSN] COMMAND [OPTIONS]\n"
    "\n"
    "  test FILE.eml --from ADDRESS --to ADDRESS[,ADDRESS] [--ip IP] [--direction in|out] "
    "[--json]\n"
    "                     ask the running filter what it would do with this mail, and why;\n"
    "                     nothing is sent, stored or counted. FILE '-' is standard input\n"
    "  list [--json]      the rules in the order they are tried\n"
    "  show RULE          one rule, by number or name, with its objects\n"
    "  enable RULE        switch a rule on\n"
    "  disable RULE       switch a rule off\n"
    "  export             the whole rule document as JSON\n"
    "  check FILE         say whether a document could be imported\n"
    "  import FILE [--note TEXT] [--expect GENERATION]\n"
    "                     save a document; refused as a whole if anything in it is wrong\n"
    "\n"
    "  allowlist list [--json]            the SMTP allow list\n"
    "  allowlist add KIND VALUE...        let senders, receivers or clients pass the checks\n"
    "  allowlist remove ID|VALUE...       take them off the list\n"
    "  allowlist test [--ip IP] [--from ADDRESS] [--to ADDRESS]\n"
    "                     which entry of the list matches. KIND is one of sender,\n"
    "                     sender-domain, sender-regex, receiver, receiver-domain,\n"
    "                     receiver-regex, ip, network\n"
    "\n"
    "Exit code: 0 done, 1 failed, 2 wrong usage.\n";

int usage(const QString &problem)
{
    return usageError("pmgrule", problem);
}

int finish(const Status &done)
{
    if (done) {
        return Success;
    }
    return done.error().id == "pmgrule.usage" ? usage(done.error().detail) : fail(done.error());
}

int runTest(const QCommandLineParser &parser, const Paths &paths)
{
    DryRunArguments arguments;
    arguments.file = parser.positionalArguments().value(1);
    arguments.sender = parser.value(QStringLiteral("from"));
    arguments.recipients = parser.value(QStringLiteral("to"))
                               .split(QLatin1Char(','), Qt::SkipEmptyParts);
    arguments.clientAddress = parser.value(QStringLiteral("ip"));
    arguments.direction = parser.value(QStringLiteral("direction"));
    arguments.isJson = parser.isSet(QStringLiteral("json"));
    return finish(dryRun(arguments, paths));
}

int runImport(const QCommandLineParser &parser, const QString &file, store::Database &database)
{
    std::optional<qint64> expected;
    if (parser.isSet(QStringLiteral("expect"))) {
        bool isNumber = false;
        expected = parser.value(QStringLiteral("expect")).toLongLong(&isNumber);
        if (!isNumber) {
            return usage(QStringLiteral("--expect: a generation is a number"));
        }
    }
    return finish(importRules(database, file, parser.value(QStringLiteral("note")), expected));
}

int runAllowList(const QCommandLineParser &parser, const QStringList &words)
{
    const QString command = words.value(1);
    const QStringList rest = words.mid(2);
    static const QStringList commands{QStringLiteral("list"), QStringLiteral("add"),
                                      QStringLiteral("remove"), QStringLiteral("test")};
    if (!commands.contains(command)) {
        return usage(QStringLiteral("allowlist: list, add, remove or test?"));
    }
    const bool takesWords = command == QLatin1String("add") || command == QLatin1String("remove");
    if (takesWords == rest.isEmpty() || (command == QLatin1String("add") && rest.size() < 2)) {
        return usage(QStringLiteral("allowlist %1: wrong number of arguments").arg(command));
    }
    const auto pool = openPool(Paths::fromOption(parser.value(QStringLiteral("root"))),
                               parser.value(QStringLiteral("dsn")));
    if (!pool) {
        return fail(pool.error());
    }
    const auto local = (*pool)->local();
    if (!local) {
        return fail(local.error());
    }
    store::Database &database = **local;
    if (command == QLatin1String("add")) {
        return finish(addToAllowList(database, rest.first(), rest.mid(1)));
    }
    if (command == QLatin1String("remove")) {
        return finish(removeFromAllowList(database, rest));
    }
    if (command == QLatin1String("list")) {
        return finish(listAllowList(database, parser.isSet(QStringLiteral("json")) ? Format::Json
                                                                                   : Format::Text));
    }
    const auto given = [&parser](const char *option) {
        const QString name = QString::fromLatin1(option);
        return parser.isSet(name) ? parser.value(name) : QString();
    };
    return finish(testAllowList(database, given("ip"), given("from"), given("to")));
}

int runWithDatabase(const QCommandLineParser &parser, const Paths &paths)
{
    const QString command = parser.positionalArguments().value(0);
    const QString word = parser.positionalArguments().value(1);
    const auto pool = openPool(paths, parser.value(QStringLiteral("dsn")));
    if (!pool) {
        return fail(pool.error());
    }
    const auto local = (*pool)->local();
    if (!local) {
        return fail(local.error());
    }
    store::Database &database = **local;
    if (command == QLatin1String("list")) {
        return finish(listRules(database, parser.isSet(QStringLiteral("json")) ? Format::Json
                                                                               : Format::Text));
    }
    if (command == QLatin1String("show")) {
        return finish(showRule(database, word));
    }
    if (command == QLatin1String("export")) {
        return finish(exportRules(database));
    }
    if (command == QLatin1String("import")) {
        return runImport(parser, word, database);
    }
    return finish(
        setActivity(database, word,
                    command == QLatin1String("enable") ? Activity::Active : Activity::Inactive));
}

int runCommand(const QCommandLineParser &parser)
{
    const QStringList words = parser.positionalArguments();
    const QString &command = words.first();
    if (command == QLatin1String("allowlist")) {
        return runAllowList(parser, words);
    }
    const bool isAlone = command == QLatin1String("list") || command == QLatin1String("export");
    static const QStringList withWord{QStringLiteral("test"),   QStringLiteral("show"),
                                      QStringLiteral("enable"), QStringLiteral("disable"),
                                      QStringLiteral("check"),  QStringLiteral("import")};
    if (!isAlone && !withWord.contains(command)) {
        return usage(QStringLiteral("there is no command '%1'").arg(command));
    }
    if (words.size() != (isAlone ? 1 : 2)) {
        return usage(isAlone ? QStringLiteral("'%1' takes no argument").arg(command)
                             : QStringLiteral("'%1' takes one argument").arg(command));
    }
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    if (command == QLatin1String("test")) {
        return runTest(parser, paths);
    }
    if (command == QLatin1String("check")) {
        return finish(checkFile(words[1]));
    }
    return runWithDatabase(parser, paths);
}

int run(const QStringList &arguments)
{
    QCommandLineParser parser;
    parser.addOptions(
        {{{QStringLiteral("h"), QStringLiteral("help")}, {}},
         {QStringLiteral("json"), {}},
         {QStringLiteral("root"), {}, QStringLiteral("DIR")},
         {QStringLiteral("dsn"), {}, QStringLiteral("DSN")},
         {QStringLiteral("from"), {}, QStringLiteral("ADDRESS")},
         {QStringLiteral("to"), {}, QStringLiteral("ADDRESSES")},
         {QStringLiteral("ip"), {}, QStringLiteral("IP"), QStringLiteral("192.0.2.1")},
         {QStringLiteral("direction"), {}, QStringLiteral("D"), QStringLiteral("in")},
         {QStringLiteral("note"), {}, QStringLiteral("TEXT")},
         {QStringLiteral("expect"), {}, QStringLiteral("GENERATION")}});
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
    return runCommand(parser);
}

}  // namespace

}  // namespace portcullis::cli::rule

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    return portcullis::cli::rule::run(QCoreApplication::arguments());
}
