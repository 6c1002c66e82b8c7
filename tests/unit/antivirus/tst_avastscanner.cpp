// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/AvastScanner.h"

#include <QtTest/QtTest>

using namespace portcullis;
using namespace portcullis::antivirus;
using namespace std::chrono_literals;

/// The external scanner, played by a small program with the documented output and statuses.
class TestAvastScanner : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void readsVerdicts_data();
    void readsVerdicts();
    void readsNames();

private:
    QTemporaryDir m_folder;
};

void TestAvastScanner::readsVerdicts_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("error");
    QTest::newRow("clean") << QByteArray("exit 0") << QString() << QByteArray();
    QTest::newRow("clean, with list of files")
        << QByteArray("printf '%s\\t[OK]\\n' \"$1\"; exit 0") << QString() << QByteArray();
    QTest::newRow("infected") << QByteArray(
        "grep -q EVIL \"$1\" && printf '%s\\tEICAR Test-NOT virus!!!\\n' \"$1\"; exit 1")
                              << "EICAR Test-NOT virus!!!" << QByteArray();
    QTest::newRow("infected member")
        << QByteArray("printf '%s|>a\\tb.exe\\tWin32:Evo\\n' \"$1\"; exit 1") << "Win32:Evo"
        << QByteArray();
    QTest::newRow("error is never clean")
        << QByteArray("exit 2") << QString() << QByteArray("avast.scan");
    QTest::newRow("crash") << QByteArray("kill -SEGV $$") << QString() << QByteArray("avast.scan");
    QTest::newRow("infected without a name")
        << QByteArray("exit 1") << QString() << QByteArray("avast.answer");
    QTest::newRow("name with status 0") << QByteArray("printf '%s\\tX\\n' \"$1\"; exit 0")
                                        << QString() << QByteArray("avast.answer");
    QTest::newRow("F23 stuck") << QByteArray("sleep 1000") << QString()
                               << QByteArray("avast.timeout");
    QTest::newRow("missing") << QByteArray() << QString() << QByteArray("avast.start");
}

void TestAvastScanner::readsVerdicts()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, name);
    QFETCH(QByteArray, error);
    AvastSettings settings;
    settings.program = m_folder.filePath(QStringLiteral("missing"));
    settings.limits.deadline = 1s;
    if (!text.isEmpty()) {
        settings.program = m_folder.filePath(QStringLiteral("scan"));
        QFile file(settings.program);
        QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
        file.write("#!/bin/sh\n" + text + '\n');
        file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    }
    const AvastScanner scanner(settings);
    const auto finding = scanner.scan(mail::Content(QByteArray("Subject: EVIL\r\n\r\n")), "Q1");
    if (!error.isEmpty()) {
        QVERIFY(!finding);
        QCOMPARE(finding.error().id, error);
        QVERIFY(finding.error().isTransient());
        return;
    }
    QVERIFY2(finding, qPrintable(finding ? QString() : finding.error().toString()));
    QCOMPARE(finding->name(), name);
    QCOMPARE(finding->kind(), name.isEmpty() ? ScanFinding::Kind::Clean : ScanFinding::Kind::Virus);
}

void TestAvastScanner::readsNames()
{
    const auto names = AvastScanner::parseOutput("/tmp/x\tA\n/tmp/x|>1\tA\n/tmp/x|>2\tB\r\n"
                                                 "/tmp/x|>3\t[OK]\nnoise\tC\n/tmp/x no tab\n",
                                                 "/tmp/x");
    QCOMPARE(names, (std::vector<QString>{QStringLiteral("A"), QStringLiteral("B")}));
}

QTEST_GUILESS_MAIN(TestAvastScanner)
#include "tst_avastscanner.moc"
