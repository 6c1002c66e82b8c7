// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgqueue/Arguments.h"

#include <QtCore/QHash>

namespace portcullis::pmgqueue {

namespace {

/// Options and words of one command.
struct Rule {
    const char *name;
    int minWords;
    int maxWords;
    QStringList flags;   ///< Without a value.
    QStringList values;  ///< With one.
};

const std::vector<Rule> &rules()
{
    static const std::vector<Rule> all{
        {"list",
         0,
         0,
         {QStringLiteral("all")},
         {QStringLiteral("stage"), QStringLiteral("domain"), QStringLiteral("limit")}},
        {"shape", 0, 0, {}, {QStringLiteral("stage")}},
        {"show",
         1,
         1,
         {QStringLiteral("header"), QStringLiteral("body"), QStringLiteral("message")},
         {}},
        {"statistics", 0, 0, {}, {}},
        {"flush", 0, 1, {QStringLiteral("all")}, {QStringLiteral("domain")}},
        {"hold", 1, 1, {}, {QStringLiteral("reason")}},
        {"release", 1, 1, {}, {}},
        {"delete",
         0,
         1,
         {QStringLiteral("all"), QStringLiteral("yes")},
         {QStringLiteral("stage")}}};
    return all;
}

Error usageError(const QString &detail)
{
    return Error::permanent("usage", detail);
}

/// Everything on the command line, not yet understood.
struct Words {
    QStringList plain;
    QHash<QString, QString> values;
    QStringList flags;
};

Status takeOption(QStringList &words, const Rule *rule, Words &out)
{
    QString name = words.takeFirst().mid(2);
    QString value;
    const qsizetype equals = name.indexOf(u'=');
    const bool hasValue = equals >= 0;
    if (hasValue) {
        value = name.mid(equals + 1);
        name.truncate(equals);
    }
    const bool takesValue = name == QStringLiteral("root")
                            || (rule != nullptr && rule->values.contains(name));
    const bool isFlag = name == QStringLiteral("json") || name == QStringLiteral("help")
                        || name == QStringLiteral("version")
                        || (rule != nullptr && rule->flags.contains(name));
    if (!takesValue && !isFlag) {
        return usageError(QStringLiteral("unknown option --%1").arg(name));
    }
    if (isFlag && hasValue) {
        return usageError(QStringLiteral("--%1 takes no value").arg(name));
    }
    if (isFlag) {
        out.flags.append(name);
        return ok();
    }
    if (!hasValue && words.isEmpty()) {
        return usageError(QStringLiteral("--%1 needs a value").arg(name));
    }
    out.values.insert(name, hasValue ? value : words.takeFirst());
    return ok();
}

Status fillArguments(const Rule &rule, const Words &words, Arguments &arguments)
{
    QJsonObject &fields = arguments.request.arguments;
    arguments.request.command = rule.name;
    for (const QString &name : rule.values) {
        if (!words.values.contains(name)) {
            continue;
        }
        if (name != QStringLiteral("limit")) {
            fields.insert(name, words.values.value(name));
            continue;
        }
        bool isNumber = false;
        const int limit = words.values.value(name).toInt(&isNumber);
        if (!isNumber || limit < 1) {
            return usageError(QStringLiteral("--limit needs a number from 1"));
        }
        fields.insert(name, limit);
    }
    if (words.plain.size() < rule.minWords || words.plain.size() > rule.maxWords) {
        return usageError(QStringLiteral("%1 takes %2")
                              .arg(QString::fromLatin1(rule.name),
                                   rule.maxWords == 0 ? QStringLiteral("no word")
                                                      : QStringLiteral("one queue id")));
    }
    if (!words.plain.isEmpty()) {
        fields.insert(QStringLiteral("id"), words.plain.first());
    }
    for (const QString &part :
         {QStringLiteral("header"), QStringLiteral("body"), QStringLiteral("message")}) {
        if (words.flags.contains(part)) {
            fields.insert(QStringLiteral("part"), part);
        }
    }
    if (words.flags.contains(QStringLiteral("all"))) {
        fields.insert(QStringLiteral("all"), true);
    }
    return ok();
}

Status checkTarget(const Arguments &arguments)
{
    const QJsonObject &fields = arguments.request.arguments;
    const bool hasId = fields.contains(QStringLiteral("id"));
    const bool hasAll = fields.contains(QStringLiteral("all"));
    if (arguments.request.command == "flush"
        && int(hasId) + int(hasAll) + int(fields.contains(QStringLiteral("domain"))) != 1) {
        return usageError(QStringLiteral("flush takes an id, --domain or --all"));
    }
    const bool hasStage = fields.contains(QStringLiteral("stage"));
    if (arguments.request.command == "delete" && (hasId == hasAll || hasAll != hasStage)) {
        return usageError(QStringLiteral("delete takes an id, or --all with --stage"));
    }
    return ok();
}

}  // namespace

Result<Arguments> parseArguments(const QStringList &given)
{
    Arguments arguments;
    Words words;
    const Rule *rule = nullptr;
    for (QStringList left = given; !left.isEmpty();) {
        if (left.first() == QStringLiteral("-h")) {
            left.first() = QStringLiteral("--help");
        }
        if (left.first().startsWith(QStringLiteral("--"))) {
            TRY(takeOption(left, rule, words));
            continue;
        }
        const QString word = left.takeFirst();
        if (rule != nullptr) {
            words.plain.append(word);
            continue;
        }
        for (const Rule &one : rules()) {
            rule = word == QString::fromLatin1(one.name) ? &one : rule;
        }
        if (rule == nullptr) {
            return usageError(QStringLiteral("unknown command '%1'").arg(word));
        }
    }
    arguments.root = words.values.value(QStringLiteral("root"));
    arguments.isJson = words.flags.contains(QStringLiteral("json"));
    arguments.isHelp = words.flags.contains(QStringLiteral("help"));
    arguments.isVersion = words.flags.contains(QStringLiteral("version"));
    arguments.isConfirmed = words.flags.contains(QStringLiteral("yes"));
    if (arguments.isHelp || arguments.isVersion) {
        return arguments;
    }
    if (rule == nullptr) {
        return usageError(QStringLiteral("a command is missing"));
    }
    TRY(fillArguments(*rule, words, arguments));
    TRY(checkTarget(arguments));
    arguments.wantsAll = arguments.request.command == "list"
                         && words.flags.contains(QStringLiteral("all"));
    return arguments;
}

QByteArray usage()
{
    return "usage: pmgqueue [--root DIR] [--json] COMMAND\n"
           "  list [--stage STAGE] [--domain DOMAIN] [--limit N] [--all]   one line a message\n"
           "  shape [--stage STAGE]             how many wait, by domain and age (deliverable)\n"
           "  show ID [--header|--body|--message]   envelope and attempts, or the text\n"
           "  statistics                        counts by stage, and damages found\n"
           "  flush ID|--domain DOMAIN|--all    try to deliver now\n"
           "  hold ID [--reason TEXT]           keep it, do not deliver\n"
           "  release ID                        let a held message go on\n"
           "  delete ID|--all --stage STAGE [--yes]   remove for ever\n"
           "STAGE is one of unfiltered, deliverable, quarantine, held.\n";
}

}  // namespace portcullis::pmgqueue
