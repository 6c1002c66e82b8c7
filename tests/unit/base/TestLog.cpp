// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Log.h"
#include "appliance/base/Paths.h"

#include <QtCore/QFile>
#include <QtCore/QRegularExpression>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace portcullis::log {

class TestLog final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void quotesWhatIsNotPlain_data();
    void quotesWhatIsNotPlain();
    void formatsEventQueueIdAndFields();
    void nothingCanForgeALine();
    void linesHaveTimeProgramAndSeverity();
    void thresholdKeepsLinesOut();
    void longLinesAreCut();
    void f20FullPipeDropsAndCounts();
    void f20FullDiskDropsAndCounts();
    void f20MissingFolderDropsAndRecovers();
    void pathsLieBelowTheRoot();

private:
    QByteArray logged(const QByteArray &file = {}) const;
    QTemporaryDir m_folder;
};

QByteArray TestLog::logged(const QByteArray &file) const
{
    QFile log(m_folder.filePath(QString::fromLatin1(file.isEmpty() ? "mail.log" : file)));
    return log.open(QIODevice::ReadOnly) ? log.readAll() : QByteArray();
}

void TestLog::quotesWhatIsNotPlain_data()
{
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QByteArray>("quotedValue");
    QTest::newRow("plain") << QByteArray("anna@example.com") << QByteArray("anna@example.com");
    QTest::newRow("empty") << QByteArray() << QByteArray("\"\"");
    QTest::newRow("blank") << QByteArray("a b") << QByteArray("\"a b\"");
    QTest::newRow("equals sign") << QByteArray("a=b") << QByteArray("\"a=b\"");
    QTest::newRow("quote") << QByteArray("a\"b") << QByteArray("\"a\\x22b\"");
    QTest::newRow("backslash") << QByteArray("a\\x41") << QByteArray("\"a\\x5cx41\"");
    QTest::newRow("line feed") << QByteArray("a\nb") << QByteArray("\"a\\x0ab\"");
    QTest::newRow("NUL") << QByteArray("a\0b", 3) << QByteArray("\"a\\x00b\"");
    QTest::newRow("terminal escape") << QByteArray("\x1b[2J") << QByteArray("\"\\x1b[2J\"");
    QTest::newRow("delete") << QByteArray("\x7f") << QByteArray("\"\\x7f\"");
    QTest::newRow("right-to-left override")
        << QByteArray("\u202egpj.exe") << QByteArray("\"\\xe2\\x80\\xaegpj.exe\"");
    QTest::newRow("format directives") << QByteArray("%n%s") << QByteArray("%n%s");
    QTest::newRow("R2 shell characters")
        << QByteArray("a;`id`$(id)|x@b") << QByteArray("a;`id`$(id)|x@b");
}

void TestLog::quotesWhatIsNotPlain()
{
    QFETCH(QByteArray, value);
    QFETCH(QByteArray, quotedValue);
    QCOMPARE(quoted(value), quotedValue);
}

void TestLog::formatsEventQueueIdAndFields()
{
    QCOMPARE(format("smtp.accepted", "A1B2", {{"from", "a@b"}, {"subject", "two words"}}),
             QByteArray("smtp.accepted A1B2: from=a@b subject=\"two words\""));
    QCOMPARE(format("smtp.closed", {}, {}), QByteArray("smtp.closed:"));
}

