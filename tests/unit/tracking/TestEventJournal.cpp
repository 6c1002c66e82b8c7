// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Log.h"
#include "appliance/tracking/EventJournal.h"
#include "appliance/tracking/JournalReader.h"

#include <QtCore/QDeadlineTimer>
#include <QtCore/QDir>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

#include <sys/resource.h>

#include <csignal>
#include <functional>
#include <set>
#include <thread>

namespace portcullis::tracking {

namespace {

TrackingEvent delivered(int number)
{
    TrackingEvent event;
    event.at = Clock::WallTime(std::chrono::microseconds(1'700'000'000'000'000 + number));
    event.kind = EventKind::Delivered;
    event.queueId = "Q" + QByteArray::number(number);
    event.recipients = {"anna@example.org"};
    event.nextHop = "mx.example.org[192.0.2.7]:25";
    event.reply = "250 2.0.0 Ok";
    return event;
}

TrackingEvent everything()
{
    TrackingEvent event = delivered(7);
    event.kind = EventKind::Filtered;
    event.direction = mail::Direction::Out;
    event.client = "192.0.2.1";
    event.sender = QByteArray("b\xff\x00d@example.net", 16);
    event.recipients = {"a@example.org", "\xc3\xa4@example.org", ""};
    event.size = 1LL << 40;
    event.tls = "TLSv1.3";
    event.rule = QStringLiteral("Bl\u00f6cke");
    event.reason = QStringLiteral("because");
    event.spamLevel = -3;
    event.virus = QStringLiteral("Eicar");
    event.duration = std::chrono::milliseconds(12345);
    event.detail = {{QStringLiteral("hits"), QStringLiteral("GTUBE")}};
    return event;
}

QStringList filesIn(const QString &folder, const QString &pattern)
{
    return QDir(folder).entryList({pattern}, QDir::Files, QDir::Name);
}

/// Reads and finishes everything that is there now.
std::vector<TrackingEvent> readAll(const QString &folder, const EventJournal *live = nullptr)
{
    JournalReader reader(folder, live);
    std::vector<TrackingEvent> events;
    JournalMark mark;
    while (true) {
        auto batch = reader.read(mark, 100);
        if (!batch || (batch->events.empty() && !batch->isSegmentComplete)) {
            return events;
        }
        std::move(batch->events.begin(), batch->events.end(), std::back_inserter(events));
        mark = batch->mark;
        if (batch->isSegmentComplete && !reader.finish(mark)) {
            return events;
        }
    }
}

void writeEvents(const QString &folder, int count, JournalLimits limits = {})
{
    auto journal = EventJournal::open(folder, limits);
    QVERIFY(journal.has_value());
    for (int i = 0; i < count; ++i) {
        (*journal)->append(delivered(i));
        if (i % 50 == 49) {
            (*journal)->flush();
        }
    }
}

/// Changes the bytes of the only segment.
void damage(const QString &folder, const std::function<void(QByteArray &)> &change)
{
    QFile file(folder + QLatin1Char('/') + filesIn(folder, QStringLiteral("*.events")).first());
    QVERIFY(file.open(QIODevice::ReadWrite));
    QByteArray bytes = file.readAll();
    change(bytes);
    QVERIFY(file.resize(0) && file.seek(0) && file.write(bytes) == bytes.size());
}

}  // namespace

class TestEventJournal final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void returnsEveryFieldAsItWas();
    void shortensWhatIsTooLongInsteadOfLosingIt();
    void deliversEventsOfManyThreadsOnce();
    void isReadWhileItIsWritten();
    void continuesAfterTheMark();
    void refusesASecondWriter();
    void inventsAnIdForARefusalBeforeAnyMessage();
    void takesATornEndForNoDamage_data();
    void takesATornEndForNoDamage();
    void deliversSoundRecordsAroundDamageAndSetsTheSegmentAside_data();
    void deliversSoundRecordsAroundDamageAndSetsTheSegmentAside();
    void dropsTheOldestSegmentsBeyondItsTotal();
    void dropsTheOldestEventsWhileTheDiskIsFull();
};

void TestEventJournal::initTestCase()
{
    log::setTarget({"test", "/dev/null", false, log::Severity::Info});
}

void TestEventJournal::returnsEveryFieldAsItWas()
{
    QTemporaryDir folder;
    {
        auto journal = EventJournal::open(folder.path());
        QVERIFY(journal.has_value());
        (*journal)->append(everything());
    }
    const auto events = readAll(folder.path());
    QCOMPARE(events.size(), size_t(1));
    QVERIFY(events.front() == everything());
    QVERIFY(filesIn(folder.path(), QStringLiteral("*.events*")).isEmpty());
}

void TestEventJournal::shortensWhatIsTooLongInsteadOfLosingIt()
{
    TrackingEvent event = delivered(1);
    event.detail = {{QStringLiteral("x"), QString(5 << 20, QLatin1Char('x'))}};
    event.reply = QByteArray(100'000, 'r');
    QByteArray record;
    encodeRecord(event, record);
    const auto decoded = decodePayload(QByteArrayView(record).sliced(recordHeadBytes));
    QVERIFY(decoded.has_value());
    QCOMPARE(decoded->queueId, event.queueId);
    QCOMPARE(decoded->reply.size(), qsizetype(4096));
    QVERIFY(decoded->detail.contains(QStringLiteral("shortened")));
}

void TestEventJournal::deliversEventsOfManyThreadsOnce()
{
    constexpr int threads = 4;
    constexpr int perThread = 2000;
    QTemporaryDir folder;
    {
        auto journal = EventJournal::open(folder.path(), {.segmentBytes = 64 * 1024});
        QVERIFY(journal.has_value());
        std::vector<std::thread> writers;
        for (int t = 0; t < threads; ++t) {
            writers.emplace_back([&journal, t] {
                for (int i = 0; i < perThread; ++i) {
                    (*journal)->append(delivered(t * perThread + i));
                }
            });
        }
        for (std::thread &writer : writers) {
            writer.join();
        }
        QCOMPARE((*journal)->droppedEvents(), quint64(0));
    }
    std::set<QByteArray> ids;
    for (const TrackingEvent &event : readAll(folder.path())) {
        ids.insert(event.queueId);
    }
    QCOMPARE(ids.size(), size_t(threads * perThread));
}

void TestEventJournal::isReadWhileItIsWritten()
{
    constexpr int count = 5000;
    QTemporaryDir folder;
    auto journal = EventJournal::open(
        folder.path(), {.segmentBytes = 64 * 1024, .flushInterval = std::chrono::milliseconds(2)});
    QVERIFY(journal.has_value());
    std::thread writer([&journal] {
        for (int i = 0; i < count; ++i) {
            (*journal)->append(delivered(i));
        }
        (*journal)->flush();
    });
    JournalReader reader(folder.path(), journal->get());
    JournalMark mark;
    int next = 0;
    bool isInOrder = true;
    QDeadlineTimer deadline(std::chrono::seconds(60));
    while (next < count && !deadline.hasExpired()) {
        auto batch = reader.read(mark, 100);
        QVERIFY(batch.has_value());
        for (const TrackingEvent &event : batch->events) {
            isInOrder = isInOrder && event.queueId == "Q" + QByteArray::number(next);
            ++next;
        }
        mark = batch->mark;
        if (batch->isSegmentComplete) {
            QVERIFY(reader.finish(mark).has_value());
        }
    }
    writer.join();
    QCOMPARE(next, count);
    QVERIFY(isInOrder);
    QVERIFY(filesIn(folder.path(), QStringLiteral("*.damaged")).isEmpty());
}

void TestEventJournal::continuesAfterTheMark()
{
    QTemporaryDir folder;
    writeEvents(folder.path(), 10);
    JournalReader reader(folder.path());
    const auto first = reader.read({}, 4);
    QVERIFY(first.has_value());
    QCOMPARE(first->events.size(), size_t(4));
    JournalReader afterRestart(folder.path());
    JournalMark mark = first->mark;
    mark.offset = first->ends[1];  // Only two of them were stored.
    const auto second = afterRestart.read(mark, 100);
    QVERIFY(second.has_value());
    QCOMPARE(second->events.size(), size_t(8));
    QCOMPARE(second->events.front().queueId, QByteArray("Q2"));
}

void TestEventJournal::refusesASecondWriter()
{
    QTemporaryDir folder;
    auto first = EventJournal::open(folder.path());
    QVERIFY(first.has_value());
    const auto second = EventJournal::open(folder.path());
    QVERIFY(!second.has_value());
    QCOMPARE(second.error().id, QByteArray("tracking.journal-busy"));
}

void TestEventJournal::inventsAnIdForARefusalBeforeAnyMessage()
{
    QTemporaryDir folder;
    {
        auto journal = EventJournal::open(folder.path());
        QVERIFY(journal.has_value());
        (*journal)->append({});
        (*journal)->append({});
    }
    const auto events = readAll(folder.path());
    QCOMPARE(events.size(), size_t(2));
    QVERIFY(events[0].queueId.startsWith('T'));
    QVERIFY(events[0].queueId != events[1].queueId);
    QVERIFY(events[0].at != Clock::WallTime{});
}

void TestEventJournal::takesATornEndForNoDamage_data()
{
    QTest::addColumn<int>("cut");
    QTest::addColumn<int>("zeros");
    QTest::addColumn<int>("expected");
    QTest::newRow("F1 cut inside the last payload") << 5 << 0 << 9;
    QTest::newRow("F1 cut inside the last head") << -3 << 0 << 9;
    QTest::newRow("F1 size grown but bytes never written") << 0 << 4096 << 10;
}

void TestEventJournal::takesATornEndForNoDamage()
{
    QFETCH(int, cut);
    QFETCH(int, zeros);
    QFETCH(int, expected);
    QTemporaryDir folder;
    writeEvents(folder.path(), 10);
    QByteArray last;
    encodeRecord(delivered(9), last);
    damage(folder.path(), [&](QByteArray &bytes) {
        bytes.chop(cut >= 0 ? cut : last.size() + cut);
        bytes.append(zeros, '\0');
    });
    QCOMPARE(readAll(folder.path()).size(), size_t(expected));
    QVERIFY(filesIn(folder.path(), QStringLiteral("*")).filter(QStringLiteral("events")).isEmpty());
}

void TestEventJournal::deliversSoundRecordsAroundDamageAndSetsTheSegmentAside_data()
{
    QTest::addColumn<int>("offset");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("expected");
    QTest::newRow("F15 a bit of a payload flipped") << 30 << QByteArray("!") << 19;
    QTest::newRow("F15 a checksum overwritten") << 4 << QByteArray("xxxx") << 19;
    QTest::newRow("F15 a length beyond all bounds") << 0 << QByteArray("\xff\xff\xff\xff", 4) << 19;
    QTest::newRow("F15 a length that swallows the next")
        << 0 << QByteArray("\xf0\x00\x00\x00", 4) << 19;
    QTest::newRow("F15 a length of zero") << 0 << QByteArray(4, '\0') << 19;
}

void TestEventJournal::deliversSoundRecordsAroundDamageAndSetsTheSegmentAside()
{
    QFETCH(int, offset);
    QFETCH(QByteArray, bytes);
    QFETCH(int, expected);
    QTemporaryDir folder;
    writeEvents(folder.path(), 20);
    QByteArray before;
    for (int i = 0; i < 5; ++i) {
        encodeRecord(delivered(i), before);
    }
    damage(folder.path(),
           [&](QByteArray &all) { all.replace(16 + before.size() + offset, bytes.size(), bytes); });
    const auto events = readAll(folder.path());
    QVERIFY2(std::ssize(events) >= expected - 1, qPrintable(QString::number(events.size())));
    QCOMPARE(events.front().queueId, QByteArray("Q0"));
    QCOMPARE(events.back().queueId, QByteArray("Q19"));
    QCOMPARE(filesIn(folder.path(), QStringLiteral("*.damaged")).size(), qsizetype(1));
    QVERIFY(filesIn(folder.path(), QStringLiteral("*.events")).isEmpty());
}

void TestEventJournal::dropsTheOldestSegmentsBeyondItsTotal()
{
    QTemporaryDir folder;
    auto journal = EventJournal::open(folder.path(),
                                      {.segmentBytes = 4096, .totalBytes = 16 * 1024});
    QVERIFY(journal.has_value());
    constexpr int count = 1000;
    for (int i = 0; i < count; ++i) {
        (*journal)->append(delivered(i));
        if (i % 20 == 19) {
            (*journal)->flush();
        }
    }
    const quint64 dropped = (*journal)->droppedEvents();
    QVERIFY(dropped > 0);
    journal->reset();
    const auto events = readAll(folder.path());
    QCOMPARE(events.size() + dropped, size_t(count));
    QCOMPARE(events.back().queueId, QByteArray("Q999"));
}

void TestEventJournal::dropsTheOldestEventsWhileTheDiskIsFull()
{
    QTemporaryDir folder;
    auto journal = EventJournal::open(folder.path(), {.bufferBytes = 64 * 1024});
    QVERIFY(journal.has_value());
    // A limit on file size is as good as a full disk: write() fails (F4).
    rlimit old{};
    QCOMPARE(::getrlimit(RLIMIT_FSIZE, &old), 0);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{8, old.rlim_max};
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &none), 0);
    constexpr int count = 2000;
    for (int i = 0; i < count; ++i) {
        (*journal)->append(delivered(i));
    }
    (*journal)->flush();
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &old), 0);
    const quint64 dropped = (*journal)->droppedEvents();
    QVERIFY(dropped > 0);
    journal->reset();
    const auto events = readAll(folder.path());
    QCOMPARE(events.size() + dropped, size_t(count));
    QCOMPARE(events.back().queueId, QByteArray("Q1999"));
}

}  // namespace portcullis::tracking

QTEST_GUILESS_MAIN(portcullis::tracking::TestEventJournal)
#include "TestEventJournal.moc"
