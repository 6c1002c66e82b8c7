// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Spool.h"

#include <QtCore/QDir>
#include <QtCore/QElapsedTimer>
#include <QtCore/QProcess>
#include <QtCore/QRandomGenerator>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

using namespace portcullis;
using namespace portcullis::spool;

namespace {

enum class Disk {
    Kept,       ///< kill -9: the kernel still has everything that was written.
    Flushed,    ///< Power cut: exactly what was flushed is left.
    SomePages,  ///< Power cut: of what was not flushed, some pages are left and some are not.
    FlushLies   ///< Power cut on a disk whose flush does nothing: the negative control.
};

/// What the victims of all rounds have promised, and what became of it.
struct Ledger {
    QHash<QByteArray, qsizetype> accepted;
    QSet<QByteArray> sent;
    QSet<QByteArray> removed;
    int lost = 0;
    int partial = 0;
    int duplicates = 0;
    int unexplainedDuplicates = 0;  ///< Removed before the kill, and there again.

    void read(const QByteArray &output)
    {
        for (const QByteArray &line : output.split('\n')) {
            const QList<QByteArray> words = line.split(' ');
            if (words.size() == 3 && words[0] == "A") {
                accepted.insert(words[1], words[2].toLongLong());
            } else if (words.size() == 2 && words[0] == "S") {
                sent.insert(words[1]);
            } else if (words.size() == 2 && words[0] == "R") {
                removed.insert(words[1]);
            }
        }
    }
};

QByteArray expectedMessage(const QByteArray &id, qsizetype length)
{
    QByteArray text = "Subject: " + id + "\r\n\r\n";
    while (text.size() < length) {
        text += id + "\r\n";
    }
    text.truncate(length);
    return text;
}

QByteArray readFile(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void writeFile(const QString &path, const QByteArray &bytes)
{
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
    QCOMPARE(file.write(bytes), bytes.size());
}

/// Some pages of what was written but not flushed made it to the disk after all, in no order.
QByteArray withSomePages(QByteArray flushed, const QByteArray &written)
{
    constexpr qsizetype page = 512;
    flushed.resize(qMax(flushed.size(), written.size()));
    for (qsizetype at = 0; at < written.size(); at += page) {
        if (QRandomGenerator::global()->bounded(2) == 0) {
            const qsizetype length = qMin(page, written.size() - at);
            flushed.replace(at, length, written.mid(at, length));
        }
    }
    return flushed;
}

/// Makes `folder` what a power cut has left of it.
void cutPower(const QString &folder, const QString &shadow, Disk disk)
{
    QHash<QString, QByteArray> files;
    for (const QByteArray &line : readFile(shadow + QStringLiteral("/names")).split('\n')) {
        const qsizetype space = line.indexOf(' ');
        if (space < 0) {
            continue;
        }
        const QString name = QString::fromUtf8(line.mid(space + 1));
        QByteArray bytes = readFile(shadow + QStringLiteral("/data/")
                                    + QString::fromUtf8(line.left(space)));
        if (disk == Disk::SomePages && name.endsWith(QStringLiteral(".seg"))) {
            bytes = withSomePages(bytes, readFile(folder + u'/' + name));
        }
        files.insert(name, bytes);
    }
    QDir(folder).removeRecursively();
    QDir(shadow).removeRecursively();
    QDir().mkpath(folder);
    QDir().mkpath(shadow + QStringLiteral("/data"));
    for (auto at = files.constBegin(); at != files.constEnd(); ++at) {
        writeFile(folder + u'/' + at.key(), at.value());
    }
}

}  // namespace

class TestSpoolDurability final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void F1_F2_everyAcceptedMessageIsFound_data();
    void F1_F2_everyAcceptedMessageIsFound();
    void F4_failingStorageEndsTheProcess_data();
    void F4_failingStorageEndsTheProcess();

private:
    static QProcessEnvironment environmentFor(const QString &folder,
                                              const QString &shadow,
                                              Disk disk);
    static void playRound(const QString &folder, const QString &shadow, Disk disk, Ledger &ledger);
    static void check(const QString &folder, Ledger &ledger);
    static QString program(const char *name)
    {
        return QStringLiteral(PORTCULLIS_BINARY_DIR "/tests/") + QString::fromLatin1(name);
    }
};

