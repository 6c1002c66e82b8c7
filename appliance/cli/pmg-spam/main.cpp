// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-spam: looks at the spam rules and tries them on messages; see pmg-spam(8).
#include "appliance/cli/pmg-spam/Check.h"
#include "appliance/cli/pmg-spam/LearnCommand.h"
#include "appliance/cli/pmg-spam/Lint.h"
#include "appliance/cli/pmg-spam/RuleFolders.h"
#include "appliance/cli/support/Terminal.h"

#include <QtCore/QCoreApplication>

namespace portcullis::cli::spamrules {

namespace {

const char helpText[] =
    "Usage: pmg-spam [--root DIR] COMMAND [OPTIONS]\n"
    "\n"
    "  lint [--rules DIR] [--site DIR] [-D] [FILE.cf...]\n"
    "                     say what is wrong with the rules: file, line, reason. FILEs are read\n"
    "                     after the site's, as if they were already there\n"
    "  check FILE.eml [--explain TEST]... [--json] [--local] [--rules DIR] [--site DIR]\n"
    "        [--from ADDRESS] [--to ADDRESS]... [--ip IP] [--client NAME] [--helo NAME]\n"
    "                     score and tests of a mail, and where a test matched. FILE '-' is\n"
    "                     standard input. Network tests and Bayes as in the gateway, if its "
    "filter\n"
    "                     runs; --local leaves them out. The last options say how the mail came;\n"
    "                     without them its own fields do\n"
    "%1\n"
    "  --rules DIR        stock rules instead of /usr/share/spamassassin or sa-update's\n"
    "  --site DIR         the administrator's rules instead of /etc/mail/spamassassin\n"
    "  -D                 also what has no effect here, which files were read, and the time\n"
    "\n"
    "Exit code: 0 done, 1 failed or errors in the rules, 2 wrong usage.\n";

int usage(const QString &problem)
{
    return usageError("pmg-spam", problem);
}

int runLint(const QCommandLineParser &parser)
{
    spam::RuleOrigin origin = ruleOrigin(parser);
    origin.sources.candidates = parser.positionalArguments().mid(1);
    return lint(origin, parser.isSet(QStringLiteral("D")) ? Detail::Everything : Detail::Problems);
}

int runCheck(const QCommandLineParser &parser)
{
    const QStringList words = parser.positionalArguments();
    if (words.size() != 2) {
        return usage(QStringLiteral("'check' takes one message"));
    }
    CheckArguments arguments;
    arguments.file = words[1];
    arguments.arrival = {parser.value(QStringLiteral("from")), parser.values(QStringLiteral("to")),
                         parser.value(QStringLiteral("ip")), parser.value(QStringLiteral("client")),
                         parser.value(QStringLiteral("helo"))};
    arguments.explained = parser.values(QStringLiteral("explain"));
    arguments.isJson = parser.isSet(QStringLiteral("json"));
    const Status done = check(arguments, trialRules(parser));
    if (done) {
        return Success;
    }
    return done.error().id == "pmg-spam.usage" ? usage(done.error().detail) : fail(done.error());
}

int run(const QStringList &arguments)
{
    QCommandLineParser parser;
    parser.addOptions({{{QStringLiteral("h"), QStringLiteral("help")}, {}},
                       {QStringLiteral("D"), {}},
                       {QStringLiteral("json"), {}},
                       {{QStringLiteral("L"), QStringLiteral("local")}, {}},
                       {QStringLiteral("to"), {}, QStringLiteral("ADDRESS")},
                       {QStringLiteral("client"), {}, QStringLiteral("NAME")},
                       {QStringLiteral("helo"), {}, QStringLiteral("NAME")},
                       {QStringLiteral("root"), {}, QStringLiteral("DIR")},
                       {QStringLiteral("rules"), {}, QStringLiteral("DIR")},
                       {QStringLiteral("site"), {}, QStringLiteral("DIR")},
                       {QStringLiteral("from"), {}, QStringLiteral("ADDRESS")},
                       {QStringLiteral("ip"), {}, QStringLiteral("IP")},
                       {QStringLiteral("explain"), {}, QStringLiteral("TEST")}});
    if (!parser.parse(arguments)) {
        return usage(parser.errorText());
    }
    if (parser.isSet(QStringLiteral("help"))) {
        print(QString::fromLatin1(helpText).arg(QString::fromLatin1(learnHelpText)));
        return Success;
    }
    const QString command = parser.positionalArguments().value(0);
    if (command == QLatin1String("lint")) {
        return runLint(parser);
    }
    if (command == QLatin1String("check")) {
        return runCheck(parser);
    }
    return usage(command.isEmpty() ? QStringLiteral("a command is missing")
                                   : QStringLiteral("there is no command '%1'").arg(command));
}

}  // namespace

}  // namespace portcullis::cli::spamrules

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    const QStringList arguments = QCoreApplication::arguments();
    return portcullis::cli::spamrules::isLearnCommand(arguments)
               ? portcullis::cli::spamrules::runLearnCommand(arguments)
               : portcullis::cli::spamrules::run(arguments);
}
