// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/ConfigFile.h"
#include "appliance/config/ConfigWatcher.h"
#include "tests/unit/config/ConfigFolder.h"

#include <QtTest/QtTest>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace std::chrono_literals;

namespace portcullis::config {

class TestConfigChanges final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void storesOnlyWhatDiffersFromTheDefault();
    void refusesAWrongChangeAndKeepsTheFile_data();
    void refusesAWrongChangeAndKeepsTheFile();
    void refusesWhenTheFileWasModified();
    void waitsForTheLock();
    void keepsModeOfAnExistingFile();
    void f16KillDuringApplyLeavesAWholeFile();
    void f16ReplacedFileIsPublished();
    void f16FileWrittenInPlaceIsPublished();
    void f16HalfWrittenFileIsNeverPublished();
    void f16InvalidFileKeepsThePreviousConfiguration();
    void reloadPublishesOnlyDifferences();
};

namespace {

using Change = PmgConfEditor::Change;

WatchLimits quick()
{
    return {20ms, 500ms};
}

}  // namespace

void TestConfigChanges::storesOnlyWhatDiffersFromTheDefault()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "# ours\nsection: mail\n\ttls 1\n");
    const PmgConfEditor editor(folder.paths());
    QVERIFY(editor.apply({{"mail", "maxsize", "5000000"},
                          {"mail", "relayport", "25"},
                          {"mail", "hide_received", "yes"},
                          {"spam", "use_bayes", "1"}}));
    QCOMPARE(folder.read("pmg.conf"),
             QByteArray("# ours\nsection: mail\n\ttls 1\n\tmaxsize 5000000\n\thide_received 1\n\n"
                        "section: spam\n\tuse_bayes 1\n"));
    QVERIFY(editor.apply({{"mail", "maxsize", {}}, {"mail", "tls", "0"}}));
    QCOMPARE(folder.read("pmg.conf"), QByteArray("# ours\nsection: mail\n\thide_received 1\n\n"
                                                 "section: spam\n\tuse_bayes 1\n"));
}

void TestConfigChanges::refusesAWrongChangeAndKeepsTheFile_data()
{
    QTest::addColumn<QByteArray>("section");
    QTest::addColumn<QByteArray>("key");
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QByteArray>("id");
    QTest::newRow("value") << QByteArray("mail") << QByteArray("maxsize") << QByteArray("x")
                           << QByteArray("config.value");
    QTest::newRow("key") << QByteArray("mail") << QByteArray("foo") << QByteArray("x")
                         << QByteArray("config.unknown-key");
    QTest::newRow("section") << QByteArray("foo") << QByteArray("tls") << QByteArray("1")
                             << QByteArray("config.unknown-section");
    QTest::newRow("line break") << QByteArray("mail") << QByteArray("banner")
                                << QByteArray("a\n\trelay b") << QByteArray("config.value");
}

void TestConfigChanges::refusesAWrongChangeAndKeepsTheFile()
{
    QFETCH(QByteArray, section);
    QFETCH(QByteArray, key);
    QFETCH(QByteArray, value);
    QFETCH(QByteArray, id);
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n\ttls 1\n");
    const auto status = PmgConfEditor(folder.paths())
                            .apply({{"mail", "banner", "changed"}, {section, key, value}});
    QVERIFY(!status);
    QCOMPARE(status.error().id, id);
    QCOMPARE(folder.read("pmg.conf"), QByteArray("section: mail\n\ttls 1\n"));
}

void TestConfigChanges::refusesWhenTheFileWasModified()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n\ttls 1\n");
    const PmgConfEditor editor(folder.paths());
    const QByteArray digest = digestOf(folder.read("pmg.conf"));
    QCOMPARE(digest.size(), qsizetype(40));
    QVERIFY(editor.apply({{"mail", "tlslog", "1"}}, digest));
    const auto second = editor.apply({{"mail", "tlslog", "0"}}, digest);
    QVERIFY(!second);
    QCOMPARE(second.error().id, QByteArray("config.digest"));
}

void TestConfigChanges::waitsForTheLock()
{
    const ConfigFolder folder;
    auto held = ConfigLock::take(folder.file("pmg.conf"));
    QVERIFY(held);
    const auto refused = ConfigLock::take(folder.file("pmg.conf"), 30ms);
    QVERIFY(!refused);
    QCOMPARE(refused.error().id, QByteArray("config.locked"));
    std::thread other([&held] {
        std::this_thread::sleep_for(50ms);
        held->reset();
    });
    const auto second = ConfigLock::take(folder.file("pmg.conf"), 10s);
    other.join();
    QVERIFY(second);
}

void TestConfigChanges::keepsModeOfAnExistingFile()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "");
    const QByteArray path = QFile::encodeName(folder.file("pmg.conf"));
    QCOMPARE(::chmod(path.constData(), 0604), 0);
    QVERIFY(writeConfigFile(folder.file("pmg.conf"), "section: mail\n"));
    struct stat status {
    };
    QCOMPARE(::stat(path.constData(), &status), 0);
    QCOMPARE(status.st_mode & 07777, mode_t(0604));
    QCOMPARE(QDir(folder.paths().etc()).entryList(QDir::Files | QDir::Hidden),
             QStringList{QStringLiteral("pmg.conf")});
}

