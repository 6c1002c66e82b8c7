// SPDX-License-Identifier: GPL-2.0-or-later
#include "SpoolTools.h"

#include <QtCore/QDir>
#include <QtCore/QEventLoop>
#include <QtCore/QFile>
#include <QtCore/QRandomGenerator>
#include <QtCore/QThread>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

using namespace portcullis;
using namespace portcullis::spool;
using namespace portcullis::spool::test;

namespace {

/// A small file system in memory, if we may mount one.
class SmallDisk
{
public:
    explicit SmallDisk(const QByteArray &options)
    {
        m_isMounted = ::mount("tmpfs", qPrintable(m_folder.path()), "tmpfs", 0, options.constData())
                      == 0;
    }
    ~SmallDisk()
    {
        if (m_isMounted) {
            ::umount2(qPrintable(m_folder.path()), MNT_DETACH);
        }
    }
    Q_DISABLE_COPY_MOVE(SmallDisk)
    [[nodiscard]] bool isMounted() const { return m_isMounted; }
    [[nodiscard]] QString path(const char *name) const
    {
        return m_folder.filePath(QString::fromLatin1(name));
    }

private:
    QTemporaryDir m_folder;
    bool m_isMounted = false;
};

QStringList segmentsIn(const QString &folder)
{
    return QDir(folder).entryList({QStringLiteral("*.seg")}, QDir::Files, QDir::Name);
}

/// Sum of the bytes of all files below corrupt/ but the report.
qint64 bytesSetAside(const QString &folder)
{
    qint64 bytes = 0;
    const auto files = QDir(folder + QStringLiteral("/corrupt")).entryInfoList(QDir::Files);
    for (const QFileInfo &file : files) {
        bytes += file.fileName() == QStringLiteral("report.jsonl") ? 0 : file.size();
    }
    return bytes;
}

QList<QByteArray> fill(const QString &folder, int count, qsizetype size)
{
    QList<QByteArray> ids;
    const auto spool = openSpool(smallSettings(folder));
    for (int i = 0; i < count; ++i) {
        ids.push_back(add(*spool, messageOf(i, size)));
    }
    return ids;
}

void patch(const QString &path, qint64 offset, const QByteArray &bytes)
{
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadWrite));
    QVERIFY(file.seek(offset));
    QCOMPARE(file.write(bytes), bytes.size());
}

}  // namespace

class TestSpoolFaults final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void F3_fullDiskIsReportedAndRecovered();
    void F3_roomIsToldBeforeData();
    void F5_withoutInodesNothingIsLost();
    void F14_backlogDoesNotDelayAccepting();
    void F15_damageIsSetAsideAndTheRestFlows_data();
    void F15_damageIsSetAsideAndTheRestFlows();
    void F15_randomBitFlipsNeverGiveWrongBytes();
    void F15_rotOfContentIsNoticedWhenItIsRead();
    void F15_foreignFilesAreMovedAway();
    void F15_lostIdentityIsAdoptedFromTheSegments();
    void forgedFrameInsideAMessageIsNotBelieved();
    void concurrentCommittersShareFlushes();
    void callersFromManyThreadsGetTheirAnswers();
};

