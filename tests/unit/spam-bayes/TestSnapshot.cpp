// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/SnapshotTable.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

namespace portcullis {

using namespace spam;

class TestSnapshot final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void whatIsSavedIsFound();
    void timeIsNoPartOfATokensKey();
    void emptyCountsAreNotSaved();
    void aNewFileTakesThePlaceOfTheOld();
    void aBrokenFileLeavesTheOneBefore();
    void brokenBytesAreRefused_data();
    void brokenBytesAreRefused();
};

namespace {

quint64 keyOf(quint64 number)
{
    return (number * 2654435761ULL % 1099511627776ULL + 1) << 24;
}

SnapshotTable filledTable(quint64 entries)
{
    SnapshotTable table(SnapshotKind::Bayes);
    for (quint64 i = 0; i < entries; ++i) {
        table.at(keyOf(i)) = {keyOf(i), quint32(i + 1), 7};
    }
    table.totals = {300, 400, 0, 0};
    return table;
}

}  // namespace

void TestSnapshot::whatIsSavedIsFound()
{
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("bayes.snapshot"));
    QVERIFY(filledTable(50'000).save(path));
    SnapshotReader reader(path, SnapshotKind::Bayes);
    const SnapshotView *view = reader.current();
    QVERIFY(view != nullptr);
    QCOMPARE(view->entries(), 50'000U);
    QCOMPARE(view->totals()[0], 300);
    QCOMPARE(view->totals()[1], 400);
    for (quint64 i = 0; i < 50'000; ++i) {
        const SnapshotSlot *slot = view->find(keyOf(i));
        QVERIFY(slot != nullptr);
        QCOMPARE(slot->first, quint32(i + 1));
    }
    QVERIFY(view->find(keyOf(60'000)) == nullptr);
}

void TestSnapshot::timeIsNoPartOfATokensKey()
{
    SnapshotTable table(SnapshotKind::Bayes);
    table.at(keyOf(5) | 1000) = {keyOf(5) | 1000, 3, 0};
    QCOMPARE(table.at(keyOf(5) | 2000).first, 3U);
    QCOMPARE(table.size(), 1);
}

void TestSnapshot::emptyCountsAreNotSaved()
{
    SnapshotTable table = filledTable(10);
    table.at(keyOf(3)).first = 0;
    table.at(keyOf(3)).second = 0;
    const QByteArray bytes = table.toBytes();
    const auto view = SnapshotView::of(bytes, SnapshotKind::Bayes);
    QVERIFY(view);
    QCOMPARE(view->entries(), 9U);
    QVERIFY(view->find(keyOf(3)) == nullptr);
    QVERIFY(view->find(keyOf(4)) != nullptr);
}

void TestSnapshot::aNewFileTakesThePlaceOfTheOld()
{
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("s"));
    SnapshotReader reader(path, SnapshotKind::Bayes);
    QVERIFY(reader.current() == nullptr);
    QVERIFY(filledTable(10).save(path));
    QCOMPARE(reader.current()->entries(), 10U);
    QVERIFY(filledTable(20).save(path));
    QCOMPARE(reader.current()->entries(), 20U);
    QVERIFY(QFile::remove(path));
    QCOMPARE(reader.current()->entries(), 20U);
}

void TestSnapshot::aBrokenFileLeavesTheOneBefore()
{
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("s"));
    QVERIFY(filledTable(10).save(path));
    SnapshotReader reader(path, SnapshotKind::Bayes);
    QCOMPARE(reader.current()->entries(), 10U);
    QVERIFY(QFile::remove(path));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("nothing of the kind");
    file.close();
    QCOMPARE(reader.current()->entries(), 10U);
}

void TestSnapshot::brokenBytesAreRefused_data()
{
    QTest::addColumn<int>("position");
    QTest::addColumn<int>("cut");
    QTest::newRow("another magic") << 0 << 0;
    QTest::newRow("another version") << 8 << 0;
    QTest::newRow("another number of slots") << 16 << 0;
    QTest::newRow("another probe length") << 32 << 0;
    QTest::newRow("another total") << 40 << 0;
    QTest::newRow("cut short") << -1 << 16;
    QTest::newRow("head only") << -1 << 1024;
    QTest::newRow("nothing") << -1 << 1'000'000;
}

void TestSnapshot::brokenBytesAreRefused()
{
    QFETCH(int, position);
    QFETCH(int, cut);
    QByteArray bytes = filledTable(10).toBytes();
    QVERIFY(SnapshotView::of(bytes, SnapshotKind::Bayes));
    QVERIFY(!SnapshotView::of(bytes, SnapshotKind::Reputation));
    if (position >= 0) {
        bytes[position] = char(bytes[position] ^ 0x10);
    }
    bytes.chop(cut);
    QVERIFY(!SnapshotView::of(bytes, SnapshotKind::Bayes));
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestSnapshot)
#include "TestSnapshot.moc"
