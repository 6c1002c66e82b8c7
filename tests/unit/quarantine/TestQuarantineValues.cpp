// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/QuarantineNote.h"
#include "appliance/quarantine/Retention.h"
#include "appliance/quarantine/StoredBody.h"

#include <QtCore/QDateTime>
#include <QtTest/QTest>

namespace portcullis::quarantine {

class TestQuarantineValues final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void refusesIdsThatAreNone_data();
    void refusesIdsThatAreNone();
    void findsTheMessageId_data();
    void findsTheMessageId();
    void countsLifetimeInLocalDays_data();
    void countsLifetimeInLocalDays();
    void returnsTheNoteAsItWas();
    void readsABrokenNoteAsFilterFailure();
    void refusesADamagedBody();
};

void TestQuarantineValues::refusesIdsThatAreNone_data()
{
    QTest::addColumn<QString>("text");
    for (const char *text : {"", "C1R1", "c1r1t1", "C1R1T1 ", " C1R1T1", "C1R1T1\n", "C-1R1T1",
                             "C1R1T99999999999999999999", "C1R1T9999999999999999999",
                             "C1R1T1;DROP TABLE", "C1R9999999999999999999T1"}) {
        QTest::newRow(text) << QString::fromLatin1(text);
    }
}

void TestQuarantineValues::refusesIdsThatAreNone()
{
    QFETCH(QString, text);
    const auto id = EntryId::parse(text);
    QVERIFY(!id.has_value());
    QCOMPARE(id.error().id, QByteArray("quarantine.entry-id"));
}

void TestQuarantineValues::findsTheMessageId_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("plain") << QByteArray("A: b\r\nMessage-ID: <1@x>\r\n\r\n")
                           << QByteArray("<1@x>");
    QTest::newRow("folded") << QByteArray("message-id:\r\n\t<1@x>\r\nB: c\r\n\r\n")
                            << QByteArray("<1@x>");
    QTest::newRow("at the end without line end")
        << QByteArray("MESSAGE-ID:<1@x>") << QByteArray("<1@x>");
    QTest::newRow("in the body only")
        << QByteArray("A: b\r\n\r\nMessage-ID: <1@x>\r\n") << QByteArray();
    QTest::newRow("in a folded line only")
        << QByteArray("A: b\r\n Message-ID: <1@x>\r\n\r\n") << QByteArray();
    QTest::newRow("another field") << QByteArray("Message-IDs: <1@x>\r\n\r\n") << QByteArray();
    QTest::newRow("nothing") << QByteArray() << QByteArray();
    QTest::newRow("endless") << "Message-ID: " + QByteArray(100'000, 'x') << QByteArray(998, 'x');
}

void TestQuarantineValues::findsTheMessageId()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, expected);
    QCOMPARE(messageIdOf(message), expected);
}

void TestQuarantineValues::countsLifetimeInLocalDays_data()
{
    QTest::addColumn<QString>("now");
    QTest::addColumn<int>("days");
    QTest::addColumn<QByteArray>("zone");
    QTest::addColumn<QString>("boundary");
    const auto utc = [](const char *text) { return QString::fromLatin1(text); };
    QTest::newRow("the same all day, early")
        << utc("2026-06-10T00:00:00Z") << 7 << QByteArray("UTC") << utc("2026-06-03T00:00:00Z");
    QTest::newRow("the same all day, late")
        << utc("2026-06-10T23:59:59Z") << 7 << QByteArray("UTC") << utc("2026-06-03T00:00:00Z");
    QTest::newRow("midnight is local, not UTC")
        << utc("2026-06-09T22:30:00Z") << 1 << QByteArray("Europe/Vienna")
        << utc("2026-06-08T22:00:00Z");
    QTest::newRow("a day of 23 hours counts as one")
        << utc("2026-03-30T10:00:00Z") << 2 << QByteArray("Europe/Vienna")
        << utc("2026-03-27T23:00:00Z");
    QTest::newRow("a day of 25 hours counts as one")
        << utc("2026-10-26T10:00:00Z") << 2 << QByteArray("Europe/Vienna")
        << utc("2026-10-23T22:00:00Z");
    QTest::newRow("a day without midnight starts with its first instant")
        << utc("2018-11-05T12:00:00Z") << 1 << QByteArray("America/Sao_Paulo")
        << utc("2018-11-04T03:00:00Z");
    QTest::newRow("never less than a day")
        << utc("2026-06-10T12:00:00Z") << 0 << QByteArray("UTC") << utc("2026-06-09T00:00:00Z");
}

void TestQuarantineValues::countsLifetimeInLocalDays()
{
    QFETCH(QString, now);
    QFETCH(int, days);
    QFETCH(QByteArray, zone);
    QFETCH(QString, boundary);
    const auto at = [](const QString &text) {
        return Clock::WallTime(
            std::chrono::seconds(QDateTime::fromString(text, Qt::ISODate).toSecsSinceEpoch()));
    };
    const QTimeZone timeZone(zone);
    if (!timeZone.isValid()) {
        QSKIP("the time zone database is not installed");
    }
    const auto found = purgeBoundary(at(now), days, timeZone);
    QCOMPARE(found.time_since_epoch().count(), at(boundary).time_since_epoch().count());
}

void TestQuarantineValues::returnsTheNoteAsItWas()
{
    verdict::QuarantineItem item;
    item.kind = QuarantineKind::Attachment;
    item.spamLevel = 5;
    item.virus = QStringLiteral("Eicar");
    item.rule = QStringLiteral("Block \u00e4");
    item.subject = QStringLiteral("\u20ac");
    item.fromHeader = QStringLiteral("a <b@c>");
    item.evidence = {{QStringLiteral("a"), 1}};
    const auto note = QuarantineNote::fromJson(QuarantineNote::of(item, "Q1").toJson());
    QCOMPARE(note.queueId, QByteArray("Q1"));
    QCOMPARE(note.kind, item.kind);
    QCOMPARE(note.spamLevel, item.spamLevel);
    QCOMPARE(note.virus, item.virus);
    QCOMPARE(note.rule, item.rule);
    QCOMPARE(note.subject, item.subject);
    QCOMPARE(note.fromHeader, item.fromHeader);
    QCOMPARE(note.evidence, item.evidence);
}

void TestQuarantineValues::readsABrokenNoteAsFilterFailure()
{
    for (const QByteArray &json : {QByteArray(), QByteArray("{"), QByteArray("[1]"),
                                   QByteArray(R"({"kind":7,"evidence":"x","rule":[]})")}) {
        QCOMPARE(QuarantineNote::fromJson(json).kind, QuarantineKind::FilterFailure);
    }
}

void TestQuarantineValues::refusesADamagedBody()
{
    const QByteArray content(10'000, 'x');
    const auto chunks = packBody(content);
    QVERIFY(chunks.has_value());
    QByteArray packed = chunks->front();
    QCOMPARE(*unpackBody(packed, content.size()), content);
    QCOMPARE(unpackBody(packed, 9'999).error().id, QByteArray("quarantine.damaged"));
    QCOMPARE(unpackBody({}, 9'999).error().id, QByteArray("quarantine.damaged"));
    QCOMPARE(unpackBody(packed.chopped(3), content.size()).error().id,
             QByteArray("quarantine.damaged"));
    packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
    QCOMPARE(unpackBody(packed, content.size()).error().id, QByteArray("quarantine.damaged"));
}

}  // namespace portcullis::quarantine

QTEST_GUILESS_MAIN(portcullis::quarantine::TestQuarantineValues)
#include "TestQuarantineValues.moc"
