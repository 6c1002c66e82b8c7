// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/GtubeEngine.h"

#include <QtTest/QTest>

using namespace portcullis;

namespace {

// In halves, so that a gateway does not take this file for spam.
QByteArray gtubeText()
{
    return QByteArray("XJS*C4JDBQADN1.NSBN3*2IDNEN*") + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
}

int levelOf(const QByteArray &mail, qint64 maxBytes)
{
    const mail::Envelope envelope;
    const mail::Client client;
    spam::GtubeEngine engine;
    return engine.check(mail::Content(mail), {mail::Direction::In, envelope, client, maxBytes})
        .value()
        .level();
}

}  // namespace

class TestSpamEngine : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void knowsTheTestMail_data();
    void knowsTheTestMail();
    void levelIsTruncatedAndNeverNegative_data();
    void levelIsTruncatedAndNeverNegative();
};

void TestSpamEngine::knowsTheTestMail_data()
{
    QTest::addColumn<QByteArray>("mail");
    QTest::addColumn<qint64>("maxBytes");
    QTest::addColumn<int>("level");
    const QByteArray filler(100'000, 'x');
    QTest::newRow("plain mail") << QByteArray("Subject: x\r\n\r\nhello\r\n") << qint64(262'144)
                                << 0;
    QTest::newRow("GTUBE") << "Subject: x\r\n\r\n" + gtubeText() << qint64(262'144) << 1000;
    QTest::newRow("GTUBE beyond maxspamsize") << filler + gtubeText() << qint64(70'000) << 0;
    QTest::newRow("at least 64 KiB are looked at")
        << filler.first(60'000) + gtubeText() << qint64(64) << 1000;
    QTest::newRow("cut in the middle of GTUBE")
        << filler.first(65'536 - 30) + gtubeText() << qint64(64) << 0;
}

void TestSpamEngine::knowsTheTestMail()
{
    QFETCH(QByteArray, mail);
    QFETCH(qint64, maxBytes);
    QFETCH(int, level);
    QCOMPARE(levelOf(mail, maxBytes), level);
}

void TestSpamEngine::levelIsTruncatedAndNeverNegative_data()
{
    QTest::addColumn<double>("first");
    QTest::addColumn<double>("second");
    QTest::addColumn<int>("level");
    QTest::newRow("nothing hit") << 0.0 << 0.0 << 0;
    QTest::newRow("just below a level") << 2.5 << 0.49 << 2;
    QTest::newRow("exactly a level") << 2.5 << 0.5 << 3;
    QTest::newRow("negative sum") << 1.0 << -4.0 << 0;
    QTest::newRow("absurd score of a script") << 1e300 << 1e300 << 1'000'000;
}

void TestSpamEngine::levelIsTruncatedAndNeverNegative()
{
    QFETCH(double, first);
    QFETCH(double, second);
    QFETCH(int, level);
    spam::SpamFinding finding;
    finding.add({"A", first, {}});
    finding.add({"B", second, {}});
    QCOMPARE(finding.level(), level);
}

QTEST_GUILESS_MAIN(TestSpamEngine)
#include "TestSpamEngine.moc"
