// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/Reply.h"

#include <QtTest/QTest>

namespace portcullis::smtp {

class TestReply : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void writesEveryLineWithCodeAndStatus();
    void letsNoTextForgeALine();
    void cutsLongLinesAtACharacter();
    void fitsOnOneLineForLogs();
};

void TestReply::writesEveryLineWithCodeAndStatus()
{
    QCOMPARE((Reply{250, "2.1.0", "Ok"}.toWire()), QByteArray("250 2.1.0 Ok\r\n"));
    QCOMPARE((Reply{250, {}, "host\nSIZE 1\nDSN"}.toWire()),
             QByteArray("250-host\r\n250-SIZE 1\r\n250 DSN\r\n"));
    QCOMPARE((Reply{550, "5.7.1", "a\nb"}.toWire()), QByteArray("550-5.7.1 a\r\n550 5.7.1 b\r\n"));
}

void TestReply::letsNoTextForgeALine()
{
    QCOMPARE((Reply{501, "5.5.4", "x\r250 ok\x7f\t"}.toWire()),
             QByteArray("501 5.5.4 x?250 ok??\r\n"));
}

void TestReply::cutsLongLinesAtACharacter()
{
    const QByteArray wire = Reply{550, {}, QByteArray("\xc3\xbc").repeated(400)}.toWire();
    QVERIFY(wire.size() <= 512);
    QVERIFY(wire.isValidUtf8());
}

void TestReply::fitsOnOneLineForLogs()
{
    QCOMPARE((Reply{550, "5.7.1", "a\nb\r"}.toLine()), QByteArray("550 5.7.1 a b?"));
}

}  // namespace portcullis::smtp

QTEST_APPLESS_MAIN(portcullis::smtp::TestReply)
#include "tst_reply.moc"
