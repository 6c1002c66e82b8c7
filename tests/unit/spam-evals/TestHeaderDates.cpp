// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderDates.h"

#include <QtTest/QtTest>

using portcullis::spam::dateInReceived;
using portcullis::spam::HeaderDates;
using portcullis::spam::readHeaderDates;
using portcullis::spam::readMailDate;

class TestHeaderDates final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readsDates_data();
    void readsDates();
    void findsDatesInReceived();
    void choosesTheNearestReceived();
    void leavesFetchmailOut();
};

void TestHeaderDates::readsDates_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<qint64>("seconds");
    constexpr qint64 noon = 1'047'556'800;  // 13 March 2003, 12:00 UTC
    QTest::newRow("RFC 5322") << QByteArray("Thu, 13 Mar 2003 12:00:00 +0000") << noon;
    QTest::newRow("zone") << QByteArray("Thu, 13 Mar 2003 07:00:00 -0500 (EST)") << noon;
    QTest::newRow("named zone") << QByteArray("13 Mar 2003 13:00 CET") << noon;
    QTest::newRow("unknown zone") << QByteArray("13 Mar 2003 12:00:00 XYZ") << noon;
    QTest::newRow("short year") << QByteArray("13 mar 03 12:00:00 GMT") << noon;
    QTest::newRow("ctime loses its time")
        << QByteArray("Thu Mar 13 12:00:00 2003") << noon - 43'200;
    QTest::newRow("no time") << QByteArray("13 Mar 2003 ") << noon - 43'200;
    QTest::newRow("too late in the day")
        << QByteArray("13 Mar 2003 29:75:99 +0000") << noon + 43'199;
    QTest::newRow("day beyond the month")
        << QByteArray("31 Feb 2003 12:00:00 +0000") << noon - 12 * 86'400;
    QTest::newRow("before 1970") << QByteArray("1 Jan 1950 00:00:00 +0000") << qint64(0);
    QTest::newRow("day 0") << QByteArray("0 Jan 2003 00:00:00 +0000") << qint64(-1);
    QTest::newRow("no date") << QByteArray("yesterday") << qint64(-1);
    QTest::newRow("empty") << QByteArray() << qint64(-1);
    QTest::newRow("absurd numbers")
        << QByteArray(500, '9') + " Jan 2003 00:00:00 +0000" << qint64(1'044'057'600);
}

void TestHeaderDates::readsDates()
{
    QFETCH(QByteArray, text);
    QFETCH(qint64, seconds);
    QCOMPARE(readMailDate(text).value_or(-1), seconds);
}

void TestHeaderDates::findsDatesInReceived()
{
    const QByteArray line = "from a by b id 1; Thu, 13 Mar 2003 12:00:00 +0000 (UTC)";
    QCOMPARE(dateInReceived(line).toByteArray(), " 13 Mar 2003 12:00:00 +0000");
    QVERIFY(dateInReceived("from a by b").isEmpty());
    QVERIFY(dateInReceived(QByteArray(100'000, ' ')).isEmpty());
}

void TestHeaderDates::choosesTheNearestReceived()
{
    const HeaderDates dates = readHeaderDates({"Thu, 13 Mar 2003 12:00:00 +0000"},
                                              {"from a by b; Thu, 13 Mar 2003 18:00:00 +0000",
                                               "from a by b; Thu, 13 Mar 2003 10:00:00 +0000",
                                               "from a by b; Thu, 13 Mar 2003 12:00:00 +0000"},
                                              2'000'000'000);
    QCOMPARE(dates.difference, qint64(7'200));
    QCOMPARE(dates.received.size(), size_t(3));
}

void TestHeaderDates::leavesFetchmailOut()
{
    const HeaderDates dates = readHeaderDates(
        {},
        {"from localhost (x) by localhost; Fri, 14 Mar 2003 12:00:00 +0000",
         "from pop by localhost with POP3 (fetchmail-6.4.0); Fri, 14 Mar "
         "2003 12:00:01 +0000",
         "from a by b; Thu, 13 Mar 2003 12:00:00 +0000"},
        2'000'000'000);
    QCOMPARE(dates.received.size(), size_t(1));
    QVERIFY(dates.fetched.has_value());
    QCOMPARE(*dates.fetched, qint64(1'047'643'201));
}

QTEST_APPLESS_MAIN(TestHeaderDates)
#include "TestHeaderDates.moc"