void TestSpoolFaults::F3_fullDiskIsReportedAndRecovered()
{
    const SmallDisk disk("size=4m");
    if (!disk.isMounted()) {
        QSKIP("mounting a tmpfs needs root");
    }
    SpoolSettings settings = smallSettings(disk.path("queue"));
    QList<QByteArray> ids;
    {
        const auto spool = openSpool(settings);
        for (int i = 0; i < 1000; ++i) {
            const QByteArray id = spool->nextQueueId();
            Transaction transaction;
            transaction.add(entryOf(id, messageOf(i, 20'000)));
            const Status status = spool->commitAndWait(std::move(transaction));
            if (!status) {
                QCOMPARE(status.error().id, "spool.full");
                QVERIFY(status.error().isTransient());
                break;
            }
            ids.push_back(id);
        }
        QVERIFY(ids.size() > 100 && ids.size() < 250);
        QTRY_VERIFY(!spool->hasRoomFor(1'000'000));
        // Delivery goes on: retries and removals are written on the full disk.
        for (const QByteArray &id : ids) {
            Transaction attempt;
            attempt.recordAttempt(id, {0, RecipientState::Pending, "451 later", {}, {}});
            const Status status = spool->commitAndWait(std::move(attempt));
            QVERIFY2(status, status ? "" : qPrintable(status.error().toString()));
        }
        for (qsizetype i = 0; i < ids.size() / 2; ++i) {
            QVERIFY(remove(*spool, ids[i]));
        }
        ids.remove(0, ids.size() / 2);
        // And mail is accepted again, alone.
        QTRY_VERIFY_WITH_TIMEOUT(spool->hasRoomFor(20'000), 20'000);
        QTRY_VERIFY_WITH_TIMEOUT(!add(*spool, messageOf(1, 20'000)).isEmpty(), 20'000);
    }
    const auto spool = openSpool(settings);
    for (const QByteArray &id : ids) {
        QVERIFY(spool->load(id));
    }
    QVERIFY(spool->damages().empty());
}

void TestSpoolFaults::F3_roomIsToldBeforeData()
{
    const SmallDisk disk("size=8m");
    if (!disk.isMounted()) {
        QSKIP("mounting a tmpfs needs root");
    }
    SpoolSettings settings = smallSettings(disk.path("queue"));
    settings.minFreeBytes = 1024 * 1024;
    const auto spool = openSpool(settings);
    QVERIFY(spool->hasRoomFor(2 * 1024 * 1024));
    QVERIFY(!spool->hasRoomFor(5 * 1024 * 1024));  // 1.5 times as much is needed.
}

void TestSpoolFaults::F5_withoutInodesNothingIsLost()
{
    const SmallDisk disk("size=64m,nr_inodes=12");
    if (!disk.isMounted()) {
        QSKIP("mounting a tmpfs needs root");
    }
    SpoolSettings settings = smallSettings(disk.path("queue"));
    QList<QByteArray> ids;
    const auto spool = openSpool(settings);
    Status status = ok();
    for (int i = 0; i < 1000 && status; ++i) {
        const QByteArray id = spool->nextQueueId();
        Transaction transaction;
        transaction.add(entryOf(id, messageOf(i, 60'000)));
        status = spool->commitAndWait(std::move(transaction));
        if (status) {
            ids.push_back(id);
        }
    }
    QVERIFY(!status);
    QCOMPARE(status.error().id, "spool.full");
    QTRY_VERIFY(!spool->hasRoomFor(1'000'000));
    for (const QByteArray &id : ids) {
        QVERIFY(spool->load(id));
        QVERIFY(remove(*spool, id));
    }
    QTRY_VERIFY_WITH_TIMEOUT(!add(*spool, messageOf(1, 60'000)).isEmpty(), 20'000);
}

void TestSpoolFaults::F14_backlogDoesNotDelayAccepting()
{
    QTemporaryDir folder;
    SpoolSettings settings = smallSettings(folder.path());
    settings.segmentBytes = 16 * 1024 * 1024;
    const int backlog = qEnvironmentVariableIsSet("PORTCULLIS_BACKLOG")
                            ? qEnvironmentVariableIntValue("PORTCULLIS_BACKLOG")
                            : 20'000;
    {
        const auto spool = openSpool(settings);
        for (int i = 0; i < backlog;) {
            Transaction transaction;
            for (int step = 0; step < 1000 && i < backlog; ++step, ++i) {
                transaction.add(entryOf(spool->nextQueueId(), messageOf(i, 300)));
            }
            QVERIFY(spool->commitAndWait(std::move(transaction), Durability::Lazy));
        }
    }
    // New mail is accepted while the old entries are being read, or just after.
    auto spool = Spool::open(settings, SystemClock::instance());
    QVERIFY(spool);
    const QByteArray id = add(**spool, messageOf(1));
    QVERIFY(!id.isEmpty());
    QVERIFY((*spool)->load(id));
    (*spool)->waitForRecovery();
    QCOMPARE(entryCount(**spool), backlog + 1);
    int listed = 0;
    Cursor cursor;
    for (bool isLast = false; !isLast;) {
        const Page page = (*spool)->list(Stage::Deliverable, cursor, 5000);
        listed += static_cast<int>(page.entries.size());
        cursor = page.next;
        isLast = page.isLast;
    }
    QCOMPARE(listed, backlog + 1);
}

void TestSpoolFaults::F15_damageIsSetAsideAndTheRestFlows_data()
{
    QTest::addColumn<qint64>("offset");  ///< From the start of the third frame of the log.
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("F15 header of a record") << qint64(12) << QByteArray("\x55");
    QTest::newRow("F15 magic of a record") << qint64(0) << QByteArray("JUNK");
    QTest::newRow("F15 metadata of a record") << qint64(100) << QByteArray("\xAA\xAA");
    QTest::newRow("F15 a page of zeros over a record") << qint64(-8) << QByteArray(2048, '\0');
    QTest::newRow("F15 a page of noise over a record") << qint64(0) << QByteArray(2048, 'x');
}

void TestSpoolFaults::F15_damageIsSetAsideAndTheRestFlows()
{
    QFETCH(qint64, offset);
    QFETCH(QByteArray, bytes);
    QTemporaryDir folder;
    const QList<QByteArray> ids = fill(folder.path(), 20, 3000);
    const QString segment = folder.filePath(segmentsIn(folder.path()).constFirst());
    QFile file(segment);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray log = file.readAll();
    file.close();
    qint64 third = log.indexOf("PMGf");
    third = log.indexOf("PMGf", third + 4);
    third = log.indexOf("PMGf", third + 4);
    patch(segment, third + offset, bytes);

    const auto spool = openSpool(smallSettings(folder.path()));
    int found = 0;
    for (int i = 0; i < ids.size(); ++i) {
        const auto entry = spool->load(ids[i]);
        if (entry) {
            QCOMPARE(entry->content.toByteArray(), messageOf(i, 3000));
            ++found;
        }
    }
    QVERIFY2(found >= 18, QByteArray::number(found).constData());  // Two records at most were hit.
    QVERIFY(!spool->damages().empty());
    QVERIFY(bytesSetAside(folder.path()) > 0);
    QVERIFY(QFile::exists(folder.filePath(QStringLiteral("corrupt/report.jsonl"))));
    QVERIFY(!add(*spool, messageOf(1)).isEmpty());
}

void TestSpoolFaults::F15_randomBitFlipsNeverGiveWrongBytes()
{
    QRandomGenerator random(20261121);
    for (int round = 0; round < 60; ++round) {
        QTemporaryDir folder;
        const QList<QByteArray> ids = fill(folder.path(), 8, 2500);
        const QString segment = folder.filePath(segmentsIn(folder.path()).constFirst());
        const qint64 size = QFileInfo(segment).size();
        const qint64 place = random.bounded(64, static_cast<int>(size));
        QFile file(segment);
        QVERIFY(file.open(QIODevice::ReadWrite));
        QVERIFY(file.seek(place));
        const QByteArray before = file.read(1);
        file.close();
        patch(segment, place,
              QByteArray(1, static_cast<char>(before[0] ^ (1 << random.bounded(8)))));

        const auto spool = openSpool(smallSettings(folder.path()));
        int missing = 0;
        for (int i = 0; i < ids.size(); ++i) {
            const auto entry = spool->load(ids[i]);
            if (!entry) {
                ++missing;
                continue;
            }
            QVERIFY2(entry->content.toByteArray() == messageOf(i, 2500), "wrong bytes were given");
        }
        QVERIFY(missing <= 1);
        // Nothing vanishes in silence.
        QVERIFY2(missing == 0 || !spool->damages().empty(), QByteArray::number(place).constData());
        QVERIFY(missing == 0 || bytesSetAside(folder.path()) > 0);
    }
}

void TestSpoolFaults::F15_rotOfContentIsNoticedWhenItIsRead()
{
    QTemporaryDir folder;
    SpoolSettings settings = smallSettings(folder.path());
    settings.cacheBytes = 0;
    const auto spool = openSpool(settings);
    const QByteArray bad = add(*spool, messageOf(1, 3000));
    const QByteArray good = add(*spool, messageOf(2, 3000));
    const QString segment = folder.filePath(segmentsIn(folder.path()).constFirst());
    patch(segment, 1500, "ROT");
    const auto entry = spool->load(bad);
    QVERIFY(!entry);
    QCOMPARE(entry.error().id, "spool.damaged");
    QVERIFY(spool->load(good));
    // It is not tried for ever, and it is not forgotten.
    QTRY_COMPARE(spool->summary(bad)->stage, Stage::Held);
    QCOMPARE(spool->damages().size(), size_t(1));
    QCOMPARE(spool->damages()[0].queueId, bad);
    QVERIFY(bytesSetAside(folder.path()) >= 3000);
    QVERIFY(remove(*spool, bad));
}

void TestSpoolFaults::F15_foreignFilesAreMovedAway()
{
    QTemporaryDir folder;
    QTemporaryDir other;
    const QList<QByteArray> ids = fill(folder.path(), 5, 1000);
    const QList<QByteArray> foreign = fill(other.path(), 5, 1000);
    QVERIFY(QFile::copy(other.filePath(segmentsIn(other.path()).constFirst()),
                        folder.filePath(QStringLiteral("0000000777.seg"))));
    QFile note(folder.filePath(QStringLiteral("notes.txt")));
    QVERIFY(note.open(QIODevice::WriteOnly));
    note.write("somebody was here");
    note.close();
    QVERIFY(QFile::link(QStringLiteral("/etc/passwd"),
                        folder.filePath(QStringLiteral("0000000888.seg"))));
    const bool isRoot = ::geteuid() == 0;
    if (isRoot) {
        QFile planted(folder.filePath(QStringLiteral("0000000999.seg")));
        QVERIFY(planted.open(QIODevice::WriteOnly));
        QVERIFY(::chown(qPrintable(planted.fileName()), 65534, 65534) == 0);
    }
    const auto spool = openSpool(smallSettings(folder.path()));
    QCOMPARE(entryCount(*spool), ids.size());
    QVERIFY(!spool->load(foreign[0]) || ids.contains(foreign[0]));
    QCOMPARE(spool->damages().size(), size_t(isRoot ? 4 : 3));
    QVERIFY(!QFile::exists(folder.filePath(QStringLiteral("notes.txt"))));
    QVERIFY(!QFile::exists(folder.filePath(QStringLiteral("0000000777.seg"))));
    QVERIFY(QFile::exists(QStringLiteral("/etc/passwd")));
}

void TestSpoolFaults::F15_lostIdentityIsAdoptedFromTheSegments()
{
    QTemporaryDir folder;
    const QList<QByteArray> ids = fill(folder.path(), 5, 1000);
    QVERIFY(QFile::remove(folder.filePath(QStringLiteral("identity"))));
    const auto spool = openSpool(smallSettings(folder.path()));
    QCOMPARE(entryCount(*spool), ids.size());
    QVERIFY(!ids.contains(spool->nextQueueId()));
}

void TestSpoolFaults::forgedFrameInsideAMessageIsNotBelieved()
{
    // The attacker knows the format, sends a message that holds frames, and hopes for a bad sector.
    QTemporaryDir attackers;
    fill(attackers.path(), 3, 1000);
    QFile segment(attackers.filePath(segmentsIn(attackers.path()).constFirst()));
    QVERIFY(segment.open(QIODevice::ReadOnly));
    const QByteArray frames = segment.readAll();

    QTemporaryDir folder;
    QByteArray carrier;
    {
        const auto spool = openSpool(smallSettings(folder.path()));
        carrier = add(*spool, frames);
        add(*spool, messageOf(1));
    }
    patch(folder.filePath(segmentsIn(folder.path()).constFirst()), 64, "DAMAGE!!");
    const auto spool = openSpool(smallSettings(folder.path()));
    QCOMPARE(entryCount(*spool), 1);
    QVERIFY(!spool->load(carrier));
    QCOMPARE(spool->damages().size(), size_t(1));
    QVERIFY(spool->damages()[0].length > frames.size());
}

void TestSpoolFaults::concurrentCommittersShareFlushes()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    constexpr int threadCount = 16;
    constexpr int each = 20;
    for (int t = 0; t < threadCount; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < each; ++i) {
                const QByteArray id = add(*spool, messageOf(i, 1000));
                const auto entry = spool->load(id);
                failures += entry && entry->content.toByteArray() == messageOf(i, 1000) ? 0 : 1;
                if (i % 2 == 0) {
                    failures += remove(*spool, id) ? 0 : 1;
                }
                failures += spool->list(Stage::Deliverable, {}, 10).entries.empty() ? 0 : 0;
                failures += spool->hasRoomFor(1000) ? 0 : 1;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    QCOMPARE(failures.load(), 0);
    QCOMPARE(entryCount(*spool), threadCount * each / 2);
    const SpoolStatistics counts = spool->statistics();
    QVERIFY2(counts.flushes < counts.transactions, "no two transactions shared a flush");
}

void TestSpoolFaults::callersFromManyThreadsGetTheirAnswers()
{
    QTemporaryDir folder;
    const auto spool = openSpool(smallSettings(folder.path()));
    std::atomic<int> answers{0};
    std::atomic<int> changes{0};
    std::vector<std::unique_ptr<QThread>> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back(QThread::create([&] {
            QEventLoop loop;
            QObject context;
            int left = 50;
            spool->subscribe(StageFlag::Deliverable, &context, [&changes](const ChangeSet &set) {
                changes += static_cast<int>(set.changes.size());
            });
            for (int i = 0; i < 50; ++i) {
                Transaction transaction;
                transaction.add(entryOf(spool->nextQueueId(), messageOf(i, 500)));
                spool->commit(std::move(transaction), Durability::Flushed, &context,
                              [&](const Status &status) {
                                  answers += status ? 1 : 0;
                                  if (--left == 0) {
                                      loop.quit();
                                  }
                              });
            }
            loop.exec();
        }));
        threads.back()->start();
    }
    for (const auto &thread : threads) {
        QVERIFY(thread->wait(30'000));
    }
    QCOMPARE(answers.load(), 200);
    QVERIFY(changes.load() > 0);
}

QTEST_GUILESS_MAIN(TestSpoolFaults)
#include "tst_spool_faults.moc"
