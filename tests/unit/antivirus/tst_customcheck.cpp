// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/CustomCheck.h"
#include "appliance/base/Log.h"

#include <QtTest/QtTest>

using namespace portcullis;
using namespace portcullis::antivirus;
using namespace std::chrono_literals;

Q_DECLARE_METATYPE(std::optional<double>)

/// The administrator's program, api v1.
class TestCustomCheck : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void readsTheAnswer_data();
    void readsTheAnswer();
    void refusesOtherAnswers_data();
    void refusesOtherAnswers();
    void handsOverTheMessage();
    void failsAsConfigured_data();
    void failsAsConfigured();
    void logsErrorOutputWithQueueId();

private:
    QString script(const QByteArray &text);
    QTemporaryDir m_folder;
};

QString TestCustomCheck::script(const QByteArray &text)
{
    const QString path = m_folder.filePath(
        QStringLiteral("check-%1").arg(QRandomGenerator::global()->generate()));
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write("#!/bin/sh\n" + text) < 0) {
        qFatal("cannot write the script");
    }
    file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    return path;
}

void TestCustomCheck::readsTheAnswer_data()
{
    QTest::addColumn<QByteArray>("output");
    QTest::addColumn<QString>("virus");
    QTest::addColumn<std::optional<double>>("score");
    using Score = std::optional<double>;
    QTest::newRow("ok") << QByteArray("v1\nOK\n") << QString() << Score();
    QTest::newRow("no last line end") << QByteArray("v1\nOK") << QString() << Score();
    QTest::newRow("virus") << QByteArray("v1\nVIRUS: Some.Name\n") << "Some.Name" << Score();
    QTest::newRow("virus name with spaces")
        << QByteArray("v1\nVIRUS:  A  b \n") << "A b" << Score();
    QTest::newRow("virus name with control characters")
        << QByteArray("v1\nVIRUS: A\x1b[31mb\n") << "A[31mb" << Score();
    QTest::newRow("score") << QByteArray("v1\nSCORE: 5\n") << QString() << Score(5);
    QTest::newRow("negative score") << QByteArray("v1\nSCORE: -2.5\n") << QString() << Score(-2.5);
    QTest::newRow("CRLF") << QByteArray("v1\r\nSCORE: 1\r\n") << QString() << Score(1);
    QTest::newRow("more lines are ignored")
        << QByteArray("v1\nOK\nVIRUS: no\n") << QString() << Score();
}

void TestCustomCheck::readsTheAnswer()
{
    QFETCH(QByteArray, output);
    QFETCH(QString, virus);
    QFETCH(std::optional<double>, score);
    const auto finding = CustomCheck::parseAnswer(output);
    QVERIFY2(finding, qPrintable(finding ? QString() : finding.error().detail));
    QCOMPARE(finding->virus, virus);
    QVERIFY(finding->score == score);
    QCOMPARE(finding->isOk(), virus.isEmpty() && !score);
}

void TestCustomCheck::refusesOtherAnswers_data()
{
    QTest::addColumn<QByteArray>("output");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("version only") << QByteArray("v1\n");
    QTest::newRow("other version") << QByteArray("v2\nOK\n");
    QTest::newRow("no version") << QByteArray("OK\n");
    QTest::newRow("other word") << QByteArray("v1\nok\n");
    QTest::newRow("virus without name") << QByteArray("v1\nVIRUS:\n");
    QTest::newRow("score without number") << QByteArray("v1\nSCORE:\n");
    QTest::newRow("score in words") << QByteArray("v1\nSCORE: five\n");
    QTest::newRow("endless score") << QByteArray("v1\nSCORE: inf\n");
    QTest::newRow("not a number") << QByteArray("v1\nSCORE: nan\n");
}

void TestCustomCheck::refusesOtherAnswers()
{
    QFETCH(QByteArray, output);
    const auto finding = CustomCheck::parseAnswer(output);
    QVERIFY(!finding);
    QCOMPARE(finding.error().id, QByteArray("custom-check.answer"));
}

void TestCustomCheck::handsOverTheMessage()
{
    CustomCheckSettings settings;
    settings.scratchFolder = m_folder.path();
    settings.program = script(
        "[ \"$1\" = v1 ] && [ $# = 2 ] || exit 1\n"
        "[ \"$(stat -c %a \"$2\")\" = 600 ] || exit 2\n"
        "cp \"$2\" \"$2.copy\"\necho v1; echo \"VIRUS: $(basename \"$2\")\"\n");
    const QByteArray message("Subject: x\r\n\r\nhello\0world\r\n", 27);
    const auto finding = CustomCheck(settings).check(mail::Content(message), "Q1");
    QVERIFY(finding);
    QVERIFY(!finding->failed);
    const QString path = m_folder.filePath(finding->virus);
    QVERIFY2(!QFile::exists(path), "the message must not stay behind");
    QFile copy(path + QStringLiteral(".copy"));
    QVERIFY(copy.open(QIODevice::ReadOnly));
    QCOMPARE(copy.readAll(), message);
}

void TestCustomCheck::failsAsConfigured_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("exit status") << QByteArray("echo v1; echo OK; exit 1\n");
    QTest::newRow("crash") << QByteArray("kill -ABRT $$\n");
    QTest::newRow("wrong answer") << QByteArray("echo hello\n");
    QTest::newRow("F23 stuck") << QByteArray("sleep 1000\n");
    QTest::newRow("F23 huge output") << QByteArray("echo v1; echo OK; yes\n");
    QTest::newRow("no such program") << QByteArray();
}

void TestCustomCheck::failsAsConfigured()
{
    QFETCH(QByteArray, text);
    CustomCheckSettings settings;
    settings.program = text.isEmpty() ? m_folder.filePath(QStringLiteral("missing")) : script(text);
    settings.limits.deadline = 1s;
    const mail::Content content(QByteArray("Subject: x\r\n\r\n"));

    const auto passed = CustomCheck(settings).check(content, "Q1");
    QVERIFY(passed);
    QVERIFY(passed->failed);
    QVERIFY(passed->isOk());

    settings.onError = CustomCheckSettings::OnError::Defer;
    const auto deferred = CustomCheck(settings).check(content, "Q1");
    QVERIFY(!deferred);
    QCOMPARE(deferred.error().id, QByteArray("custom-check.failed"));
    QVERIFY(deferred.error().isTransient());
}

void TestCustomCheck::logsErrorOutputWithQueueId()
{
    const QString logFile = m_folder.filePath(QStringLiteral("log"));
    log::setTarget({"test", QFile::encodeName(logFile), false, log::Severity::Info});
    CustomCheckSettings settings;
    settings.program = script("echo 'first complaint' >&2; echo second >&2; echo v1; echo OK\n");
    const auto finding = CustomCheck(settings).check(mail::Content(QByteArray("x\r\n")),
                                                     "QUEUE4711");
    log::setTarget({"test", {}, false, log::Severity::Info});
    QVERIFY(finding);
    QFile written(logFile);
    QVERIFY(written.open(QIODevice::ReadOnly));
    const QList<QByteArray> lines = written.readAll().trimmed().split('\n');
    QCOMPARE(lines.size(), 2);
    QVERIFY2(lines[0].contains("QUEUE4711") && lines[0].contains("first complaint"), lines[0]);
    QVERIFY2(lines[1].contains("QUEUE4711") && lines[1].contains("second"), lines[1]);
}

QTEST_GUILESS_MAIN(TestCustomCheck)
#include "tst_customcheck.moc"
