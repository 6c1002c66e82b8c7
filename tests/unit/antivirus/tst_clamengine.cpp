// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/ClamEngine.h"
#include "appliance/antivirus/DatabaseStamp.h"

#include <QtTest/QtTest>

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

using namespace portcullis;
using namespace portcullis::antivirus;
using Kind = ScanFinding::Kind;

Q_DECLARE_METATYPE(portcullis::antivirus::ScanFinding::Kind)

namespace {

QString signatures()
{
    return QStringLiteral(PORTCULLIS_SOURCE_DIR "/resources/signatures");
}

QString corpora()
{
    const QString given = qEnvironmentVariable("PORTCULLIS_CORPORA");
    return given.isEmpty() ? QStringLiteral(PORTCULLIS_SOURCE_DIR "/../shared/corpora") : given;
}

QByteArray fileBytes(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// Put together here, so that a virus scanner on the developer's machine leaves this file alone.
QByteArray eicar()
{
    return QByteArray("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-")
           + QByteArray("ANTIVIRUS-TEST-FILE!$H+H*");
}

QByteArray mailWith(const QByteArray &attachment)
{
    return "From: a@example.com\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
           "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nhello\r\n--B\r\n"
           "Content-Type: application/octet-stream; name=x.bin\r\n"
           "Content-Disposition: attachment; filename=x.bin\r\n"
           "Content-Transfer-Encoding: base64\r\n\r\n"
           + attachment.toBase64() + "\r\n--B--\r\n";
}

/// A file made by a real tool, or empty if the tool is missing.
QByteArray archived(const QTemporaryDir &folder,
                    const QString &name,
                    const QString &tool,
                    const QStringList &arguments,
                    const QByteArray &content)
{
    QFile inner(folder.filePath(QStringLiteral("secret.txt")));
    if (!inner.open(QIODevice::WriteOnly) || inner.write(content) < 0) {
        return {};
    }
    inner.close();
    QProcess process;
    process.setWorkingDirectory(folder.path());
    process.start(tool, arguments);
    if (!process.waitForFinished(30'000) || process.exitCode() != 0) {
        return {};
    }
    return fileBytes(folder.filePath(name));
}

}  // namespace

class TestClamEngine : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void judges_data();
    void judges();
    void reportsEncrypted_data();
    void reportsEncrypted();
    void reportsWhatItCouldNotLookAt();
    void countsCardNumbers();
    void findsAllOfClamavsTestFiles_data();
    void findsAllOfClamavsTestFiles();
    void survivesDamagedFiles_data();
    void survivesDamagedFiles();
    void refusesBadDatabase_data();
    void refusesBadDatabase();
    void refusesShrunkenDatabase();
    void tellsDatabasesApart();
    void scansFromSeveralThreadsAcrossReload();
    void isSharedByForkedWorkers();

private:
    Result<ScanFinding> scan(const QByteArray &bytes) const
    {
        return m_engine->scan(mail::Content(bytes), "Q1");
    }

    [[nodiscard]] QStringList scratchOf(pid_t process) const
    {
        return QDir(m_scratch.path())
            .entryList({QStringLiteral("pmg-clam-%1-*").arg(process)}, QDir::Dirs);
    }

    QTemporaryDir m_scratch;
    std::shared_ptr<const ClamEngine> m_engine;
};

void TestClamEngine::initTestCase()
{
    ClamSettings settings;
    settings.scratchFolder = m_scratch.path();
    auto engine = ClamEngine::load(signatures(), settings);
    QVERIFY2(engine, qPrintable(engine ? QString() : engine.error().toString()));
    m_engine = *engine;
    QVERIFY(m_engine->signatureCount() >= 4);
}

void TestClamEngine::judges_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("name");
    const QByteArray own = QByteArray("PORTCULLIS-GATEWAY-VIRUS-TEST-") + "LINE-7f3a9c52";
    const QString eicarName = QStringLiteral("Eicar-Test-Signature.UNOFFICIAL");
    QTest::newRow("empty") << QByteArray() << QString();
    QTest::newRow("one byte") << QByteArray("x") << QString();
    QTest::newRow("harmless mail") << mailWith("hello") << QString();
    QTest::newRow("EICAR bare") << eicar() << eicarName;
    QTest::newRow("EICAR attached") << mailWith(eicar()) << eicarName;
    QTest::newRow("EICAR in a text body")
        << QByteArray("Subject: x\r\n\r\n" + eicar() + "\r\n") << eicarName;
    QTest::newRow("EICAR in raw bytes that are no mail")
        << QByteArray("\0\1\2\xff", 4) + eicar() << eicarName;
    QTest::newRow("own test line") << mailWith("x " + own) << "Portcullis-Test-Line.UNOFFICIAL";
    QTest::newRow("own sample by its hash")
        << mailWith(fileBytes(signatures() + QStringLiteral("/portcullis-sample.txt")))
        << "Portcullis-Test-Sample.UNOFFICIAL";
}

