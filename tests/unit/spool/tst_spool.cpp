// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Crc32c.h"
#include "SpoolTools.h"

#include <QtCore/QDir>
#include <QtCore/QRandomGenerator>
#include <QtCore/QThread>

#include <thread>

using namespace portcullis;
using namespace portcullis::spool;
using namespace portcullis::spool::test;

class TestSpool final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void crcAgreesWithTheStandard_data();
    void crcAgreesWithTheStandard();
    void givesBackWhatWasCommitted();
    void keepsEverythingAcrossRestart();
    void appliesChangesInOrder();
    void refusesChangesOfUnknownEntries();
    void storesEqualContentOnce();
    void sharesContentOfEntryRemovedInTheSameTransaction();
    void answersInTheCallersEventLoop();
    void doesNotCallBackAfterContextIsGone();
    void queueIdsAreNeverRepeated();
    void tellsSubscribersByStage();
    void tellsSubscribersToPageAfterRecovery();
    void listsByDueTimeInPages();
    void refusesSecondProcess();
    void countsByDomainAndAge();
    void deletesSegmentsThatHoldNothing();
    void movesLivingEntriesOutOfSparseSegments();
    void removedEntriesStayRemovedAfterCompaction();
    void readsLargeContentFromDisk();
    void readOnlySpoolShowsButDoesNotChange();
    void F9_filterAttemptsSurviveRestart();
    void refusesWhatCanNeverBeStored();
};

void TestSpool::crcAgreesWithTheStandard_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<quint32>("crc");
    QByteArray rising;
    for (char byte = 0; byte < 32; ++byte) {
        rising += byte;
    }
    // RFC 3720 §B.4
    QTest::newRow("32 bytes of zeroes") << QByteArray(32, '\0') << quint32(0x8A9136AA);
    QTest::newRow("32 bytes of ones") << QByteArray(32, '\xFF') << quint32(0x62A8AB43);
    QTest::newRow("32 rising bytes") << rising << quint32(0x46DD794E);
    QTest::newRow("nothing") << QByteArray() << quint32(0);
}

void TestSpool::crcAgreesWithTheStandard()
{
    QFETCH(QByteArray, bytes);
    QFETCH(quint32, crc);
    QCOMPARE(crc32c(bytes), crc);
    QCOMPARE(crc32cPortable(bytes), crc);
    const qsizetype middle = bytes.size() / 3;
    QCOMPARE(crc32c(bytes.sliced(middle), crc32c(bytes.first(middle))), crc);
}

void TestSpool::givesBackWhatWasCommitted()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    Entry entry = entryOf(spool->nextQueueId(), messageOf(1));
    entry.direction = mail::Direction::Out;
    entry.note = "opaque\0note";
    entry.history.push_back({entry.receivedAt, "accepted"});
    entry.envelope.sender = {};
    Transaction transaction;
    transaction.add(entry);
    QVERIFY(spool->commitAndWait(std::move(transaction)));

    const auto loaded = spool->load(entry.id);
    QVERIFY2(loaded, qPrintable(loaded ? QString() : loaded.error().toString()));
    QCOMPARE(loaded->content.toByteArray(), messageOf(1));
    QVERIFY(loaded->envelope == entry.envelope);
    QVERIFY(loaded->client == entry.client);
    QCOMPARE(loaded->note, entry.note);
    QCOMPARE(loaded->direction, entry.direction);
    QCOMPARE(loaded->progress.size(), size_t(1));
    QVERIFY(loaded->history == entry.history);
    QVERIFY(loaded->receivedAt == entry.receivedAt);
    QCOMPARE(entry.id.size(), 13);
}

void TestSpool::keepsEverythingAcrossRestart()
{
    QTemporaryDir folder;
    QList<QByteArray> ids;
    {
        const auto spool = openSpool(smallSettings(folder.path()));
        for (int i = 0; i < 300; ++i) {
            ids.push_back(
                add(*spool, messageOf(i, 4000), i % 2 ? Durability::Lazy : Durability::Flushed));
        }
        for (int i = 0; i < 300; i += 3) {
            QVERIFY(remove(*spool, ids[i]));
        }
    }
    const auto spool = openSpool(smallSettings(folder.path()));
    QCOMPARE(entryCount(*spool), 200);
    QVERIFY(spool->damages().empty());
    for (int i = 0; i < 300; ++i) {
        const auto entry = spool->load(ids[i]);
        QCOMPARE(entry.has_value(), i % 3 != 0);
        if (entry) {
            QCOMPARE(entry->content.toByteArray(), messageOf(i, 4000));
        }
    }
}

