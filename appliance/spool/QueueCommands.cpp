// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/QueueCommands.h"

#include "appliance/spool/ControlServer.h"
#include "appliance/spool/Frame.h"
#include "appliance/spool/Mailbox.h"

#include <QtCore/QDateTime>
#include <QtCore/QJsonArray>

#include <algorithm>
#include <array>

namespace portcullis::spool {

namespace {

constexpr int defaultRows = 100;
constexpr int maxRows = 1000;           ///< A reply line stays below ControlLimits::lineBytes.
constexpr int maxLooked = 100'000;      ///< Entries passed over by one `list` with a domain.
constexpr int maxShownRecipients = 20;  ///< Of a row; `show` has all.
constexpr int removeStep = 500;         ///< Entries removed by one transaction.
constexpr std::array<Stage, stageCount> allStages{Stage::Unfiltered, Stage::Deliverable,
                                                  Stage::Quarantine, Stage::Held};

QString textOf(const QByteArray &bytes)
{
    return QString::fromUtf8(bytes);
}

QJsonValue timeOf(Clock::WallTime time)
{
    const auto millis =
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    return millis == 0
               ? QJsonValue()
               : QJsonValue(
                   QDateTime::fromMSecsSinceEpoch(millis, Qt::UTC).toString(Qt::ISODateWithMs));
}

std::optional<Stage> stageNamed(const QString &name)
{
    const auto *const found = std::find_if(allStages.begin(), allStages.end(), [&](Stage stage) {
        return name == QString::fromLatin1(nameOf(stage));
    });
    return found == allStages.end() ? std::nullopt : std::optional(*found);
}

Result<std::optional<Stage>> stageArgument(const QJsonObject &arguments)
{
    const QJsonValue value = arguments.value(QStringLiteral("stage"));
    if (value.isUndefined()) {
        return std::optional<Stage>();
    }
    const auto stage = stageNamed(value.toString());
    if (!stage) {
        return Error::permanent("queue.argument",
                                QStringLiteral("there is no stage '%1'").arg(value.toString()));
    }
    return stage;
}

Result<QByteArray> idArgument(const QJsonObject &arguments)
{
    const QByteArray id = arguments.value(QStringLiteral("id")).toString().toUtf8();
    if (!numberOf(id)) {
        return Error::permanent("queue.argument",
                                QStringLiteral("'%1' is no queue id").arg(textOf(id)));
    }
    return id;
}

/// "stage:due:number"; where a list goes on.
struct ListPlace {
    size_t stage = 0;
    Cursor cursor;