void TestClamEngine::judges()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QString, name);
    const auto finding = scan(bytes);
    QVERIFY2(finding, qPrintable(finding ? QString() : finding.error().toString()));
    QCOMPARE(finding->name(), name);
    QCOMPARE(finding->kind(), name.isEmpty() ? Kind::Clean : Kind::Virus);
}

void TestClamEngine::reportsEncrypted_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("tool");
    QTest::addColumn<QStringList>("arguments");
    const auto row = [](const char *title, const char *name, const char *tool,
                        const char *options) {
        QTest::newRow(title) << QString::fromLatin1(name) << QString::fromLatin1(tool)
                             << QString::fromLatin1(options).split(QLatin1Char(' '));
    };
    row("C6 zip", "x.zip", "zip", "-q -P geheim x.zip secret.txt");
    row("C6 zip AES", "x.zip", "7z", "a -bd -tzip -mem=AES256 -pgeheim x.zip secret.txt");
    row("C6 7z", "x.7z", "7z", "a -bd -pgeheim x.7z secret.txt");
    row("C6 7z with encrypted headers", "x.7z", "7z", "a -bd -pgeheim -mhe=on x.7z secret.txt");
}

void TestClamEngine::reportsEncrypted()
{
    QFETCH(QString, name);
    QFETCH(QString, tool);
    QFETCH(QStringList, arguments);
    const QTemporaryDir folder;
    const QByteArray archive = archived(folder, name, tool, arguments, eicar());
    if (archive.isEmpty()) {
        QSKIP("The archiver is not installed");
    }
    for (const QByteArray &bytes : {archive, mailWith(archive)}) {
        const auto finding = scan(bytes);
        QVERIFY(finding);
        QVERIFY2(finding->has(Kind::Encrypted), qPrintable(finding->name()));
        QVERIFY(!finding->has(Kind::Virus));
    }
}

void TestClamEngine::reportsWhatItCouldNotLookAt()
{
    ClamSettings settings;
    settings.maxFileSize = 1'000'000;
    settings.maxScanSize = 2'000'000;
    const auto strict = ClamEngine::load(signatures(), settings);
    QVERIFY(strict);
    const QTemporaryDir folder;
    const QByteArray bomb = archived(
        folder, QStringLiteral("x.tar.gz"), QStringLiteral("tar"),
        {QStringLiteral("-czf"), QStringLiteral("x.tar.gz"), QStringLiteral("secret.txt")},
        QByteArray(20'000'000, '\0'));
    QVERIFY(!bomb.isEmpty());
    const auto finding = (*strict)->scan(mail::Content(mailWith(bomb)), "Q1");
    QVERIFY(finding);
    QCOMPARE(finding->kind(), Kind::LimitExceeded);
}

void TestClamEngine::countsCardNumbers()
{
    ClamSettings settings;
    settings.maxCardCount = 2;
    const auto strict = ClamEngine::load(signatures(), settings);
    QVERIFY(strict);
    // Test numbers that card companies publish for this purpose.
    const QByteArray message =
        "From: a@example.com\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\nSubject: cards\r\n\r\n"
        "4111111111111111 and\r\n5500005555555559 and\r\n340000000000009\r\n6011000990139424\r\n";
    const auto finding = (*strict)->scan(mail::Content(message), "Q1");
    QVERIFY(finding);
    QCOMPARE(finding->kind(), Kind::Heuristic);
    QVERIFY2(finding->name().startsWith(QLatin1String("Heuristics.Structured.")),
             qPrintable(finding->name()));
    QCOMPARE(scan(message)->kind(), Kind::Clean);
}