void TestConfigChanges::f16KillDuringApplyLeavesAWholeFile()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n\tmaxsize 1024\n");
    for (int round = 0; round < 20; ++round) {
        const pid_t writer = ::fork();
        if (writer == 0) {
            for (int i = 0;; ++i) {
                const QByteArray banner = QByteArray::number(i).repeated(200);
                std::ignore = PmgConfEditor(folder.paths())
                                  .apply({{"mail", "banner", banner.left(1000)}});
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1 + round * 2));
        QCOMPARE(::kill(writer, SIGKILL), 0);
        QCOMPARE(::waitpid(writer, nullptr, 0), writer);
        const auto loaded = folder.loader().load();
        QVERIFY2(loaded, loaded ? "" : qPrintable(loaded.error().detail));
        QCOMPARE((*loaded)->mail.maxSize, qint64(1024));
        // A dead writer's lock is free again.
        QVERIFY(ConfigLock::take(folder.file("pmg.conf"), 1s));
    }
}

void TestConfigChanges::f16ReplacedFileIsPublished()
{
    const ConfigFolder folder;
    ConfigWatcher watcher(folder.loader(), *folder.loader().load(), quick());
    QSignalSpy changes(&watcher, &ConfigWatcher::changed);
    for (const qint64 size : {2000, 3000, 4000}) {
        QVERIFY(
            PmgConfEditor(folder.paths()).apply({{"mail", "maxsize", QByteArray::number(size)}}));
        QTRY_COMPARE(watcher.current()->mail.maxSize, size);
    }
    QCOMPARE(changes.size(), 3);
}

void TestConfigChanges::f16FileWrittenInPlaceIsPublished()
{
    const ConfigFolder folder;
    folder.write("domains", "a.example 1\n");
    ConfigWatcher watcher(folder.loader(), *folder.loader().load(), quick());
    folder.write("domains", "a.example 1\nb.example 1\n");
    QTRY_VERIFY(watcher.current()->isRelayDomain("b.example"));
    folder.write("domains", "c.example 1\n");
    QTRY_VERIFY(watcher.current()->isRelayDomain("c.example"));
    QVERIFY(!watcher.current()->isRelayDomain("a.example"));
}

void TestConfigChanges::f16HalfWrittenFileIsNeverPublished()
{
    const ConfigFolder folder;
    folder.write("domains", "old.example 1\n");
    ConfigWatcher watcher(folder.loader(), *folder.loader().load(), {150ms, 5s});
    QSignalSpy changes(&watcher, &ConfigWatcher::changed);
    QFile file(folder.file("domains"));
    QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
    for (int i = 0; i < 5; ++i) {
        file.write("new" + QByteArray::number(i) + ".example 1\n");
        file.flush();
        QTest::qWait(20);
    }
    file.close();
    QTRY_VERIFY(watcher.current()->isRelayDomain("new4.example"));
    QCOMPARE(changes.size(), 1);
}

void TestConfigChanges::f16InvalidFileKeepsThePreviousConfiguration()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n\tmaxsize 2000\n");
    ConfigWatcher watcher(folder.loader(), *folder.loader().load(), quick());
    QSignalSpy changes(&watcher, &ConfigWatcher::changed);
    QSignalSpy refusals(&watcher, &ConfigWatcher::refused);
    folder.write("pmg.conf", "section: mail\n\tmaxsize 20x0\n");
    QTRY_COMPARE(refusals.size(), 1);
    QVERIFY(refusals.first().first().value<Error>().detail.contains(
        QStringLiteral("pmg.conf:2: mail/maxsize")));
    watcher.reload();
    QCOMPARE(refusals.size(), 1);
    QCOMPARE(changes.size(), 0);
    QCOMPARE(watcher.current()->mail.maxSize, qint64(2000));
    folder.write("pmg.conf", "section: mail\n\tmaxsize 3000\n");
    QTRY_COMPARE(watcher.current()->mail.maxSize, qint64(3000));
    QCOMPARE(changes.size(), 1);
}

void TestConfigChanges::reloadPublishesOnlyDifferences()
{
    const ConfigFolder folder;
    ConfigWatcher watcher(folder.loader(), *folder.loader().load(), {1h, 1h});
    QSignalSpy changes(&watcher, &ConfigWatcher::changed);
    watcher.reload();
    QCOMPARE(changes.size(), 0);
    folder.write("domains", "a.example 1\n");
    watcher.reload();
    QCOMPARE(changes.size(), 1);
    QVERIFY(watcher.current()->isRelayDomain("a.example"));
}

}  // namespace portcullis::config

QTEST_GUILESS_MAIN(portcullis::config::TestConfigChanges)
#include "TestConfigChanges.moc"