QProcessEnvironment TestSpoolDurability::environmentFor(const QString &folder,
                                                        const QString &shadow,
                                                        Disk disk)
{
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    if (disk != Disk::Kept) {
        environment.insert(QStringLiteral("LD_PRELOAD"), program("libpowercut.so"));
        environment.insert(QStringLiteral("ASAN_OPTIONS"),
                           QStringLiteral("verify_asan_link_order=0:detect_leaks=0"));
        environment.insert(QStringLiteral("POWERCUT_DIR"), folder);
        environment.insert(QStringLiteral("POWERCUT_SHADOW"), shadow);
    }
    return environment;
}

void TestSpoolDurability::playRound(const QString &folder,
                                    const QString &shadow,
                                    Disk disk,
                                    Ledger &ledger)
{
    QProcess victim;
    QProcessEnvironment environment = environmentFor(folder, shadow, disk);
    if (disk == Disk::FlushLies) {
        environment.insert(QStringLiteral("POWERCUT_LIE"), QStringLiteral("1"));
    }
    victim.setProcessEnvironment(environment);
    victim.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    victim.start(program("spool_victim"), {folder});
    QVERIFY(victim.waitForStarted());
    QByteArray output;
    QElapsedTimer timer;
    timer.start();
    while (!output.contains("\nA ") && !output.contains("\nF ") && timer.elapsed() < 30'000) {
        victim.waitForReadyRead(100);
        output += victim.readAllStandardOutput();
    }
    QVERIFY2(output.contains("\nA "), output.left(200).constData());
    const int life = QRandomGenerator::global()->bounded(1, 120);
    for (timer.restart(); timer.elapsed() < life;) {
        victim.waitForReadyRead(qMax<int>(1, life - static_cast<int>(timer.elapsed())));
        output += victim.readAllStandardOutput();
    }
    victim.kill();  // SIGKILL
    QVERIFY(victim.waitForFinished());
    output += victim.readAllStandardOutput();
    QVERIFY(!output.contains("\nF "));
    ledger.read(output);
}

void TestSpoolDurability::check(const QString &folder, Ledger &ledger)
{
    SpoolSettings settings;
    settings.folder = folder;
    settings.isReadOnly = true;
    const auto spool = Spool::open(settings, SystemClock::instance());
    QVERIFY2(spool, spool ? "" : qPrintable(spool.error().toString()));
    ledger.lost = 0;
    ledger.duplicates = 0;
    ledger.unexplainedDuplicates = 0;
    for (auto at = ledger.accepted.constBegin(); at != ledger.accepted.constEnd(); ++at) {
        const auto entry = (*spool)->load(at.key());
        if (!entry) {
            ledger.lost += ledger.sent.contains(at.key()) ? 0 : 1;
            continue;
        }
        if (entry->content.toByteArray() != expectedMessage(at.key(), at.value())) {
            ++ledger.partial;
        }
        ledger.duplicates += ledger.sent.contains(at.key()) ? 1 : 0;
        ledger.unexplainedDuplicates += ledger.removed.contains(at.key()) ? 1 : 0;
    }
}

void TestSpoolDurability::F1_F2_everyAcceptedMessageIsFound_data()
{
    QTest::addColumn<int>("disk");
    QTest::addColumn<int>("rounds");
    const bool isThorough = qEnvironmentVariableIsSet("PORTCULLIS_KILLS");
    const int rounds = isThorough ? qEnvironmentVariableIntValue("PORTCULLIS_KILLS") : 15;
    QTest::newRow("F1 kill -9 at random moments") << int(Disk::Kept) << rounds;
    QTest::newRow("F1 power cut, nothing but flushed bytes left") << int(Disk::Flushed) << rounds;
    QTest::newRow("F1 power cut, some other pages left too") << int(Disk::SomePages) << rounds;
    QTest::newRow("F1 negative control: flushing lies, mail is lost") << int(Disk::FlushLies) << 3;
}

