// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/Migrations.h"
#include "appliance/tracking/MemoryTrackingStore.h"
#include "appliance/tracking/PgTrackingStore.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtTest/QTest>

using namespace std::chrono_literals;

namespace portcullis::tracking {

namespace {

constexpr Clock::WallTime noon{std::chrono::seconds(1'700'000'000)};

TrackingEvent makeEvent(EventKind kind, const QByteArray &queueId, Clock::WallTime at)
{
    TrackingEvent event;
    event.kind = kind;
    event.queueId = queueId;
    event.at = at;
    event.sender = "sender@example.net";
    event.recipients = {"anna@example.org"};
    return event;
}

std::vector<TrackingEvent> lifeOf(const QByteArray &queueId, Clock::WallTime at)
{
    TrackingEvent accepted = makeEvent(EventKind::Accepted, queueId, at);
    accepted.client = "192.0.2.1";
    accepted.size = 4096;
    accepted.recipients = {"anna@example.org", "bert@example.org"};
    TrackingEvent filtered = makeEvent(EventKind::Filtered, queueId, at + 1us);
    filtered.rule = QStringLiteral("default-accept");
    filtered.spamLevel = 2;
    filtered.detail = {{QStringLiteral("hits"), QStringLiteral("A=2")}};
    TrackingEvent quarantined = makeEvent(EventKind::Quarantined, queueId, at + 2us);
    quarantined.recipients = {"bert@example.org"};
    quarantined.rule = QStringLiteral("Quarantine Spam");
    quarantined.spamLevel = 7;
    TrackingEvent deferred = makeEvent(EventKind::Deferred, queueId, at + 3us);
    deferred.sender.clear();
    deferred.reply = "451 4.3.0 later";
    TrackingEvent delivered = makeEvent(EventKind::Delivered, queueId, at + 4us);
    delivered.sender.clear();
    delivered.nextHop = "mx[192.0.2.7]:25";
    delivered.reply = "250 2.0.0 Ok";
    return {accepted, filtered, quarantined, deferred, delivered};
}

}  // namespace

/// The same for every TrackingStore.
class TestTrackingStore final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();

    void foldsTheStepsOfAMailToARowForEachRecipient_data() { stores(); }
    void foldsTheStepsOfAMailToARowForEachRecipient();
    void foldsTheSameWhateverTheBatches_data() { stores(); }
    void foldsTheSameWhateverTheBatches();
    void keepsRefusalsApart_data() { stores(); }
    void keepsRefusalsApart();
    void storesWhateverBytesAMailHolds_data() { stores(); }
    void storesWhateverBytesAMailHolds();
    void remembersTheMarkUntilForgotten_data() { stores(); }
    void remembersTheMarkUntilForgotten();
    void filtersAndPages_data() { stores(); }
    void filtersAndPages();
    void purgesByAgeInSteps_data() { stores(); }
    void purgesByAgeInSteps();

private:
    void stores();
    std::unique_ptr<TrackingStore> store();

    std::unique_ptr<testing::PrivatePostgres> m_server;
    std::unique_ptr<store::DatabasePool> m_pool;
    QString m_problem;
    int m_databases = 0;
};

void TestTrackingStore::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (server) {
        m_server = std::move(*server);
    } else {
        m_problem = server.error().detail;
    }
}

void TestTrackingStore::stores()
{
    QTest::addColumn<bool>("isPostgres");
    QTest::newRow("in memory") << false;
    QTest::newRow("PostgreSQL") << true;
}

void TestTrackingStore::init()
{
    if (qstrcmp(QTest::currentDataTag(), "PostgreSQL") != 0) {
        return;
    }
    if (!m_server) {
        QSKIP(qPrintable(m_problem));
    }
    const QString name = QStringLiteral("tracking%1").arg(++m_databases);
    QVERIFY(m_server->createDatabase(name).has_value());
    m_pool = std::make_unique<store::DatabasePool>(m_server->settings(name));
    auto database = m_pool->local();
    QVERIFY(database.has_value());
    const auto migrated = store::migrate(**database);
    QVERIFY2(migrated.has_value(), migrated ? "" : qPrintable(migrated.error().toString()));
}

std::unique_ptr<TrackingStore> TestTrackingStore::store()
{
    QFETCH(bool, isPostgres);
    if (isPostgres) {
        return std::make_unique<PgTrackingStore>(*m_pool);
    }
    return std::make_unique<MemoryTrackingStore>();
}

#define QVERIFY_OK(expression)                                                                     \
    do {                                                                                           \
        const auto result = (expression);                                                          \
        QVERIFY2(result.has_value(), result ? "" : qPrintable(result.error().toString()));         \
    } while (false)

void TestTrackingStore::foldsTheStepsOfAMailToARowForEachRecipient()
{
    const auto store = this->store();
    QVERIFY_OK(store->append(lifeOf("Q1", noon), {}));
    const auto rows = store->rows({});
    QVERIFY_OK(rows);
    QCOMPARE(rows->size(), size_t(2));
    const MailRow &anna = rows->at(0);
    QCOMPARE(anna.recipient, QStringLiteral("anna@example.org"));
    QCOMPARE(anna.status, MailStatus::Accepted);
    QCOMPARE(anna.delivery, DeliveryStatus::Sent);
    QCOMPARE(anna.sender, QStringLiteral("sender@example.net"));
    QCOMPARE(anna.client, QStringLiteral("192.0.2.1"));
    QCOMPARE(anna.size, qint64(4096));
    QCOMPARE(anna.reply, QStringLiteral("250 2.0.0 Ok"));
    QVERIFY(anna.receivedAt == noon);
    QVERIFY(anna.updatedAt == noon + 4us);
    const MailRow &bert = rows->at(1);
    QCOMPARE(bert.status, MailStatus::Quarantined);
    QCOMPARE(bert.delivery, DeliveryStatus::None);
    QCOMPARE(bert.spamLevel, 7);
    QCOMPARE(bert.rule, QStringLiteral("Quarantine Spam"));

    const auto events = store->events(QStringLiteral("Q1"));
    QVERIFY_OK(events);
    const auto written = lifeOf("Q1", noon);
    QCOMPARE(events->size(), written.size());
    for (size_t i = 0; i < written.size(); ++i) {
        QVERIFY(events->at(i).event == written[i]);
    }
}

void TestTrackingStore::foldsTheSameWhateverTheBatches()
{
    const auto store = this->store();
    for (const TrackingEvent &step : lifeOf("Q1", noon)) {
        QVERIFY_OK(store->append({step}, {}));
    }
    QVERIFY_OK(store->append(lifeOf("Q2", noon), {}));
    auto rows = store->rows({});
    QVERIFY_OK(rows);
    QCOMPARE(rows->size(), size_t(4));
    for (size_t i = 0; i < 2; ++i) {
        const MailRow &one = rows->at(i);
        const MailRow &other = rows->at(i + 2);
        QCOMPARE(one.recipient, other.recipient);
        QCOMPARE(one.status, other.status);
        QCOMPARE(one.delivery, other.delivery);
        QCOMPARE(one.reply, other.reply);
        QCOMPARE(one.rule, other.rule);
        QCOMPARE(one.size, other.size);
        QVERIFY(one.updatedAt == other.updatedAt);
    }
}

void TestTrackingStore::keepsRefusalsApart()
{
    const auto store = this->store();
    TrackingEvent refused = makeEvent(EventKind::Refused, makeRefusalId(noon), noon);
    refused.reply = "554 5.7.1 relay access denied";
    TrackingEvent atConnect = makeEvent(EventKind::Refused, makeRefusalId(noon), noon + 1us);
    atConnect.recipients.clear();
    TrackingEvent greylisted = makeEvent(EventKind::Refused, makeRefusalId(noon), noon + 2us);
    greylisted.detail = {{QStringLiteral("check"), QStringLiteral("greylist")}};
    QVERIFY_OK(store->append({refused, atConnect, greylisted}, {}));
    const auto all = store->rows({});
    QVERIFY_OK(all);
    QCOMPARE(all->size(), size_t(3));
    QCOMPARE(all->at(0).status, MailStatus::Greylisted);
    QCOMPARE(all->at(1).recipient, QString());
    QCOMPARE(all->at(2).status, MailStatus::Refused);
    MailQuery query;
    query.hidesGreylisted = true;
    const auto rest = store->rows(query);
    QVERIFY_OK(rest);
    QCOMPARE(rest->size(), size_t(2));
}

void TestTrackingStore::storesWhateverBytesAMailHolds()
{
    const auto store = this->store();
    TrackingEvent odd = makeEvent(EventKind::Accepted, "C12", noon);
    odd.sender = QByteArray("\x00\xff\xc0\xaf", 4) + "+AGE-\\'\"{},NULL@x";
    odd.recipients = {QByteArray("\xed\xa0\x80\x00@y", 6), QByteArray("\xed\xa0\x81\x00@y", 6),
                      "NULL", "\\\"{,}", "a\tb\nc\r"};
    odd.reply = QByteArray(300, '\xfe');
    odd.virus = QString(QChar(0xd800)) + QChar();
    odd.rule = QStringLiteral("a\\'\"\n\t\\N");
    odd.detail = {{QStringLiteral("x"), QString(QChar(0xdc00)) + QChar() + QStringLiteral("y")}};
    QVERIFY_OK(store->append({odd, odd}, {}));
    const auto rows = store->rows({});
    QVERIFY_OK(rows);
    QVERIFY(rows->size() >= 4);
    QCOMPARE(rows->front().rule, QString());
    const auto events = store->events(QStringLiteral("C12"));
    QVERIFY_OK(events);
    QCOMPARE(events->size(), size_t(2));
    QCOMPARE(events->front().event.rule, odd.rule);
    QCOMPARE(events->front().event.recipients.size(), odd.recipients.size());
    QCOMPARE(events->front().event.recipients[2], QByteArray("NULL"));
    QCOMPARE(events->front().event.recipients[3], QByteArray("\\\"{,}"));
}

void TestTrackingStore::remembersTheMarkUntilForgotten()
{
    const auto store = this->store();
    const JournalMark start{3, 0xfedcba9876543210ULL, 16};
    const auto none = store->progress(start);
    QVERIFY_OK(none);
    QCOMPARE(none->offset, qint64(0));
    JournalMark mark = start;
    for (const qint64 offset : {100, 200}) {
        mark.offset = offset;
        QVERIFY_OK(store->append({makeEvent(EventKind::Accepted, "Q", noon)}, mark));
        const auto progress = store->progress(start);
        QVERIFY_OK(progress);
        QVERIFY(*progress == mark);
    }
    QVERIFY_OK(store->append({}, mark));
    QVERIFY_OK(store->forget(mark));
    QCOMPARE(store->progress(start)->offset, qint64(0));
}

void TestTrackingStore::filtersAndPages()
{
    const auto store = this->store();
    for (int i = 0; i < 10; ++i) {
        // Pairs at the same time: pages must not lose or repeat one of them.
        TrackingEvent accepted = makeEvent(EventKind::Accepted, "Q" + QByteArray::number(i),
                                           noon + 1s * (i / 2));
        accepted.sender = i % 2 == 0 ? "Newsletter_1@shop.example" : "";
        QVERIFY_OK(store->append({accepted}, {}));
    }
    MailQuery query;
    query.limit = 3;
    std::vector<QString> seen;
    while (true) {
        const auto page = store->rows(query);
        QVERIFY_OK(page);
        if (page->empty()) {
            break;
        }
        for (const MailRow &row : *page) {
            seen.push_back(row.queueId);
        }
        const MailRow &last = page->back();
        query.after = MailCursor{last.receivedAt, last.cid, last.queueId, last.recipient};
    }
    const std::vector<QString> expected{
        QStringLiteral("Q8"), QStringLiteral("Q9"), QStringLiteral("Q6"), QStringLiteral("Q7"),
        QStringLiteral("Q4"), QStringLiteral("Q5"), QStringLiteral("Q2"), QStringLiteral("Q3"),
        QStringLiteral("Q0"), QStringLiteral("Q1")};
    QVERIFY(seen == expected);

    MailQuery bySender;
    bySender.sender = QStringLiteral("SLETTER_1@");
    QCOMPARE(store->rows(bySender)->size(), size_t(5));
    MailQuery withoutNull;
    withoutNull.hidesNullSender = true;
    QCOMPARE(store->rows(withoutNull)->size(), size_t(5));
    MailQuery byTime;
    byTime.since = noon + 1s;
    byTime.until = noon + 3s;
    QCOMPARE(store->rows(byTime)->size(), size_t(4));
    MailQuery byId;
    byId.queueId = QStringLiteral("Q4");
    QCOMPARE(store->rows(byId)->size(), size_t(1));
}

void TestTrackingStore::purgesByAgeInSteps()
{
    const auto store = this->store();
    for (int i = 0; i < 6; ++i) {
        QVERIFY_OK(store->append(
            {makeEvent(EventKind::Accepted, "Q" + QByteArray::number(i), noon + 1h * i)}, {}));
    }
    const auto first = store->purge(noon + 3h, 2);
    QVERIFY_OK(first);
    QCOMPARE(*first, qint64(4));
    QCOMPARE(*store->purge(noon + 3h, 2), qint64(2));
    QCOMPARE(*store->purge(noon + 3h, 2), qint64(0));
    QCOMPARE(store->rows({})->size(), size_t(3));
    QVERIFY(store->events(QStringLiteral("Q2"))->empty());
    QCOMPARE(store->events(QStringLiteral("Q3"))->size(), size_t(1));
}

}  // namespace portcullis::tracking

QTEST_GUILESS_MAIN(portcullis::tracking::TestTrackingStore)
#include "TestTrackingStore.moc"