void TestLog::nothingCanForgeALine()
{
    setTarget({"test", QFile::encodeName(m_folder.filePath(QStringLiteral("forged"))), false, {}});
    for (int byte = 0; byte < 256; ++byte) {
        const QByteArray hostile = "x" + QByteArray(1, static_cast<char>(byte))
                                   + "smtp.accepted: y";
        write(Severity::Warning, "event", {}, {{"value", hostile}});
    }
    const QByteArray text = logged("forged");
    QCOMPARE(text.count('\n'), qsizetype(256));
    for (const QByteArray &line : text.trimmed().split('\n')) {
        QVERIFY(line.contains(" test["));
        QVERIFY(
            std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
    }
}

void TestLog::linesHaveTimeProgramAndSeverity()
{
    setTarget(
        {"test", QFile::encodeName(m_folder.filePath(QStringLiteral("mail.log"))), false, {}});
    write(Severity::Error, "store.down", "Q1", {{"reason", "gone"}});
    static const QRegularExpression form(
        QStringLiteral("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z test\\[\\d+\\]: error "
                       "store\\.down Q1: reason=gone\\n$"));
    QVERIFY2(form.match(QString::fromUtf8(logged())).hasMatch(), logged().constData());
}

void TestLog::thresholdKeepsLinesOut()
{
    setTarget({"test", QFile::encodeName(m_folder.filePath(QStringLiteral("quiet"))), false,
               Severity::Warning});
    write(Severity::Notice, "unheard", {}, {});
    write(Severity::Warning, "heard", {}, {});
    QCOMPARE(logged("quiet").count('\n'), qsizetype(1));
}

void TestLog::longLinesAreCut()
{
    setTarget({"test", QFile::encodeName(m_folder.filePath(QStringLiteral("long"))), false, {}});
    write(Severity::Error, "long", {}, {{"value", QByteArray(100'000, 'x')}});
    write(Severity::Error, "next", {}, {});
    const QByteArrayList lines = logged("long").trimmed().split('\n');
    QCOMPARE(lines.size(), 2);
    QVERIFY(lines.first().size() <= 8192);
}

void TestLog::f20FullPipeDropsAndCounts()
{
    const QByteArray path = QFile::encodeName(m_folder.filePath(QStringLiteral("pipe")));
    QCOMPARE(::mkfifo(path.constData(), 0600), 0);
    const int reader = ::open(path.constData(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    QVERIFY(reader >= 0);
    setTarget({"test", path, false, {}});
    constexpr int lines = 5000;
    for (int i = 0; i < lines; ++i) {
        write(Severity::Error, "flood", {}, {{"number", QByteArray::number(i)}});
    }
    QByteArray read(1024 * 1024, '\0');
    read.truncate(std::max<ssize_t>(0, ::read(reader, read.data(), 1024 * 1024)));
    const auto kept = static_cast<int>(read.count('\n'));
    QVERIFY(kept > 0 && kept < lines);
    write(Severity::Error, "after", {}, {});
    QByteArray next(4096, '\0');
    next.truncate(std::max<ssize_t>(0, ::read(reader, next.data(), 4096)));
    QVERIFY2(next.endsWith("log-lines-dropped=" + QByteArray::number(lines - kept) + '\n'),
             next.constData());
    write(Severity::Error, "last", {}, {});
    next.resize(4096);
    next.truncate(std::max<ssize_t>(0, ::read(reader, next.data(), 4096)));
    QVERIFY(next.endsWith(" last:\n"));
    ::close(reader);
}

void TestLog::f20FullDiskDropsAndCounts()
{
    setTarget({"test", "/dev/full", false, {}});
    for (int i = 0; i < 7; ++i) {
        write(Severity::Error, "lost", {}, {});
    }
    setTarget({"test", QFile::encodeName(m_folder.filePath(QStringLiteral("full"))), false, {}});
    write(Severity::Error, "kept", {}, {});
    QVERIFY(logged("full").endsWith("kept: log-lines-dropped=7\n"));
}

void TestLog::f20MissingFolderDropsAndRecovers()
{
    const QString folder = m_folder.filePath(QStringLiteral("later"));
    setTarget({"test", QFile::encodeName(folder + QStringLiteral("/log")), false, {}});
    write(Severity::Error, "lost", {}, {});
    QVERIFY(QDir().mkpath(folder));
    write(Severity::Error, "kept", {}, {});
    QVERIFY(logged("later/log").endsWith("kept: log-lines-dropped=1\n"));
}

void TestLog::pathsLieBelowTheRoot()
{
    const Paths paths(QStringLiteral("/srv/mail/./x/"));
    QVERIFY(paths.isPrivateRoot());
    QCOMPARE(paths.etc(), QStringLiteral("/srv/mail/x/etc/pmg"));
    QCOMPARE(paths.queue(), QStringLiteral("/srv/mail/x/var/spool/pmg/queue"));
    QCOMPARE(paths.filterSocket(), QStringLiteral("/srv/mail/x/run/pmg/filter.sock"));
    const Paths installed;
    QVERIFY(!installed.isPrivateRoot());
    QCOMPARE(installed.etc(), QStringLiteral("/etc/pmg"));
    qputenv("PMG_ROOT", "/srv/other");
    QCOMPARE(Paths::fromOption({}).root(), QStringLiteral("/srv/other"));
    QCOMPARE(Paths::fromOption(QStringLiteral("/srv/mine")).root(), QStringLiteral("/srv/mine"));
    qunsetenv("PMG_ROOT");
    QVERIFY(!Paths::fromOption({}).isPrivateRoot());
}

}  // namespace portcullis::log

QTEST_GUILESS_MAIN(portcullis::log::TestLog)
#include "TestLog.moc"
