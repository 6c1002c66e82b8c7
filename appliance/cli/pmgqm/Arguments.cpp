// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgqm/Arguments.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/mail/Address.h"

#include <QtCore/QCommandLineParser>

#include <map>
#include <optional>
#include <set>

namespace portcullis::cli::qm {

const char helpText[] =
    "Usage: pmgqm [--root DIR] [--dsn DSN] COMMAND [OPTIONS]\n"
    "\n"
    "The quarantine: mail that was kept back instead of being delivered.\n"
    "\n"
    "  list [--kind spam|virus|attachment|failure] [--mailbox ADDRESS] [--since TIME]\n"
    "       [--until TIME] [--search TEXT] [--status new|delivered|deleted|all]\n"
    "       [--limit N] [--json]     what is there, newest first\n"
    "  show ID [--json]              one entry, and why it is here\n"
    "  get ID                        the mail as it is kept, to standard output\n"
    "  release ID... [--to ADDRESS] [--sender original|null|ADDRESS]\n"
    "                                deliver it after all, without filtering it again\n"
    "  delete ID...                  take it out of the lists; the bytes go with 'purge'\n"
    "  purge                         remove what is older than the configured lifetime\n"
    "  status [--json]               numbers and sizes by kind\n"
    "\n"
    "TIME is 2026-11-21, '2026-11-21 08:00' (local time) or a span back from now: 30m, 2h, 7d.\n"
    "Exit code: 0 done, 1 failed, 2 wrong usage.\n";

namespace {

Error usage(const QString &problem)
{
    return Error::permanent("cli.usage", problem);
}

struct CommandRow {
    Command command;
    std::set<QString> options;
    bool takesIds;
    bool takesOneId;
};

const std::map<QString, CommandRow> &commands()
{
    const auto text = [](const char *word) { return QString::fromLatin1(word); };
    static const std::map<QString, CommandRow> rows{
        {text("list"),
         {Command::List,
          {text("kind"), text("mailbox"), text("since"), text("until"), text("search"),
           text("status"), text("limit"), text("json")},
          false,
          false}},
        {text("show"), {Command::Show, {text("json")}, true, true}},
        {text("get"), {Command::Get, {}, true, true}},
        {text("release"), {Command::Release, {text("to"), text("sender")}, true, false}},
        {text("delete"), {Command::Delete, {}, true, false}},
        {text("purge"), {Command::Purge, {}, false, false}},
        {text("status"), {Command::Status, {text("json")}, false, false}},
    };
    return rows;
}

void addOptions(QCommandLineParser &parser)
{
    for (const char *name : {"root", "dsn", "kind", "mailbox", "since", "until", "search", "status",
                             "limit", "to", "sender"}) {
        const QString text = QString::fromLatin1(name);
        parser.addOption(QCommandLineOption(text, {}, text));
    }
    parser.addOption(QCommandLineOption(QStringLiteral("json")));
    parser.addOption(QCommandLineOption(QStringLiteral("help")));
}

Result<std::optional<Clock::WallTime>> timeOption(const QCommandLineParser &parser,
                                                  const char *name)
{
    const QString option = QString::fromLatin1(name);
    if (!parser.isSet(option)) {
        return std::optional<Clock::WallTime>();
    }
    return std::optional(TRY(parseTime(parser.value(option), SystemClock::instance().wall())));
}

Result<std::optional<quarantine::EntryStatus>> statusOption(const QCommandLineParser &parser)
{
    using quarantine::EntryStatus;
    const QString value = parser.value(QStringLiteral("status"));
    if (value.isEmpty() || value == QLatin1String("new")) {
        return std::optional(EntryStatus::New);
    }
    if (value == QLatin1String("delivered")) {
        return std::optional(EntryStatus::Delivered);
    }
    if (value == QLatin1String("deleted")) {
        return std::optional(EntryStatus::Deleted);
    }
    if (value == QLatin1String("all")) {
        return std::optional<EntryStatus>();
    }
    return usage(QStringLiteral("--status is new, delivered, deleted or all, not '%1'").arg(value));
}

Result<quarantine::EntryQuery> queryOf(const QCommandLineParser &parser)
{
    quarantine::EntryQuery query;
    if (parser.isSet(QStringLiteral("kind"))) {
        query.kind = TRY(
            quarantine::quarantineKindOf(parser.value(QStringLiteral("kind")).toUtf8()));
    }
    query.mailbox = parser.value(QStringLiteral("mailbox"));
    query.since = TRY(timeOption(parser, "since"));
    query.until = TRY(timeOption(parser, "until"));
    query.search = parser.value(QStringLiteral("search"));
    query.status = TRY(statusOption(parser));
    if (parser.isSet(QStringLiteral("limit"))) {
        bool isNumber = false;
        query.limit = parser.value(QStringLiteral("limit")).toInt(&isNumber);
        if (!isNumber || query.limit < 1 || query.limit > 10000) {
            return usage(QStringLiteral("--limit is a number from 1 to 10000"));
        }
    }
    return query;
}

Status checkAddresses(const Arguments &arguments)
{
    const auto isAddress = [](const QString &text) {
        return mail::Address::parse(text.toUtf8()).has_value();
    };
    if (!arguments.to.isEmpty() && !isAddress(arguments.to)) {
        return usage(QStringLiteral("--to: '%1' is no mail address").arg(arguments.to));
    }
    const QString &sender = arguments.sender;
    if (!sender.isEmpty() && sender != QLatin1String("original") && sender != QLatin1String("null")
        && !isAddress(sender)) {
        return usage(QStringLiteral("--sender: '%1' is not 'original', 'null' or a mail address")
                         .arg(sender));
    }
    return ok();
}

Status readIds(const QStringList &words, const CommandRow &row, Arguments &arguments)
{
    if (!row.takesIds && !words.isEmpty()) {
        return usage(QStringLiteral("'%1' is too much").arg(words.first()));
    }
    if (row.takesIds && words.isEmpty()) {
        return usage(QStringLiteral("the id of an entry is missing; 'pmgqm list' shows them"));
    }
    if (row.takesOneId && words.size() > 1) {
        return usage(QStringLiteral("one id at a time"));
    }
    for (const QString &word : words) {
        arguments.ids.push_back(TRY(quarantine::EntryId::parse(word)));
    }
    return ok();
}

}  // namespace

Result<Arguments> Arguments::parse(const QStringList &commandLine)
{
    QCommandLineParser parser;
    addOptions(parser);
    if (!parser.parse(commandLine)) {
        return usage(parser.errorText());
    }
    Arguments arguments;
    arguments.wantsHelp = parser.isSet(QStringLiteral("help"));
    if (arguments.wantsHelp) {
        return arguments;
    }
    QStringList words = parser.positionalArguments();
    if (words.isEmpty()) {
        return usage(QStringLiteral("a command is missing"));
    }
    const QString name = words.takeFirst();
    const auto row = commands().find(name);
    if (row == commands().end()) {
        return usage(QStringLiteral("there is no command '%1'").arg(name));
    }
    for (const QString &option : parser.optionNames()) {
        if (option != QLatin1String("root") && option != QLatin1String("dsn")
            && !row->second.options.contains(option)) {
            return usage(QStringLiteral("'%1' does not know --%2").arg(name, option));
        }
    }
    arguments.command = row->second.command;
    arguments.isJson = parser.isSet(QStringLiteral("json"));
    arguments.root = parser.value(QStringLiteral("root"));
    arguments.dsn = parser.value(QStringLiteral("dsn"));
    arguments.to = parser.value(QStringLiteral("to"));
    arguments.sender = parser.value(QStringLiteral("sender"));
    arguments.query = TRY(queryOf(parser));
    TRY(checkAddresses(arguments));
    TRY(readIds(words, row->second, arguments));
    return arguments;
}

}  // namespace portcullis::cli::qm