    [[nodiscard]] QString toString() const
    {
        return QStringLiteral("%1:%2:%3").arg(stage).arg(cursor.due).arg(cursor.number);
    }
    static Result<ListPlace> from(const QString &text)
    {
        const QStringList parts = text.split(u':');
        ListPlace place;
        bool isStage = false;
        bool isDue = false;
        bool isNumber = false;
        if (parts.size() == 3) {
            place.stage = parts[0].toULongLong(&isStage);
            place.cursor.due = parts[1].toLongLong(&isDue);
            place.cursor.number = parts[2].toULongLong(&isNumber);
        }
        if (!isStage || !isDue || !isNumber || place.stage >= allStages.size()) {
            return Error::permanent("queue.argument", QStringLiteral("a cursor we never gave"));
        }
        return place;
    }
};

bool waitsFor(const EntrySummary &summary, const QByteArray &domain)
{
    return domain.isEmpty() || summary.domains == domain
           || summary.domains.split(' ').contains(domain);
}

QString reasonOf(const Entry &entry)
{
    if (!entry.reason.isEmpty()) {
        return textOf(entry.reason);
    }
    for (const RecipientProgress &progress : entry.progress) {
        if (progress.state == RecipientState::Pending && !progress.lastReply.isEmpty()) {
            return textOf(progress.lastReply);
        }
    }
    return {};
}

QJsonArray recipientsOf(const Entry &entry)
{
    QJsonArray recipients;
    for (size_t i = 0; i < entry.envelope.recipients.size(); ++i) {
        const mail::Recipient &recipient = entry.envelope.recipients[i];
        const RecipientProgress &progress = entry.progress[i];
        recipients.append(
            QJsonObject{{QStringLiteral("address"), textOf(recipient.address.toString())},
                        {QStringLiteral("state"), textOf(nameOf(progress.state))},
                        {QStringLiteral("attempts"), static_cast<qint64>(progress.attempts)},
                        {QStringLiteral("last_attempt"), timeOf(progress.lastAttempt)},
                        {QStringLiteral("last_reply"), textOf(progress.lastReply)},
                        {QStringLiteral("next_hop"), textOf(progress.nextHop)}});
    }
    return recipients;
}

QJsonObject metadataOf(const Entry &entry)
{
    QJsonArray history;
    for (const HistoryLine &line : entry.history) {
        history.append(QJsonObject{{QStringLiteral("time"), timeOf(line.time)},
                                   {QStringLiteral("text"), textOf(line.text)}});
    }
    const mail::Client &client = entry.client;
    return {{QStringLiteral("id"), textOf(entry.id)},
            {QStringLiteral("stage"), textOf(nameOf(entry.stage))},
            {QStringLiteral("direction"),
             entry.direction == mail::Direction::In ? QStringLiteral("in") : QStringLiteral("out")},
            {QStringLiteral("arrival"), timeOf(entry.receivedAt)},
            {QStringLiteral("next_attempt"), timeOf(entry.nextAttempt)},
            {QStringLiteral("sender"), textOf(entry.envelope.sender.toString())},
            {QStringLiteral("recipients"), recipientsOf(entry)},
            {QStringLiteral("client"),
             QJsonObject{{QStringLiteral("address"), client.address.toString()},
                         {QStringLiteral("name"), textOf(client.name)},
                         {QStringLiteral("helo"), textOf(client.helo)},
                         {QStringLiteral("protocol"), textOf(client.protocol)},
                         {QStringLiteral("tls"), textOf(client.tls)}}},
            {QStringLiteral("filter_attempts"), static_cast<qint64>(entry.filterAttempts)},
            {QStringLiteral("origin"), textOf(entry.origin)},
            {QStringLiteral("reason"), reasonOf(entry)},
            {QStringLiteral("history"), history}};
}

}  // namespace

QueueCommands::QueueCommands(Spool &spool, FlushFunction flush)
    : m_spool(spool)
    , m_flush(std::move(flush))
{
    m_pool.setMaxThreadCount(1);
}

QueueCommands::~QueueCommands()
{
    m_pool.waitForDone();
}

void QueueCommands::registerWith(ControlServer &server)
{
    for (const char *name : {"list", "shape", "show", "statistics", "hold", "release", "delete"}) {
        server.addCommand(
            name, [this, &server](const ControlRequest &request, const ControlAnswer &answer) {
                m_pool.start([this, request, answer, mailbox = Mailbox::ofThisThread(),
                              guard = QPointer<QObject>(&server)] {
                    mailbox->post(guard, [answer, reply = run(request)] { answer(reply); });
                });
            });
    }
    server.addCommand("flush", [this](const ControlRequest &request, const ControlAnswer &answer) {
        answer(run(request));
    });
}

Result<ControlReply> QueueCommands::run(const ControlRequest &request) const
{
    if (request.command == "list") {
        return list(request.arguments);
    }
    if (request.command == "shape") {
        return shape(request.arguments);
    }
    if (request.command == "show") {
        return show(request.arguments);
    }
    if (request.command == "statistics") {
        return statistics();
    }
    if (request.command == "flush") {
        return flush(request.arguments);
    }
    if (request.command == "hold") {
        return hold(request.arguments);
    }
    if (request.command == "release") {
        return release(request.arguments);
    }
    if (request.command == "delete") {
        return remove(request.arguments);
    }
    return Error::permanent(
        "control.unknown-command",
        QStringLiteral("there is no command '%1'").arg(textOf(request.command)));
}

QJsonObject QueueCommands::rowOf(const EntrySummary &summary) const
{
    QJsonObject row{{QStringLiteral("id"), textOf(summary.id)},
                    {QStringLiteral("stage"), textOf(nameOf(summary.stage))},
                    {QStringLiteral("arrival"), timeOf(summary.receivedAt)},
                    {QStringLiteral("next_attempt"), timeOf(summary.nextAttempt)},
                    {QStringLiteral("size"), summary.size},
                    {QStringLiteral("direction"), summary.direction == mail::Direction::In
                                                      ? QStringLiteral("in")
                                                      : QStringLiteral("out")}};
    const auto entry = m_spool.loadMetadata(summary.id);
    if (!entry) {
        row.insert(QStringLiteral("reason"), entry.error().toString());
        return row;
    }
    QJsonArray recipients;
    for (size_t i = 0; i < entry->envelope.recipients.size(); ++i) {
        if (entry->progress[i].state == RecipientState::Pending
            && recipients.size() < maxShownRecipients) {
            recipients.append(textOf(entry->envelope.recipients[i].address.toString()));
        }
    }
    row.insert(QStringLiteral("sender"), textOf(entry->envelope.sender.toString()));
    row.insert(QStringLiteral("recipients"), recipients);
    row.insert(QStringLiteral("recipient_count"),
               static_cast<qint64>(entry->envelope.recipients.size()));
    row.insert(QStringLiteral("reason"), reasonOf(*entry));
    return row;
}

Result<ControlReply> QueueCommands::list(const QJsonObject &arguments) const
{
    const auto only = TRY(stageArgument(arguments));
    const QByteArray domain =
        arguments.value(QStringLiteral("domain")).toString().toLower().toUtf8();
    const int limit = std::clamp(arguments.value(QStringLiteral("limit")).toInt(defaultRows), 1,
                                 maxRows);
    ListPlace place;
    if (arguments.contains(QStringLiteral("cursor"))) {
        place = TRY(ListPlace::from(arguments.value(QStringLiteral("cursor")).toString()));
    }
    QJsonArray rows;
    int looked = 0;
    bool isMore = false;
    for (; place.stage < allStages.size() && !isMore; ++place.stage, place.cursor = {}) {
        if (only && allStages[place.stage] != *only) {
            continue;
        }
        for (bool isLast = false; !isLast && !isMore;) {
            const Page page = m_spool.list(allStages[place.stage], place.cursor,
                                           limit - int(rows.size()));
            for (const EntrySummary &summary : page.entries) {
                if (waitsFor(summary, domain)) {
                    rows.append(rowOf(summary));
                }
            }
            looked += static_cast<int>(page.entries.size());
            place.cursor = page.next;
            isLast = page.isLast;
            isMore = rows.size() >= limit || looked >= maxLooked;
        }
        if (isMore) {
            break;
        }
    }
    QJsonObject result{{QStringLiteral("entries"), rows},
                       {QStringLiteral("recovering"), m_spool.isRecovering()}};
    if (isMore) {
        result.insert(QStringLiteral("cursor"), place.toString());
    }
    return ControlReply{result, {}};
}

Result<ControlReply> QueueCommands::shape(const QJsonObject &arguments) const
{
    const Stage stage = TRY(stageArgument(arguments)).value_or(Stage::Deliverable);
    QJsonArray rows;
    for (const ShapeRow &row : m_spool.shape(stage)) {
        QJsonArray ages;
        for (const qint64 count : row.byAge) {
            ages.append(count);
        }
        rows.append(QJsonObject{{QStringLiteral("domain"), textOf(row.domain)},
                                {QStringLiteral("total"), row.total},
                                {QStringLiteral("ages"), ages}});
    }
    return ControlReply{{{QStringLiteral("stage"), textOf(nameOf(stage))},
                         {QStringLiteral("rows"), rows},
                         {QStringLiteral("recovering"), m_spool.isRecovering()}},
                        {}};
}

Result<ControlReply> QueueCommands::show(const QJsonObject &arguments) const
{
    const QByteArray id = TRY(idArgument(arguments));
    const QString part = arguments.value(QStringLiteral("part")).toString(QStringLiteral("meta"));
    if (part == QStringLiteral("meta")) {
        const Entry entry = TRY(m_spool.loadMetadata(id));
        QJsonObject result = metadataOf(entry);
        if (const auto summary = m_spool.summary(id)) {
            result.insert(QStringLiteral("size"), summary->size);
        }
        return ControlReply{result, {}};
    }
    const Entry entry = TRY(m_spool.load(id));
    const QByteArrayView all = entry.content.view();
    const qsizetype blankLine = QByteArray::fromRawData(all.data(), all.size()).indexOf("\r\n\r\n");
    const qsizetype headerEnd = blankLine < 0 ? all.size() : blankLine + 2;
    ControlReply reply{{{QStringLiteral("id"), textOf(id)}, {QStringLiteral("part"), part}}, {}};
    if (part == QStringLiteral("header")) {
        reply.body = all.first(headerEnd).toByteArray();
    } else if (part == QStringLiteral("body")) {
        reply.body = all.sliced(std::min(headerEnd + 2, all.size())).toByteArray();
    } else if (part == QStringLiteral("message")) {
        reply.body = all.toByteArray();
    } else {
        return Error::permanent("queue.argument",
                                QStringLiteral("there is no part '%1'").arg(part));
    }
    return reply;
}

Result<ControlReply> QueueCommands::statistics() const
{
    const SpoolStatistics counts = m_spool.statistics();
    QJsonObject stages;
    for (const Stage stage : allStages) {
        const auto at = static_cast<size_t>(stage);
        stages.insert(textOf(nameOf(stage)),
                      QJsonObject{{QStringLiteral("entries"), counts.entries[at]},
                                  {QStringLiteral("bytes"), counts.bytes[at]}});
    }
    QJsonArray damages;
    for (const Damage &damage : m_spool.damages()) {
        damages.append(QJsonObject{{QStringLiteral("file"), damage.file},
                                   {QStringLiteral("offset"), damage.offset},
                                   {QStringLiteral("length"), damage.length},
                                   {QStringLiteral("reason"), damage.reason},
                                   {QStringLiteral("saved_as"), damage.savedAs},
                                   {QStringLiteral("id"), textOf(damage.queueId)}});
    }
    return ControlReply{{{QStringLiteral("stages"), stages},
                         {QStringLiteral("segments"), counts.segments},
                         {QStringLiteral("disk_bytes"), counts.diskBytes},
                         {QStringLiteral("transactions"), counts.transactions},
                         {QStringLiteral("flushes"), counts.flushes},
                         {QStringLiteral("recovering"), counts.isRecovering},
                         {QStringLiteral("damages"), damages}},
                        {}};
}

Result<ControlReply> QueueCommands::flush(const QJsonObject &arguments) const
{
    if (!m_flush) {
        return Error::permanent("queue.no-delivery", QStringLiteral("nothing delivers here"));
    }
    FlushRequest request;
    if (arguments.contains(QStringLiteral("id"))) {
        request.id = TRY(idArgument(arguments));
        if (!m_spool.summary(request.id)) {
            return Error::permanent(
                "spool.unknown-entry",
                QStringLiteral("%1 is not in the queue").arg(textOf(request.id)));
        }
    } else if (arguments.contains(QStringLiteral("domain"))) {
        request.domain = arguments.value(QStringLiteral("domain")).toString().toLower().toUtf8();
    } else if (!arguments.value(QStringLiteral("all")).toBool()) {
        return Error::permanent("queue.argument", QStringLiteral("say what to flush"));
    }
    m_flush(request);
    return ControlReply{};
}

Result<ControlReply> QueueCommands::hold(const QJsonObject &arguments) const
{
    Transaction transaction;
    transaction.hold(TRY(idArgument(arguments)),
                     arguments.value(QStringLiteral("reason"))
                         .toString(QStringLiteral("held by the administrator"))
                         .toUtf8());
    TRY(m_spool.commitAndWait(std::move(transaction)));
    return ControlReply{};
}

Result<ControlReply> QueueCommands::release(const QJsonObject &arguments) const
{
    Transaction transaction;
    transaction.release(TRY(idArgument(arguments)));
    TRY(m_spool.commitAndWait(std::move(transaction)));
    return ControlReply{};
}

Result<ControlReply> QueueCommands::remove(const QJsonObject &arguments) const
{
    qint64 deleted = 0;
    if (arguments.contains(QStringLiteral("id"))) {
        const QByteArray id = TRY(idArgument(arguments));
        if (!m_spool.summary(id)) {
            return Error::permanent("spool.unknown-entry",
                                    QStringLiteral("%1 is not in the queue").arg(textOf(id)));
        }
        Transaction transaction;
        transaction.remove(id);
        TRY(m_spool.commitAndWait(std::move(transaction)));
        deleted = 1;
    } else {
        const auto stage = TRY(stageArgument(arguments));
        if (!stage || !arguments.value(QStringLiteral("all")).toBool()) {
            return Error::permanent("queue.argument",
                                    QStringLiteral("say an id, or a stage and all"));
        }
        Cursor cursor;
        for (bool isLast = false; !isLast;) {
            const Page page = m_spool.list(*stage, cursor, removeStep);
            Transaction transaction;
            for (const EntrySummary &summary : page.entries) {
                transaction.remove(summary.id);
            }
            TRY(m_spool.commitAndWait(std::move(transaction)));
            deleted += static_cast<qint64>(page.entries.size());
            cursor = page.next;
            isLast = page.isLast;
        }
    }
    return ControlReply{{{QStringLiteral("deleted"), deleted}}, {}};
}

}  // namespace portcullis::spool