void TestClamEngine::findsAllOfClamavsTestFiles_data()
{
    QTest::addColumn<QString>("path");
    const QDir folder(QStringLiteral("/usr/share/clamav-testfiles"));
    for (const QFileInfo &file : folder.entryInfoList(QDir::Files)) {
        QTest::newRow(qPrintable(file.fileName())) << file.filePath();
    }
    if (folder.isEmpty()) {
        QTest::newRow("none") << QString();
    }
}

void TestClamEngine::findsAllOfClamavsTestFiles()
{
    QFETCH(QString, path);
    const QString hashes = corpora() + QStringLiteral("/malware-safe/clamav-test.hdb");
    if (path.isEmpty() || !QFile::exists(hashes)) {
        QSKIP("clamav-testfiles or the signature for its files is not here");
    }
    const QTemporaryDir folder;
    QVERIFY(QFile::copy(hashes, folder.filePath(QStringLiteral("test.hdb"))));
    ClamSettings settings;
    settings.maxRecursion = 40;  // one file is nested deeper than ClamAV's own default of 17
    static std::shared_ptr<const ClamEngine> engine;
    if (!engine) {
        auto loaded = ClamEngine::load(folder.path(), settings);
        QVERIFY(loaded);
        engine = *loaded;
    }
    const auto finding = engine->scan(mail::Content(mailWith(fileBytes(path))), "Q1");
    QVERIFY2(finding, qPrintable(finding ? QString() : finding.error().toString()));
    QVERIFY2(finding->has(Kind::Virus), qPrintable(finding->name()));
    QVERIFY(finding->nameOf(Kind::Virus).startsWith(QLatin1String("ClamAV-Test-File")));
}

void TestClamEngine::survivesDamagedFiles_data()
{
    findsAllOfClamavsTestFiles_data();
}

void TestClamEngine::survivesDamagedFiles()
{
    QFETCH(QString, path);
    if (path.isEmpty()) {
        QSKIP("clamav-testfiles is not installed");
    }
    // C14: in a child, since the point is to see whether the scanner dies.
    const QByteArray whole = fileBytes(path);
    const pid_t child = ::fork();
    if (child == 0) {
        QRandomGenerator random(4711);
        for (int round = 0; round < 12; ++round) {
            QByteArray damaged = whole;
            if (round % 3 == 0) {
                damaged.truncate(qsizetype(random.bounded(quint32(whole.size()) + 1)));
            }
            for (int i = 0; i < 8 && round % 3 != 0 && !damaged.isEmpty(); ++i) {
                damaged[qsizetype(random.bounded(quint32(damaged.size())))] = char(
                    random.generate());
            }
            if (const auto finding = scan(damaged); !finding) {
                ::_exit(finding.error().isTransient() ? 0 : 1);
            }
        }
        ::_exit(0);
    }
    int status = -1;
    QCOMPARE(::waitpid(child, &status, 0), child);
    QVERIFY2(WIFEXITED(status) && WEXITSTATUS(status) == 0, qPrintable(path));
}

void TestClamEngine::refusesBadDatabase_data()
{
    QTest::addColumn<QByteArray>("fileName");
    QTest::addColumn<QByteArray>("text");
    const QByteArray hashes = fileBytes(signatures() + QStringLiteral("/portcullis.hdb"));
    const QByteArray patterns = fileBytes(signatures() + QStringLiteral("/portcullis.ndb"));
    QTest::newRow("F8 empty folder") << QByteArray() << QByteArray();
    QTest::newRow("F8 empty file") << QByteArray("main.ndb") << QByteArray();
    QTest::newRow("F8 truncated pattern") << QByteArray("main.ndb") << patterns.first(60);
    QTest::newRow("F8 truncated hash") << QByteArray("main.hdb") << hashes.first(20);
    QTest::newRow("F8 garbage") << QByteArray("main.ndb") << QByteArray("\x01\x02 no signature\n");
    QTest::newRow("F8 truncated container") << QByteArray("main.cvd") << QByteArray("ClamAV-VDB:");
    QTest::newRow("F8 container of zeros") << QByteArray("main.cld") << QByteArray(4096, '\0');
}

