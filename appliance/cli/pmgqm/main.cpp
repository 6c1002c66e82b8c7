// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Log.h"
#include "appliance/cli/pmgqm/Arguments.h"
#include "appliance/cli/pmgqm/Learn.h"
#include "appliance/cli/pmgqm/Release.h"
#include "appliance/cli/pmgqm/Show.h"
#include "appliance/cli/support/Appliance.h"
#include "appliance/cli/support/Terminal.h"
#include "appliance/config/ConfigLoader.h"
#include "appliance/quarantine/PgQuarantineStore.h"
#include "appliance/quarantine/Retention.h"
#include "appliance/tracking/PgTrackingStore.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QJsonArray>

namespace portcullis::cli::qm {

namespace {

/// What the commands work on.
struct Context {
    Arguments arguments;
    Paths paths;
    quarantine::QuarantineStore &store;
    tracking::TrackingStore &tracking;
};

/// Who did it, for the record: the login name, also behind sudo.
QString administrator()
{
    const QString user = qEnvironmentVariable("SUDO_USER", qEnvironmentVariable("USER"));
    return (user.isEmpty() ? QStringLiteral("root") : user) + QStringLiteral("@cli");
}

Status list(const Context &context)
{
    const auto entries = TRY(context.store.list(context.arguments.query));
    if (context.arguments.isJson) {
        QJsonArray array;
        for (const quarantine::Entry &entry : entries) {
            array.append(toJson(entry));
        }
        printJson(array);
    } else {
        print(listText(entries));
    }
    return ok();
}

Status show(const Context &context)
{
    const auto entry = TRY(context.store.entry(context.arguments.ids.front()));
    if (context.arguments.isJson) {
        printJson(toJson(entry));
    } else {
        print(entryText(entry));
    }
    return ok();
}

Status get(const Context &context)
{
    printBytes(TRY(context.store.content(context.arguments.ids.front())));
    return ok();
}

/// Goes through all ids, so that one that is gone does not keep the others.
Status releaseAll(const Context &context)
{
    const auto config = TRY(config::ConfigLoader(context.paths).load());
    int failed = 0;
    for (const quarantine::EntryId &id : context.arguments.ids) {
        const ReleaseRequest request{id, context.arguments.to.toUtf8(), context.arguments.sender,
                                     config->fqdn, administrator()};
        const auto queueId = release(request, context.paths, context.store, context.tracking);
        if (queueId) {
            learnFromDecision(id, spam::LearnAs::Ham, *config, context.paths, context.store);
            print(QStringLiteral("%1 released as %2\n")
                      .arg(id.toString(), QString::fromUtf8(*queueId)));
        } else {
            fail(queueId.error());
            ++failed;
        }
    }
    if (failed > 0) {
        return Error::transient(
            "release.failed",
            QStringLiteral("%1 of %2 not released").arg(failed).arg(context.arguments.ids.size()));
    }
    return ok();
}

Status deleteAll(const Context &context)
{
    std::vector<tracking::TrackingEvent> events;
    for (const quarantine::EntryId &id : context.arguments.ids) {
        const quarantine::Entry entry = TRY(context.store.entry(id));
        tracking::TrackingEvent event;
        event.at = SystemClock::instance().wall();
        event.kind = tracking::EventKind::Deleted;
        event.direction = entry.direction;
        event.queueId = entry.queueId.toUtf8();
        event.recipients = {entry.recipient.toUtf8()};
        event.reason = QStringLiteral("deleted from quarantine by ") + administrator();
        event.detail = {{QStringLiteral("entry"), id.toString()}};
        events.push_back(std::move(event));
    }
    TRY(context.store.mark(context.arguments.ids, quarantine::EntryMark::Deleted, administrator()));
    for (const tracking::TrackingEvent &event : events) {
        tracking::writeLogLine(event);
    }
    TRY(context.tracking.append(events, {}));
    const auto config = config::ConfigLoader(context.paths).load();
    for (const quarantine::EntryId &id : context.arguments.ids) {
        if (config) {
            learnFromDecision(id, spam::LearnAs::Spam, **config, context.paths, context.store);
        }
        print(id.toString() + QStringLiteral(" deleted\n"));
    }
    return ok();
}

Status purge(const Context &context)
{
    const auto config = TRY(config::ConfigLoader(context.paths).load());
    const quarantine::Lifetimes lifetimes{
        static_cast<int>(config->spamQuarantine.lifetime.count()),
        static_cast<int>(config->virusQuarantine.lifetime.count())};
    const auto bounds = quarantine::purgeBounds(SystemClock::instance().wall(), lifetimes,
                                                QTimeZone::systemTimeZone());
    int total = 0;
    for (int purged = 1; purged > 0; total += purged) {
        purged = TRY(context.store.purge(bounds));
    }
    print(
        QStringLiteral("%1 mails removed: spam and attachments from before %2, viruses and filter "
                       "failures from before %3\n")
            .arg(total)
            .arg(localTime(bounds.spam), localTime(bounds.virus)));
    return ok();
}

Status status(const Context &context)
{
    const auto counts = TRY(context.store.counts());
    if (context.arguments.isJson) {
        QJsonArray array;
        for (const quarantine::KindCount &count : counts) {
            array.append(toJson(count));
        }
        printJson(array);
    } else {
        print(countsText(counts));
    }
    return ok();
}

Status run(const Context &context)
{
    switch (context.arguments.command) {
    case Command::List:
        return list(context);
    case Command::Show:
        return show(context);
    case Command::Get:
        return get(context);
    case Command::Release:
        return releaseAll(context);
    case Command::Delete:
        return deleteAll(context);
    case Command::Purge:
        return purge(context);
    case Command::Status:
        return status(context);
    }
    return ok();
}

int main(const QStringList &commandLine)
{
    const auto arguments = Arguments::parse(commandLine);
    if (!arguments) {
        return usageError("pmgqm", arguments.error().detail);
    }
    if (arguments->wantsHelp) {
        print(QString::fromLatin1(helpText));
        return Success;
    }
    const Paths paths = Paths::fromOption(arguments->root);
    log::setTarget({"pmgqm",
                    paths.isPrivateRoot()
                        ? QFile::encodeName(paths.log() + QStringLiteral("/mail.log"))
                        : QByteArray(),
                    false, log::Severity::Info});
    const auto pool = openPool(paths, arguments->dsn);
    if (!pool) {
        return fail(pool.error());
    }
    quarantine::PgQuarantineStore store(**pool);
    tracking::PgTrackingStore tracking(**pool);
    const Status done = run({*arguments, paths, store, tracking});
    return done ? Success : fail(done.error());
}

}  // namespace

}  // namespace portcullis::cli::qm

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    return portcullis::cli::qm::main(QCoreApplication::arguments());
}
