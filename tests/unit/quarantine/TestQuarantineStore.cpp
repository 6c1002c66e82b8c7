// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/MemoryQuarantineStore.h"
#include "appliance/quarantine/PgQuarantineStore.h"
#include "appliance/store/Migrations.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QRandomGenerator>
#include <QtTest/QTest>

#include <set>

using namespace std::chrono_literals;

namespace portcullis::quarantine {

namespace {

constexpr Clock::WallTime noon{std::chrono::seconds(1'700'000'000)};

NewEntry newEntry(const QByteArray &key,
                  QuarantineKind kind = QuarantineKind::Spam,
                  Clock::WallTime at = noon)
{
    NewEntry mail;
    mail.key = key;
    mail.queueId = "M" + key;
    mail.kind = kind;
    mail.receivedAt = at;
    mail.sender = "sender@example.net";
    mail.recipients = {"Anna@example.org"};
    mail.subject = QStringLiteral("Cheap pills");
    mail.fromHeader = QStringLiteral("Dr. Evil <sender@example.net>");
    mail.spamLevel = 7;
    mail.rule = QStringLiteral("Quarantine Spam");
    mail.evidence = {{QStringLiteral("hits"), QStringLiteral("GTUBE=1000")}};
    mail.content = mail::Content("Subject: Cheap pills\r\nMessage-ID:\r\n <1@x>\r\n\r\nBuy.\r\n");
    return mail;
}

QByteArray incompressible(int bytes)
{
    QByteArray content(bytes, Qt::Uninitialized);
    QRandomGenerator generator(42);
    generator.fillRange(reinterpret_cast<quint32 *>(content.data()), bytes / 4);
    return content;
}

QString everything(const std::vector<Entry> &entries)
{
    QStringList keys;
    for (const Entry &entry : entries) {
        keys.append(entry.queueId + QLatin1Char('>') + entry.mailbox);
    }
    return keys.join(QLatin1Char(' '));
}

}  // namespace

/// The same for every QuarantineStore.
class TestQuarantineStore final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();

    void givesBackWhatWasStored_data() { stores(); }
    void givesBackWhatWasStored();
    void storesTwiceAsOnce_data() { stores(); }
    void storesTwiceAsOnce();
    void keepsLargeMailsByteForByte_data() { stores(); }
    void keepsLargeMailsByteForByte();
    void storesWhateverBytesAMailHolds_data() { stores(); }
    void storesWhateverBytesAMailHolds();
    void filtersAndPages_data() { stores(); }
    void filtersAndPages();
    void foldsMarksLastOneWins_data() { stores(); }
    void foldsMarksLastOneWins();
    void purgesEachKindByItsOwnLifetime_data() { stores(); }
    void purgesEachKindByItsOwnLifetime();
    void countsByKind_data() { stores(); }
    void countsByKind();
    void refusesUnknownIds_data() { stores(); }
    void refusesUnknownIds();

private:
    void stores();
    std::unique_ptr<QuarantineStore> store();

    std::unique_ptr<testing::PrivatePostgres> m_server;
    std::unique_ptr<store::DatabasePool> m_pool;
    QString m_problem;
    int m_databases = 0;
};

#define QVERIFY_OK(expression)                                                                     \
    do {                                                                                           \
        const auto &okResult = (expression);                                                       \
        QVERIFY2(okResult.has_value(), okResult ? "" : qPrintable(okResult.error().toString()));   \
    } while (false)

void TestQuarantineStore::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (server) {
        m_server = std::move(*server);
    } else {
        m_problem = server.error().detail;
    }
}

void TestQuarantineStore::stores()
{
    QTest::addColumn<bool>("isPostgres");
    QTest::newRow("in memory") << false;
    QTest::newRow("PostgreSQL") << true;
}

void TestQuarantineStore::init()
{
    if (qstrcmp(QTest::currentDataTag(), "PostgreSQL") != 0) {
        return;
    }
    if (!m_server) {
        QSKIP(qPrintable(m_problem));
    }
    const QString name = QStringLiteral("quarantine%1").arg(++m_databases);
    QVERIFY_OK(m_server->createDatabase(name));
    m_pool = std::make_unique<store::DatabasePool>(m_server->settings(name));
    auto database = m_pool->local();
    QVERIFY_OK(database);
    QVERIFY_OK(store::migrate(**database));
}

std::unique_ptr<QuarantineStore> TestQuarantineStore::store()
{
    QFETCH(bool, isPostgres);
    if (isPostgres) {
        return std::make_unique<PgQuarantineStore>(*m_pool);
    }
    return std::make_unique<MemoryQuarantineStore>();
}

void TestQuarantineStore::givesBackWhatWasStored()
{
    const auto store = this->store();
    NewEntry mail = newEntry("A");
    mail.recipients = {"Anna@example.org", "bert@example.org"};
    mail.virus = QStringLiteral("Eicar");
    mail.direction = mail::Direction::Out;
    mail.receivedAt = noon + 1us;
    QVERIFY_OK(store->insert({mail}));
    const auto list = store->list({});
    QVERIFY_OK(list);
    QCOMPARE(list->size(), size_t(2));
    QVERIFY(list->at(0).id.rid == list->at(1).id.rid);
    QVERIFY(list->at(0).id.ticket != list->at(1).id.ticket);
    for (const Entry &listed : *list) {
        const auto entry = store->entry(listed.id);
        QVERIFY_OK(entry);
        QCOMPARE(entry->mailbox, entry->recipient.toLower());
        QCOMPARE(entry->queueId, QStringLiteral("MA"));
        QCOMPARE(entry->kind, QuarantineKind::Spam);
        QCOMPARE(entry->direction, mail::Direction::Out);
        QVERIFY(entry->receivedAt == mail.receivedAt);
        QCOMPARE(entry->sender, QStringLiteral("sender@example.net"));
        QCOMPARE(entry->subject, mail.subject);
        QCOMPARE(entry->fromHeader, mail.fromHeader);
        QCOMPARE(entry->messageId, QStringLiteral("<1@x>"));
        QCOMPARE(entry->size, mail.content.size());
        QCOMPARE(entry->spamLevel, 7);
        QCOMPARE(entry->virus, mail.virus);
        QCOMPARE(entry->rule, mail.rule);
        QCOMPARE(entry->evidence, mail.evidence);
        QCOMPARE(entry->status, EntryStatus::New);
        QVERIFY(!entry->isSeen);
        const auto content = store->content(listed.id);
        QVERIFY_OK(content);
        QCOMPARE(*content, mail.content.toByteArray());
        const auto parsed = EntryId::parse(listed.id.toString());
        QVERIFY_OK(parsed);
        QVERIFY(*parsed == listed.id);
    }
}

void TestQuarantineStore::storesTwiceAsOnce()
{
    const auto store = this->store();
    QVERIFY_OK(store->insert({newEntry("A")}));
    QVERIFY_OK(store->insert({newEntry("A"), newEntry("B")}));
    QVERIFY_OK(store->insert({newEntry("B"), newEntry("A")}));
    QCOMPARE(store->list({})->size(), size_t(2));
}

void TestQuarantineStore::keepsLargeMailsByteForByte()
{
    const auto store = this->store();
    NewEntry mail = newEntry("A");
    mail.content = mail::Content(incompressible(3'500'000) + QByteArray(1'000'000, '\0'));
    NewEntry empty = newEntry("B", QuarantineKind::Spam, noon - 1s);
    empty.content = mail::Content(QByteArray(""));
    QVERIFY_OK(store->insert({mail, empty}));
    const auto list = store->list({});
    QVERIFY_OK(list);
    const auto content = store->content(list->at(0).id);
    QVERIFY_OK(content);
    QVERIFY(*content == mail.content.toByteArray());
    const auto nothing = store->content(list->at(1).id);
    QVERIFY_OK(nothing);
    QVERIFY(nothing->isEmpty());
}

void TestQuarantineStore::storesWhateverBytesAMailHolds()
{
    const auto store = this->store();
    NewEntry mail = newEntry("C12");
    mail.sender = QByteArray("\x00\xff\xc0\xaf", 4) + "+AGE-\\'\"@x";
    mail.recipients = {QByteArray("\xfe\xff\x00@y\t\n\\N", 9)};
    mail.subject = QString(QChar(0xd800)) + QChar() + QStringLiteral("\\'\"\t\n");
    mail.fromHeader = QString(QChar(0xdfff));
    mail.virus = QString(1, QChar());
    mail.rule = QStringLiteral("\\N");
    mail.evidence = {{QString(QChar(0xdc00)), QString(QChar()) + QStringLiteral("\\u0000")}};
    mail.content = mail::Content(QByteArray("Message-ID: \xff\x00\xfe\r\n\r\n\x00\xff", 22));
    QVERIFY_OK(store->insert({mail}));
    const auto list = store->list({});
    QVERIFY_OK(list);
    QCOMPARE(list->size(), size_t(1));
    QVERIFY_OK(store->entry(list->front().id));
    const auto content = store->content(list->front().id);
    QVERIFY_OK(content);
    QCOMPARE(*content, mail.content.toByteArray());
}

void TestQuarantineStore::filtersAndPages()
{
    const auto store = this->store();
    std::vector<NewEntry> mails;
    for (int i = 0; i < 6; ++i) {
        NewEntry mail = newEntry(QByteArray::number(i),
                                 i % 2 == 0 ? QuarantineKind::Spam : QuarantineKind::Virus,
                                 noon + 1s * (i / 2));
        mail.recipients = {"anna@example.org", "bert@example.org"};
        mail.subject = i == 3 ? QStringLiteral("50% off_now") : QStringLiteral("other");
        mails.push_back(mail);
    }
    QVERIFY_OK(store->insert(mails));
    EntryQuery query;
    query.limit = 5;
    std::set<EntryId> seen;
    int pages = 0;
    while (true) {
        const auto page = store->list(query);
        QVERIFY_OK(page);
        if (page->empty()) {
            break;
        }
        ++pages;
        for (const Entry &entry : *page) {
            QVERIFY(seen.insert(entry.id).second);
        }
        query.after = EntryCursor{page->back().receivedAt, page->back().id};
    }
    QCOMPARE(seen.size(), size_t(12));
    QCOMPARE(pages, 3);

    EntryQuery byMailbox;
    byMailbox.mailbox = QStringLiteral("ANNA@example.org");
    QCOMPARE(store->list(byMailbox)->size(), size_t(6));
    byMailbox.kind = QuarantineKind::Virus;
    QCOMPARE(store->list(byMailbox)->size(), size_t(3));
    byMailbox.search = QStringLiteral("OFF_");
    QCOMPARE(everything(*store->list(byMailbox)), QStringLiteral("M3>anna@example.org"));
    EntryQuery byTime;
    byTime.since = noon + 1s;
    byTime.until = noon + 2s;
    QCOMPARE(store->list(byTime)->size(), size_t(4));
}

void TestQuarantineStore::foldsMarksLastOneWins()
{
    const auto store = this->store();
    NewEntry mail = newEntry("A");
    mail.recipients = {"anna@example.org", "bert@example.org"};
    QVERIFY_OK(store->insert({mail}));
    const EntryId id = store->list({})->front().id;
    const QString who = QStringLiteral("root@pam");
    QVERIFY_OK(store->mark({id}, EntryMark::Seen, who));
    QCOMPARE(store->entry(id)->status, EntryStatus::New);
    QVERIFY(store->entry(id)->isSeen);
    QVERIFY_OK(store->mark({id}, EntryMark::Deleted, who));
    QVERIFY_OK(store->mark({id}, EntryMark::Delivered, who));
    QCOMPARE(store->entry(id)->status, EntryStatus::Delivered);
    QCOMPARE(store->list({})->size(), size_t(1));
    EntryQuery all;
    all.status.reset();
    QCOMPARE(store->list(all)->size(), size_t(2));
    QVERIFY_OK(store->mark({id}, EntryMark::Restored, who));
    QCOMPARE(store->list({})->size(), size_t(2));
}

void TestQuarantineStore::purgesEachKindByItsOwnLifetime()
{
    const auto store = this->store();
    QVERIFY_OK(store->insert({newEntry("S", QuarantineKind::Spam, noon - 1h),
                              newEntry("A", QuarantineKind::Attachment, noon - 1h),
                              newEntry("V", QuarantineKind::Virus, noon - 1h),
                              newEntry("F", QuarantineKind::FilterFailure, noon - 3h),
                              newEntry("young", QuarantineKind::Spam, noon)}));
    const EntryId id = store->list({})->back().id;
    QVERIFY_OK(store->mark({id}, EntryMark::Seen, QStringLiteral("x")));
    const PurgeBounds bounds{noon, noon - 2h};
    const auto first = store->purge(bounds, 2);
    QVERIFY_OK(first);
    QCOMPARE(*first, 2);
    QCOMPARE(*store->purge(bounds, 2), 1);
    QCOMPARE(*store->purge(bounds, 2), 0);
    QCOMPARE(everything(*store->list({})),
             QStringLiteral("Myoung>anna@example.org MV>anna@example.org"));
    // What was purged is gone, bytes included, and may come again.
    QCOMPARE(store->content(id).error().id, QByteArray("quarantine.no-entry"));
    QVERIFY_OK(store->insert({newEntry("F", QuarantineKind::FilterFailure)}));
    QCOMPARE(store->list({})->size(), size_t(3));
}

void TestQuarantineStore::countsByKind()
{
    const auto store = this->store();
    NewEntry mail = newEntry("A");
    mail.recipients = {"anna@example.org", "bert@example.org"};
    QVERIFY_OK(store->insert({mail, newEntry("V", QuarantineKind::Virus, noon - 1s)}));
    QVERIFY_OK(
        store->mark({store->list({})->front().id}, EntryMark::Delivered, QStringLiteral("x")));
    const auto counts = store->counts();
    QVERIFY_OK(counts);
    QCOMPARE(counts->size(), size_t(4));
    QCOMPARE(counts->at(0).mails, qint64(1));
    QCOMPARE(counts->at(0).entries, qint64(2));
    QCOMPARE(counts->at(0).newEntries, qint64(1));
    QCOMPARE(counts->at(0).bytes, mail.content.size());
    QVERIFY(counts->at(0).storedBytes > 0);
    QCOMPARE(counts->at(1).mails, qint64(1));
    QCOMPARE(counts->at(2).mails, qint64(0));
}

void TestQuarantineStore::refusesUnknownIds()
{
    const auto store = this->store();
    QVERIFY_OK(store->insert({newEntry("A")}));
    EntryId wrong = store->list({})->front().id;
    ++wrong.ticket;  // Knowing the mail is not enough.
    QCOMPARE(store->entry(wrong).error().id, QByteArray("quarantine.no-entry"));
    QCOMPARE(store->content(wrong).error().id, QByteArray("quarantine.no-entry"));
    QCOMPARE(store->mark({wrong}, EntryMark::Deleted, {}).error().id,
             QByteArray("quarantine.no-entry"));
}

}  // namespace portcullis::quarantine

QTEST_GUILESS_MAIN(portcullis::quarantine::TestQuarantineStore)
#include "TestQuarantineStore.moc"