void TestClamEngine::refusesBadDatabase()
{
    QFETCH(QByteArray, fileName);
    QFETCH(QByteArray, text);
    const QTemporaryDir folder;
    if (!fileName.isEmpty()) {
        QFile file(folder.filePath(QString::fromLatin1(fileName)));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(text);
    }
    const auto engine = ClamEngine::load(folder.path(), {});
    QVERIFY(!engine);
    QCOMPARE(engine.error().id, QByteArray("clamav.database"));
    QVERIFY(engine.error().isTransient());
    QVERIFY(!engine.error().detail.isEmpty());
    // The engine that was there goes on.
    QCOMPARE(scan(eicar())->kind(), Kind::Virus);
}

void TestClamEngine::refusesShrunkenDatabase()
{
    // F8: cut at the end of a line, a signature file is well-formed.
    const auto engine = ClamEngine::load(signatures(), {}, 1000);
    QVERIFY(!engine);
    QCOMPARE(engine.error().id, QByteArray("clamav.database"));
}

void TestClamEngine::tellsDatabasesApart()
{
    const QTemporaryDir folder;
    const DatabaseStamp empty = DatabaseStamp::of(folder.path());
    QVERIFY(empty == DatabaseStamp::of(QStringLiteral("/nonexistent")));
    QFile file(folder.filePath(QStringLiteral("a.ndb")));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("x");
    file.flush();
    const DatabaseStamp first = DatabaseStamp::of(folder.path());
    QVERIFY(!(first == empty));
    QVERIFY(first == DatabaseStamp::of(folder.path()));
    file.write("y");
    file.flush();
    QVERIFY(!(first == DatabaseStamp::of(folder.path())));
}

void TestClamEngine::scansFromSeveralThreadsAcrossReload()
{
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    std::shared_ptr<const ClamEngine> engine = *ClamEngine::load(signatures(), {});
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([engine, &right] {
            for (int round = 0; round < 25; ++round) {
                const auto virus = engine->scan(mail::Content(mailWith(eicar())), "Q1");
                const auto clean = engine->scan(mail::Content(mailWith("harmless")), "Q2");
                right += virus && virus->kind() == Kind::Virus && clean
                         && clean->kind() == Kind::Clean;
            }
        });
    }
    // A reload meanwhile: the old engine lives as long as a scan holds it.
    engine = *ClamEngine::load(signatures(), {});
    for (std::thread &thread : threads) {
        thread.join();
    }
    QCOMPARE(right.load(), 100);
    QCOMPARE(engine->scan(mail::Content(eicar()), "Q1")->kind(), Kind::Virus);
}

void TestClamEngine::isSharedByForkedWorkers()
{
    std::vector<pid_t> workers;
    for (int i = 0; i < 3; ++i) {
        const pid_t worker = ::fork();
        if (worker == 0) {
            const auto finding = scan(mailWith(eicar()));
            ::_exit(finding && finding->kind() == Kind::Virus ? 0 : 1);
        }
        workers.push_back(worker);
    }
    for (const pid_t worker : workers) {
        int status = -1;
        QCOMPARE(::waitpid(worker, &status, 0), worker);
        QVERIFY(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        QVERIFY(!scratchOf(worker).isEmpty());
    }
    // Their folders are swept, ours stays.
    ClamEngine::sweepScratch(m_engine->settings());
    for (const pid_t worker : workers) {
        QVERIFY(scratchOf(worker).isEmpty());
    }
    QVERIFY(!scratchOf(::getpid()).isEmpty());
}

QTEST_GUILESS_MAIN(TestClamEngine)
#include "tst_clamengine.moc"