void TestSpool::appliesChangesInOrder()
{
    QTemporaryDir folder;
    QByteArray id;
    const auto check = [&id](const Spool &spool) {
        const auto entry = spool.load(id);
        QVERIFY(entry);
        QCOMPARE(entry->stage, Stage::Held);
        QCOMPARE(entry->heldFrom, Stage::Quarantine);
        QCOMPARE(entry->reason, "because");
        QCOMPARE(entry->note, "n2");
        QCOMPARE(entry->progress[0].attempts, 2U);
        QCOMPARE(entry->progress[0].state, RecipientState::Failed);
        QCOMPARE(entry->progress[0].lastReply, "550 no");
        QVERIFY(entry->progress[0].isDelayReported);
        QCOMPARE(entry->content.toByteArray(), messageOf(7));
        QCOMPARE(spool.summary(id)->domains, QByteArray());
    };
    {
        const auto spool = openSpool(smallSettings(folder.path()));
        id = add(*spool, messageOf(7));
        Transaction first;
        first.recordAttempt(id, {0, RecipientState::Pending, "451 later", "mx[192.0.2.1]:25", {}});
        first.setDelayReported(id, 0);
        first.setNote(id, "n1");
        QVERIFY(spool->commitAndWait(std::move(first), Durability::Lazy));
        Transaction second;
        second.recordAttempt(id, {0, RecipientState::Failed, "550 no", {}, {}});
        second.moveTo(id, Stage::Quarantine);
        second.setNote(id, "n2");
        second.hold(id, "because");
        QVERIFY(spool->commitAndWait(std::move(second)));
        check(*spool);
    }
    const auto spool = openSpool(smallSettings(folder.path()));
    check(*spool);
    Transaction release;
    release.release(id);
    QVERIFY(spool->commitAndWait(std::move(release)));
    QCOMPARE(spool->summary(id)->stage, Stage::Quarantine);
}

void TestSpool::refusesChangesOfUnknownEntries()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    const QByteArray id = add(*spool, messageOf(1));
    Transaction transaction;
    transaction.moveTo(id, Stage::Quarantine);
    transaction.moveTo("FFFFFFFFFFFFF", Stage::Quarantine);
    const Status status = spool->commitAndWait(std::move(transaction));
    QVERIFY(!status);
    QCOMPARE(status.error().id, "spool.unknown-entry");
    QCOMPARE(spool->summary(id)->stage, Stage::Deliverable);  // All or nothing.
    Transaction removal;
    removal.remove("FFFFFFFFFFFFF");
    QVERIFY(spool->commitAndWait(std::move(removal)));
}

