// SPDX-License-Identifier: GPL-2.0-or-later
// pmgqueue: looks at the mail queue and changes it, through pmg-smtpd; see pmgqueue(8).
#include "appliance/base/Paths.h"
#include "appliance/cli/pmgqueue/Arguments.h"
#include "appliance/cli/pmgqueue/Table.h"
#include "appliance/spool/ControlClient.h"
#include "appliance/spool/QueueCommands.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>

#include <cstdio>
#include <iostream>
#include <string>

using portcullis::Error;
using portcullis::Paths;
using portcullis::Result;
namespace pmgqueue = portcullis::pmgqueue;
namespace spool = portcullis::spool;

namespace {

constexpr int exitFailed = 1;
constexpr int exitUsage = 2;

void print(std::FILE *to, const QByteArray &text)
{
    std::fwrite(text.constData(), 1, static_cast<size_t>(text.size()), to);
}

/// Whatever answers: pmg-smtpd, or the folder at rest.
using Ask = std::function<Result<spool::ControlReply>(const spool::ControlRequest &)>;

bool onlyReads(const QByteArray &command)
{
    return command == "list" || command == "shape" || command == "show" || command == "statistics";
}

Result<spool::ControlReply> askFolder(const Paths &paths, const spool::ControlRequest &request)
{
    spool::SpoolSettings settings;
    settings.folder = paths.queue();
    settings.isReadOnly = true;
    const auto folder = TRY(spool::Spool::open(settings, portcullis::SystemClock::instance()));
    const spool::QueueCommands commands(*folder);
    return commands.run(request);
}

/// `list --all`: page after page.
Result<spool::ControlReply> askForAll(const Ask &ask, spool::ControlRequest request)
{
    request.arguments.insert(QStringLiteral("limit"), 500);
    QJsonArray entries;
    spool::ControlReply reply;
    do {
        reply = TRY(ask(request));
        const QJsonArray more = reply.result.value(QStringLiteral("entries")).toArray();
        for (const QJsonValue &entry : more) {
            entries.append(entry);
        }
        request.arguments.insert(QStringLiteral("cursor"),
                                 reply.result.value(QStringLiteral("cursor")));
    } while (reply.result.contains(QStringLiteral("cursor")));
    reply.result.insert(QStringLiteral("entries"), entries);
    return reply;
}

bool isConfirmed(const pmgqueue::Arguments &arguments)
{
    if (arguments.request.command != "delete" || arguments.isConfirmed) {
        return true;
    }
    const QJsonObject &fields = arguments.request.arguments;
    const QByteArray what = fields.contains(QStringLiteral("id"))
                                ? fields.value(QStringLiteral("id")).toString().toUtf8()
                                : "every message of the stage "
                                      + fields.value(QStringLiteral("stage")).toString().toUtf8();
    print(stderr, "Delete " + what + " for ever? [y/N] ");
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "yes";
}

Result<spool::ControlReply> answerTo(const pmgqueue::Arguments &arguments)
{
    const Paths paths = Paths::fromOption(arguments.root);
    auto client = spool::ControlClient::connect(paths.controlSocket());
    if (!client && !onlyReads(arguments.request.command)) {
        return Error::transient(client.error().id,
                                QStringLiteral("pmg-smtpd is not running, the queue cannot be "
                                               "changed (%1)")
                                    .arg(client.error().detail));
    }
    if (!client) {
        print(stderr, "pmg-smtpd is not running; this is the queue as it lies on disk.\n");
    }
    const Ask ask = [&](const spool::ControlRequest &request) {
        return client ? client->call(request) : askFolder(paths, request);
    };
    return arguments.wantsAll ? askForAll(ask, arguments.request) : ask(arguments.request);
}

}  // namespace

int main(int argc, char **argv)
{
    const QCoreApplication application(argc, argv);
    const auto arguments = pmgqueue::parseArguments(QCoreApplication::arguments().mid(1));
    if (!arguments) {
        print(stderr, "pmgqueue: " + arguments.error().detail.toUtf8() + '\n' + pmgqueue::usage());
        return exitUsage;
    }
    if (arguments->isHelp) {
        print(stdout, pmgqueue::usage());
        return 0;
    }
    if (arguments->isVersion) {
        print(stdout, "pmgqueue " PORTCULLIS_VERSION "\n");
        return 0;
    }
    if (!isConfirmed(*arguments)) {
        print(stderr, "Nothing was deleted.\n");
        return exitFailed;
    }
    const auto reply = answerTo(*arguments);
    if (!reply) {
        print(stderr, "pmgqueue: " + pmgqueue::harmless(reply.error().toString()) + '\n');
        return reply.error().id == "queue.argument" ? exitUsage : exitFailed;
    }
    const bool isText = !reply->body.isEmpty() || !arguments->isJson;
    print(stdout, isText ? pmgqueue::render(arguments->request.command, *reply)
                         : QJsonDocument(reply->result).toJson(QJsonDocument::Indented));
    return 0;
}
