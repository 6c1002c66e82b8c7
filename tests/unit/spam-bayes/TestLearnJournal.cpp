// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/LearnJournal.h"
#include "appliance/spam/learning/LearnRequest.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <sys/wait.h>
#include <unistd.h>

namespace portcullis {

using namespace spam;

class TestLearnJournal final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void recordsArriveInOrder();
    void manyProcessesAppendAtOnce();
    void recordsWaitWhileTheyCannotBeApplied();
    void aFullJournalLosesWhatIsNew();
    void recordsBehindRubbishAreFound();
    void requestsAreReadAsWritten();
    void brokenRequestsAreRefused();
};

namespace {

struct Collector {
    std::vector<QByteArray> records;
    bool isDown = false;
    Status operator()(const std::vector<QByteArray> &batch)
    {
        if (isDown) {
            return Error::transient("test.down", QStringLiteral("down"));
        }
        records.insert(records.end(), batch.begin(), batch.end());
        return ok();
    }
};

}  // namespace

void TestLearnJournal::recordsArriveInOrder()
{
    QTemporaryDir folder;
    const LearnJournal journal(folder.path());
    JournalDrain drain(folder.path());
    Collector collector;
    QCOMPARE(*drain.drain(std::ref(collector)), false);
    for (int i = 0; i < 1000; ++i) {
        QVERIFY(journal.append(QByteArray::number(i)));
    }
    QCOMPARE(*drain.drain(std::ref(collector)), true);
    QCOMPARE(collector.records.size(), 1000U);
    QCOMPARE(collector.records[999], QByteArray("999"));
    QVERIFY(journal.append("later"));
    QCOMPARE(*drain.drain(std::ref(collector)), true);
    QCOMPARE(collector.records.back(), QByteArray("later"));
}

void TestLearnJournal::manyProcessesAppendAtOnce()
{
    QTemporaryDir folder;
    constexpr int writers = 4;
    constexpr int each = 200;
    std::vector<pid_t> children;
    for (int i = 0; i < writers; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            const LearnJournal journal(folder.path());
            int lost = 0;
            for (int n = 0; n < each; ++n) {
                // While the file is being taken away an append may be refused: it is tried again here.
                while (!journal.append(QByteArray(n * 10, char('a' + i)))) {
                    ++lost;
                    usleep(100);
                }
            }
            _exit(lost >= 0 ? 0 : 1);
        }
        children.push_back(child);
    }
    JournalDrain drain(folder.path());
    Collector collector;
    for (size_t ended = 0; ended < children.size();) {
        QVERIFY(drain.drain(std::ref(collector)));
        int status = 0;
        if (waitpid(-1, &status, WNOHANG) > 0) {
            ++ended;
            QCOMPARE(status, 0);
        }
    }
    for (int i = 0; i < 3; ++i) {
        QVERIFY(drain.drain(std::ref(collector)));
    }
    QCOMPARE(collector.records.size(), size_t(writers * each));
}

void TestLearnJournal::recordsWaitWhileTheyCannotBeApplied()
{
    QTemporaryDir folder;
    JournalLimits limits;
    limits.batchRecords = 2;
    const LearnJournal journal(folder.path());
    JournalDrain drain(folder.path(), limits);
    Collector collector;
    for (const char *text : {"one", "two", "three"}) {
        QVERIFY(journal.append(text));
    }
    collector.isDown = true;
    QVERIFY(!drain.drain(std::ref(collector)));
    QVERIFY(journal.append("four"));
    QVERIFY(!drain.drain(std::ref(collector)));
    collector.isDown = false;
    QVERIFY(drain.drain(std::ref(collector)));
    QVERIFY(drain.drain(std::ref(collector)));
    QCOMPARE(collector.records, (std::vector<QByteArray>{"one", "two", "three", "four"}));
}

void TestLearnJournal::aFullJournalLosesWhatIsNew()
{
    QTemporaryDir folder;
    JournalLimits limits;
    limits.fileBytes = 1000;
    const LearnJournal journal(folder.path(), limits);
    QVERIFY(journal.append(QByteArray(900, 'x')));
    const Status refused = journal.append(QByteArray(900, 'y'));
    QVERIFY(!refused);
    QCOMPARE(refused.error().id, QByteArray("learn.journal-full"));
}

void TestLearnJournal::recordsBehindRubbishAreFound()
{
    const QByteArray whole = journalFrame("first");
    QByteArray bytes = "rubbish" + whole.first(whole.size() - 2) + journalFrame("second") + "PLJ1";
    qint64 position = 0;
    QCOMPARE(nextJournalRecord(bytes, position, 1000).toByteArray(), QByteArray("second"));
    QVERIFY(nextJournalRecord(bytes, position, 1000).isNull());
    QCOMPARE(position, bytes.size());
}

void TestLearnJournal::requestsAreReadAsWritten()
{
    const std::vector<LearnRequest> requests{
        LearnTokens{LearnAs::Spam, true, {"one@sa_generated", "two"}, 12345, {1, 2, 0xffffffffff}},
        LearnMessage{LearnAs::Forget, "Subject: x\r\n\r\ny"}, TouchTokens{99, {7}},
        AddReputation{"anna@example.com|ip=192.0", -2.5, 1000}};
    for (const LearnRequest &request : requests) {
        const auto read = decodeLearnRequest(encodeLearnRequest(request));
        QVERIFY(read);
        QVERIFY(*read == request);
    }
}

void TestLearnJournal::brokenRequestsAreRefused()
{
    const QByteArray bytes = encodeLearnRequest(
        LearnTokens{LearnAs::Ham, false, {"id"}, 1, {1, 2, 3}});
    for (qsizetype length = 0; length < bytes.size(); ++length) {
        QVERIFY(!decodeLearnRequest(QByteArrayView(bytes).first(length)));
    }
    QVERIFY(!decodeLearnRequest(bytes + "x"));
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestLearnJournal)
#include "TestLearnJournal.moc"