void TestSpool::storesEqualContentOnce()
{
    QTemporaryDir folder;
    SpoolSettings settings = smallSettings(folder.path());
    settings.segmentBytes = 8 * 1024 * 1024;
    const QByteArray content = messageOf(1, 200'000);
    QList<QByteArray> ids;
    {
        const auto spool = openSpool(settings);
        Transaction transaction;
        for (int i = 0; i < 10; ++i) {
            ids.push_back(spool->nextQueueId());
            // A deep copy: equal bytes, not only the same pointer.
            transaction.add(entryOf(ids.back(), QByteArray(content.constData(), content.size())));
        }
        QVERIFY(spool->commitAndWait(std::move(transaction)));
    }
    const auto spool = openSpool(settings);
    QVERIFY(spool->statistics().diskBytes < 2 * content.size());
    for (const QByteArray &id : ids) {
        QCOMPARE(spool->load(id)->content.toByteArray(), content);
        QVERIFY(remove(*spool, id));
    }
}

void TestSpool::sharesContentOfEntryRemovedInTheSameTransaction()
{
    QTemporaryDir folder;
    SpoolSettings settings = smallSettings(folder.path());
    settings.cacheBytes = 0;
    QByteArray outcome;
    {
        const auto spool = openSpool(settings);
        const QByteArray waiting = add(*spool, messageOf(5, 50'000));
        outcome = spool->nextQueueId();
        Transaction transaction;
        transaction.addWithContentOf(entryOf(outcome, {}), waiting);
        transaction.remove(waiting);
        QVERIFY(spool->commitAndWait(std::move(transaction)));
        QCOMPARE(spool->load(outcome)->content.toByteArray(), messageOf(5, 50'000));
        QVERIFY(!spool->summary(waiting));
    }
    const auto spool = openSpool(settings);
    QCOMPARE(entryCount(*spool), 1);
    QCOMPARE(spool->load(outcome)->content.toByteArray(), messageOf(5, 50'000));
}

void TestSpool::answersInTheCallersEventLoop()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    int answers = 0;
    QObject context;
    for (int i = 0; i < 50; ++i) {
        Transaction transaction;
        transaction.add(entryOf(spool->nextQueueId(), messageOf(i)));
        spool->commit(std::move(transaction), Durability::Flushed, &context,
                      [&answers](const Status &status) {
                          QVERIFY(status);
                          QCOMPARE(QThread::currentThread(),
                                   QCoreApplication::instance()->thread());
                          ++answers;
                      });
    }
    QCOMPARE(answers, 0);  // Never before commit() has returned to the event loop.
    QTRY_COMPARE(answers, 50);
    QVERIFY(spool->statistics().flushes < 50);
    QCOMPARE(spool->statistics().transactions, 50);
}

void TestSpool::doesNotCallBackAfterContextIsGone()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    bool isCalled = false;
    {
        QObject context;
        Transaction transaction;
        transaction.add(entryOf(spool->nextQueueId(), messageOf(1)));
        spool->commit(std::move(transaction), Durability::Flushed, &context,
                      [&isCalled](const Status &) { isCalled = true; });
    }
    add(*spool, messageOf(2));
    QCoreApplication::processEvents();
    QVERIFY(!isCalled);
    QCOMPARE(entryCount(*spool), 2);
}

void TestSpool::queueIdsAreNeverRepeated()
{
    QTemporaryDir folder;
    ManualClock clock;
    QSet<QByteArray> ids;
    for (int start = 0; start < 5; ++start) {
        clock.setWall(Clock::WallTime(std::chrono::seconds(1'700'000'000 - start * 1000)));
        const auto spool = openSpool(smallSettings(folder.path()), clock);
        for (int i = 0; i < 1000; ++i) {
            const QByteArray id = spool->nextQueueId();
            QVERIFY(!ids.contains(id));
            ids.insert(id);
        }
        add(*spool, messageOf(1));
    }
}

void TestSpool::tellsSubscribersByStage()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    QObject context;
    std::vector<Change> seen;
    spool->subscribe(StageFlag::Quarantine, &context, [&seen](const ChangeSet &set) {
        seen.insert(seen.end(), set.changes.begin(), set.changes.end());
    });
    const QByteArray id = add(*spool, messageOf(1));
    Transaction there;
    there.moveTo(id, Stage::Quarantine);
    QVERIFY(spool->commitAndWait(std::move(there)));
    QVERIFY(remove(*spool, id));
    QTRY_COMPARE(seen.size(), size_t(2));
    QCOMPARE(seen[0].kind, Change::Kind::Changed);
    QCOMPARE(*seen[0].previousStage, Stage::Deliverable);
    QCOMPARE(seen[0].entry.domains, "example.org");
    QCOMPARE(seen[1].kind, Change::Kind::Removed);
    QCOMPARE(seen[1].entry.id, id);
}

void TestSpool::tellsSubscribersToPageAfterRecovery()
{
    QTemporaryDir folder;
    add(*openSpool(smallSettings(folder.path())), messageOf(1));
    auto spool = Spool::open(smallSettings(folder.path()), SystemClock::instance());
    QVERIFY(spool);
    QObject context;
    qint64 listed = 0;
    (*spool)->subscribe(StageFlag::Deliverable, &context, [&](const ChangeSet &set) {
        if (set.isResync) {
            listed = static_cast<qint64>((*spool)->list(Stage::Deliverable).entries.size());
        }
    });
    if (!(*spool)->isRecovering()) {
        listed = static_cast<qint64>((*spool)->list(Stage::Deliverable).entries.size());
    }
    QTRY_COMPARE(listed, 1);
}

void TestSpool::listsByDueTimeInPages()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    const Clock::WallTime now = SystemClock::instance().wall();
    Transaction transaction;
    for (int i = 0; i < 25; ++i) {
        Entry entry = entryOf(spool->nextQueueId(), messageOf(i, 100));
        entry.nextAttempt = now + std::chrono::seconds(25 - i);
        transaction.add(std::move(entry));
    }
    QVERIFY(spool->commitAndWait(std::move(transaction)));
    Cursor cursor;
    Clock::WallTime last{};
    int seen = 0;
    for (bool isLast = false; !isLast;) {
        const Page page = spool->list(Stage::Deliverable, cursor, 10);
        for (const EntrySummary &entry : page.entries) {
            QVERIFY(entry.nextAttempt > last);
            last = entry.nextAttempt;
            ++seen;
        }
        cursor = page.next;
        isLast = page.isLast;
    }
    QCOMPARE(seen, 25);
    QCOMPARE(spool->list(Stage::Deliverable, {}, 100, now + std::chrono::seconds(5)).entries.size(),
             size_t(5));
}

void TestSpool::refusesSecondProcess()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    const auto second = Spool::open(smallSettings(folder.path()), SystemClock::instance());
    QVERIFY(!second);
    QCOMPARE(second.error().id, "spool.locked");
    QVERIFY(second.error().detail.contains(QString::number(QCoreApplication::applicationPid())));
}

void TestSpool::countsByDomainAndAge()
{
    QTemporaryDir folder;
    ManualClock clock;
    const auto spool = openSpool(smallSettings(folder.path()), clock);
    Transaction transaction;
    for (int i = 0; i < 12; ++i) {
        Entry entry = entryOf(spool->nextQueueId(), messageOf(i, 100),
                              i < 8 ? "a@one.example" : "b@two.example");
        entry.receivedAt = clock.wall() - std::chrono::minutes(i < 8 ? 7 : 3000);
        transaction.add(std::move(entry));
    }
    QVERIFY(spool->commitAndWait(std::move(transaction)));
    const auto rows = spool->shape(Stage::Deliverable);
    QCOMPARE(rows.size(), size_t(3));
    QCOMPARE(rows[0].domain, "TOTAL");
    QCOMPARE(rows[0].total, 12);
    QCOMPARE(rows[1].domain, "one.example");
    QCOMPARE(rows[1].byAge[1], 8);
    QCOMPARE(rows[2].byAge[9], 4);
}

void TestSpool::deletesSegmentsThatHoldNothing()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    for (int i = 0; i < 200; ++i) {
        QVERIFY(remove(*spool, add(*spool, messageOf(i, 10'000), Durability::Lazy)));
    }
    QTRY_VERIFY_WITH_TIMEOUT(spool->statistics().segments <= 2, 10'000);
    QVERIFY(QDir(folder.path()).entryList({QStringLiteral("*.seg")}).size() <= 2);
}

void TestSpool::movesLivingEntriesOutOfSparseSegments()
{
    QTemporaryDir folder;
    SpoolSettings settings = smallSettings(folder.path());
    settings.cacheBytes = 0;
    QList<QByteArray> kept;
    {
        const auto spool = openSpool(settings);
        for (int i = 0; i < 400; ++i) {
            const QByteArray id = add(*spool, messageOf(i, 8000), Durability::Lazy);
            if (i % 25 == 0) {
                kept.push_back(id);
            } else {
                QVERIFY(remove(*spool, id));
            }
        }
        QTRY_VERIFY_WITH_TIMEOUT(spool->statistics().segments <= 3, 20'000);
        QCOMPARE(entryCount(*spool), kept.size());
    }
    const auto spool = openSpool(settings);
    QCOMPARE(entryCount(*spool), kept.size());
    QVERIFY(spool->damages().empty());
    for (int i = 0; i < kept.size(); ++i) {
        QCOMPARE(spool->load(kept[i])->content.toByteArray(), messageOf(i * 25, 8000));
    }
}

void TestSpool::removedEntriesStayRemovedAfterCompaction()
{
    // Random life of a queue with restarts; a model says what must be there.
    QTemporaryDir folder;
    SpoolSettings settings = smallSettings(folder.path());
    settings.segmentBytes = 64 * 1024;
    settings.compactBelowPercent = 60;
    settings.cacheBytes = 32 * 1024;
    QMap<QByteArray, QByteArray> model;
    QRandomGenerator random(4711);
    for (int start = 0; start < 6; ++start) {
        const auto spool = openSpool(settings);
        QVERIFY(spool->damages().empty());
        QCOMPARE(entryCount(*spool), model.size());
        for (int i = 0; i < 250; ++i) {
            const int dice = random.bounded(10);
            if (dice < 5 || model.isEmpty()) {
                const QByteArray content = messageOf(i, random.bounded(200, 9000));
                const QByteArray id = add(*spool, content, Durability::Lazy);
                QVERIFY(!id.isEmpty());
                model.insert(id, content);
                continue;
            }
            auto victim = model.begin();
            std::advance(victim, random.bounded(static_cast<int>(model.size())));
            Transaction transaction;
            if (dice < 8) {
                transaction.remove(victim.key());
                model.erase(victim);
            } else if (dice < 9) {
                transaction.recordAttempt(victim.key(),
                                          {0, RecipientState::Pending, "451", {}, {}});
            } else {
                const QByteArray id = spool->nextQueueId();
                transaction.addWithContentOf(entryOf(id, {}), victim.key());
                transaction.remove(victim.key());
                model.insert(id, victim.value());
                model.remove(victim.key());
            }
            QVERIFY(spool->commitAndWait(std::move(transaction), Durability::Lazy));
        }
        QTest::qWait(1200);  // Let the housekeeping work.
        for (auto at = model.constBegin(); at != model.constEnd(); ++at) {
            const auto entry = spool->load(at.key());
            QVERIFY2(entry, qPrintable(entry ? QString() : entry.error().toString()));
            QCOMPARE(entry->content.toByteArray(), at.value());
        }
    }
}

void TestSpool::readsLargeContentFromDisk()
{
    QTemporaryDir folder;
    const QByteArray content = messageOf(9, 5'000'000);
    QByteArray id;
    {
        const auto spool = openSpool(smallSettings(folder.path()));
        id = add(*spool, content);  // Larger than a segment: it gets one of its own.
        QVERIFY(!id.isEmpty());
        const auto entry = spool->load(id);
        QVERIFY(entry);
        QVERIFY(remove(*spool, id));
        // The mapping outlives the entry and its file.
        QTRY_VERIFY_WITH_TIMEOUT(spool->statistics().diskBytes < content.size(), 10'000);
        QVERIFY(entry->content.view() == content);
    }
}

void TestSpool::readOnlySpoolShowsButDoesNotChange()
{
    QTemporaryDir folder;
    const auto writer = openSpool(smallSettings(folder.path()));
    const QByteArray id = add(*writer, messageOf(1));
    SpoolSettings settings = smallSettings(folder.path());
    settings.isReadOnly = true;
    const auto reader = openSpool(settings);
    QCOMPARE(reader->load(id)->content.toByteArray(), messageOf(1));
    QCOMPARE(remove(*reader, id).error().id, "spool.read-only");
    QVERIFY(!reader->hasRoomFor(1));
    QVERIFY(writer->summary(id));
}

void TestSpool::F9_filterAttemptsSurviveRestart()
{
    QTemporaryDir folder;
    QByteArray id;
    {
        const auto spool = openSpool(smallSettings(folder.path()));
        id = add(*spool, messageOf(1));
        Transaction transaction;
        transaction.beginFilterAttempt(id);
        QVERIFY(spool->commitAndWait(std::move(transaction), Durability::Lazy));
    }
    const auto spool = openSpool(smallSettings(folder.path()));
    QCOMPARE(spool->loadMetadata(id)->filterAttempts, 1U);
}

void TestSpool::refusesWhatCanNeverBeStored()
{
    QTemporaryDir folder;
    SpoolSettings settings = smallSettings(folder.path());
    settings.maxTransactionBytes = 10'000;
    const auto spool = openSpool(settings);
    Transaction tooLarge;
    tooLarge.add(entryOf(spool->nextQueueId(), messageOf(1, 20'000)));
    QCOMPARE(spool->commitAndWait(std::move(tooLarge)).error().id, "spool.too-large");
    Entry nobody = entryOf(spool->nextQueueId(), messageOf(1));
    nobody.envelope.recipients.clear();
    Transaction withoutRecipient;
    withoutRecipient.add(nobody);
    QCOMPARE(spool->commitAndWait(std::move(withoutRecipient)).error().id, "spool.invalid");
    Transaction badId;
    badId.add(entryOf("../../etc/passwd", messageOf(1)));
    QCOMPARE(spool->commitAndWait(std::move(badId)).error().id, "spool.invalid");
    const QByteArray id = add(*spool, messageOf(1));
    Transaction twice;
    twice.add(entryOf(id, messageOf(2)));
    QCOMPARE(spool->commitAndWait(std::move(twice)).error().id, "spool.invalid");
}

QTEST_GUILESS_MAIN(TestSpool)
#include "tst_spool.moc"