void TestSpoolDurability::F1_F2_everyAcceptedMessageIsFound()
{
    QFETCH(int, disk);
    QFETCH(int, rounds);
    const auto kind = static_cast<Disk>(disk);
    QTemporaryDir base;
    const QString folder = base.path() + QStringLiteral("/queue");
    const QString shadow = base.path() + QStringLiteral("/shadow");
    QDir().mkpath(folder);
    QDir().mkpath(shadow + QStringLiteral("/data"));
    Ledger ledger;
    int duplicates = 0;
    for (int round = 0; round < rounds; ++round) {
        playRound(folder, shadow, kind, ledger);
        if (QTest::currentTestFailed()) {
            return;
        }
        if (kind != Disk::Kept) {
            cutPower(folder, shadow, kind);
        }
        if (kind == Disk::FlushLies && !QFile::exists(folder + QStringLiteral("/identity"))) {
            qInfo("accepted %lld, and all of it is gone with the folder's names",
                  static_cast<long long>(ledger.accepted.size()));
            return;
        }
        check(folder, ledger);
        QCOMPARE(ledger.partial, 0);
        if (kind == Disk::FlushLies) {
            continue;
        }
        QCOMPARE(ledger.lost, 0);
        // F2: a kill repeats at most what was sent and not yet removed: one message a thread.
        if (kind == Disk::Kept) {
            QCOMPARE(ledger.unexplainedDuplicates, 0);
            QVERIFY(ledger.duplicates <= 4 * (round + 1));
        }
        duplicates = ledger.duplicates;
    }
    qInfo("rounds %d, accepted %lld, lost %d, sent and still queued %d", rounds,
          static_cast<long long>(ledger.accepted.size()), ledger.lost, duplicates);
    if (kind == Disk::FlushLies) {
        QVERIFY2(ledger.lost > 0, "flushing did nothing and no mail was lost: this test is blind");
    }
}

void TestSpoolDurability::F4_failingStorageEndsTheProcess_data()
{
    QTest::addColumn<QString>("variable");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QByteArray>("error");
    QTest::newRow("F4 fdatasync answers EIO")
        << QStringLiteral("POWERCUT_FAIL_FLUSH") << QStringLiteral("40")
        << QByteArray("spool.storage");
    QTest::newRow("F4 write answers EIO") << QStringLiteral("POWERCUT_FAIL_WRITE")
                                          << QStringLiteral("40:5") << QByteArray("spool.storage");
    QTest::newRow("F4 remounted read-only")
        << QStringLiteral("POWERCUT_FAIL_WRITE") << QStringLiteral("40:30")
        << QByteArray("spool.storage");
    // Which write it is decides what waits for a flush at that moment.
    for (int number = 30; number < 60; ++number) {
        QTest::addRow("F3 write %d answers ENOSPC", number)
            << QStringLiteral("POWERCUT_FAIL_WRITE") << QStringLiteral("%1:28").arg(number)
            << QByteArray("spool.full");
    }
}

void TestSpoolDurability::F4_failingStorageEndsTheProcess()
{
    QFETCH(QString, variable);
    QFETCH(QString, value);
    QFETCH(QByteArray, error);
    QTemporaryDir base;
    const QString folder = base.path() + QStringLiteral("/queue");
    const QString shadow = base.path() + QStringLiteral("/shadow");
    QDir().mkpath(shadow + QStringLiteral("/data"));
    QProcess victim;
    QProcessEnvironment environment = environmentFor(folder, shadow, Disk::Flushed);
    environment.insert(variable, value);
    victim.setProcessEnvironment(environment);
    victim.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    victim.start(program("spool_victim"), {folder});
    QVERIFY(victim.waitForFinished(60'000));
    QCOMPARE(victim.exitCode(), 3);
    const QByteArray output = victim.readAllStandardOutput();
    const QByteArray said = output.mid(output.indexOf("\nF "), 80);
    QVERIFY2(output.contains("\nF " + error), said.constData());
    // What was promised before is there, even if the disk loses everything that was not flushed.
    Ledger ledger;
    ledger.read(output);
    QVERIFY(!ledger.accepted.isEmpty());
    cutPower(folder, shadow, Disk::Flushed);
    check(folder, ledger);
    QCOMPARE(ledger.lost, 0);
    QCOMPARE(ledger.partial, 0);
}

QTEST_GUILESS_MAIN(TestSpoolDurability)
#include "tst_spool_durability.moc"
