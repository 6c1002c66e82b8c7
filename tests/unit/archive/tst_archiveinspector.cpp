// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archive/ArchiveInspector.h"
#include "tests/unit/archive/TestArchives.h"

#include <QtTest/QtTest>

#include <csignal>

using namespace portcullis::archive;
using namespace portcullis::archive::testing;
using namespace std::chrono_literals;

Q_DECLARE_METATYPE(portcullis::archive::ListingFlags)
Q_DECLARE_METATYPE(portcullis::archive::ArchiveLimit)

namespace {

QString corpora()
{
    const QString given = qEnvironmentVariable("PORTCULLIS_CORPORA");
    const QString root = given.isEmpty()
                             ? QStringLiteral(PORTCULLIS_SOURCE_DIR "/../shared/corpora")
                             : given;
    return root + QStringLiteral("/malware-safe");
}

QByteArray fileBytes(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QString describe(const Listing &listing)
{
    QString text = QStringLiteral("%1 flags %2 limit %3 \"%4\"")
                       .arg(QString::fromLatin1(listing.format))
                       .arg(int(listing.flags), 0, 16)
                       .arg(int(listing.limit))
                       .arg(listing.detail);
    for (const Entry &entry : listing.entries) {
        text += QStringLiteral(" [%1]").arg(QString::fromUtf8(entry.path));
    }
    return text;
}

std::vector<QByteArray> pathsOf(const Listing &listing)
{
    std::vector<QByteArray> paths;
    for (const Entry &entry : listing.entries) {
        paths.push_back(entry.container.isEmpty() ? entry.path
                                                  : entry.container + '|' + entry.path);
    }
    std::ranges::sort(paths);
    return paths;
}

QByteArray nested(const QByteArray &innermost, int levels)
{
    QByteArray bytes = innermost;
    for (int i = 0; i < levels; ++i) {
        bytes = zipOf({{"n" + QByteArray::number(i) + ".zip", bytes}});
    }
    return bytes;
}

}  // namespace

class TestArchiveInspector : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_inspector = std::make_unique<ArchiveInspector>(m_settings); }
    void tellsWhatToInspect();
    void listsMembers();
    void listsNestedMembers();
    void tellsTypesByContentAndName();
    void finds_data();
    void finds();
    void writesNothing();
    void cutsBombs_data();
    void cutsBombs();
    void cutsRecursiveBomb();
    void listsBothNames();
    void findsEncryption_data();
    void findsEncryption();
    void isKilledWhenItHangs();
    void survivesDeathOfHelper();
    void replacesHelperAfterItsTurn();
    void failsWithoutHelper();
    void isConfined_data();
    void isConfined();
    void judgesEveryArchiveOfTheZoo();
    void listsClamavsTestFiles();

private:
    Listing inspect(const QByteArray &bytes)
    {
        auto listing = m_inspector->inspect(bytes);
        if (!listing) {
            qFatal("%s", qPrintable(listing.error().toString()));
        }
        return *listing;
    }
    static QString helper()
    {
        return QStringLiteral(PORTCULLIS_BINARY_DIR "/bin/pmg-archive-inspector");
    }

    InspectorSettings m_settings;
    std::unique_ptr<ArchiveInspector> m_inspector;
};

void TestArchiveInspector::tellsWhatToInspect()
{
    const auto looks = [](const char *bytes, const char *name, const char *type) {
        return ArchiveInspector::looksLikeArchive(QByteArray(bytes), name, type);
    };
    QVERIFY(looks("PK\3\4", "a.txt", "text/plain"));
    QVERIFY(looks("hello", "A.ZIP", "text/plain"));
    QVERIFY(looks("hello", "a", "application/x-zip-compressed"));
    QVERIFY(!looks("hello", "a.txt", "text/plain"));
    QVERIFY(!looks("\x89PNG", "a.png", "image/png"));
    QVERIFY(!looks("", "", ""));
}

void TestArchiveInspector::listsMembers()
{
    const Listing listing = inspect(
        zipOf({{"a.txt", "hello"}, {.name = "b/c.txt", .content = "x", .isDeflated = true}}));
    QVERIFY2(listing.flags == ListingFlags(), qPrintable(describe(listing)));
    QCOMPARE(listing.format, QByteArray("zip"));
    QCOMPARE(pathsOf(listing), (std::vector<QByteArray>{"a.txt", "b/c.txt"}));
    QCOMPARE(listing.entries[0].declaredSize, 5);
    QCOMPARE(listing.entries[0].deliveredSize, 5);
    QVERIFY(inspect("just text").flags == ListingFlags(ListingFlag::NotAnArchive));
    QVERIFY(inspect(QByteArray()).flags == ListingFlags(ListingFlag::NotAnArchive));
}

void TestArchiveInspector::listsNestedMembers()
{
    const QByteArray inner = tarOf({tarMember("deep.txt", "hello")});
    const Listing listing = inspect(zipOf({{"a.tar", inner}, {"b.txt", "x"}}));
    QVERIFY2(listing.flags == ListingFlags(), qPrintable(describe(listing)));
    QCOMPARE(pathsOf(listing), (std::vector<QByteArray>{"a.tar", "a.tar|deep.txt", "b.txt"}));
    for (const Entry &entry : listing.entries) {
        QCOMPARE(entry.depth, entry.container.isEmpty() ? 1 : 2);
    }
}

void TestArchiveInspector::tellsTypesByContentAndName()
{
    const QByteArray program = "MZ" + QByteArray(62, '\0') + "PE\0\0" + QByteArray(200, '\0');
    const Listing listing = inspect(zipOf({{"invoice.pdf", program}}));
    QCOMPARE(listing.entries.size(), 1U);
    QCOMPARE(listing.entries[0].nameType, QByteArray("application/pdf"));
    QVERIFY2(listing.entries[0].contentType.contains("executable"),
             listing.entries[0].contentType.constData());
}

void TestArchiveInspector::finds_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<ListingFlags>("flags");
    const auto row = [](const char *name, const QByteArray &bytes, ListingFlags flags) {
        QTest::newRow(name) << bytes << flags;
    };
    const ListingFlags none;
    row("C5 tar with ..", tarOf({tarMember("../../etc/passwd", "x")}), ListingFlag::Traversal);
    row("C5 tar with absolute name", tarOf({tarMember("/etc/cron.d/x", "x")}),
        ListingFlag::Traversal);
    row("C5 tar with link outside", tarOf({tarMember("a", {}, '2', "../../x")}),
        ListingFlag::Traversal);
    row("C5 tar with hard link outside", tarOf({tarMember("a", {}, '1', "/etc/passwd")}),
        ListingFlag::Traversal);
    row("C5 tar with harmless link", tarOf({tarMember("b", "x"), tarMember("a", {}, '2', "b")}),
        none);
    row("C5 tar with device", tarOf({tarMember("sda", {}, '4')}), none);
    row("C5 name is a command", tarOf({tarMember("$(touch x).txt`id`;|", "x")}), none);
    row("C5 zip with ..", zipOf({{"..\\..\\a.exe", "x"}}), ListingFlag::Traversal);
    row("C5 zip with drive", zipOf({{"C:\\a.exe", "x"}}), ListingFlag::Traversal);
    row("C5 zip with two dots in a name", zipOf({{"a..b/..c", "x"}}), none);
    row("C5 local name differs", zipOf({{.name = "a.txt", .content = "x", .localName = "a.exe"}}),
        ListingFlag::Mismatch);
    row("C5 duplicate names", zipOf({{"a.txt", "x"}, {"a.txt", "yy"}}), ListingFlag::Mismatch);
    row("C5 prepended program", ZipWriter("MZ program").finish(), none);
    row(
        "C5 polyglot",
        [] {
            ZipWriter writer("%PDF-1.7\n%%EOF\n");
            writer.add({"a.txt", "x"});
            return writer.finish();
        }(),
        ListingFlag::Surroundings);
    row("C5 appended data", zipOf({{"a.txt", "x"}}) + "tail", ListingFlag::Surroundings);
    row("C5 truncated zip", zipOf({{"a.txt", QByteArray(5000, 'x')}}).first(3000),
        ListingFlag::Broken);
    row("C5 truncated tar", tarOf({tarMember("a", QByteArray(5000, 'x'))}).first(3000),
        ListingFlag::Broken);
    row("C5 no reader", QByteArray("ALZ\1") + QByteArray(100, 'x'), ListingFlag::Unsupported);
    row("C6 RAR 5 with encrypted headers",
        QByteArray("Rar!\x1A\7\1\0\0\0\0\0\x21\4", 14) + QByteArray(64, 'x'),
        ListingFlag::Encrypted);
}

void TestArchiveInspector::finds()
{
    QFETCH(QByteArray, bytes);
    QFETCH(ListingFlags, flags);
    ListingFlags found = inspect(bytes).flags;
    found.setFlag(ListingFlag::NotAnArchive, false);
    QVERIFY2(found == flags, qPrintable(describe(inspect(bytes))));
}

void TestArchiveInspector::writesNothing()
{
    const QTemporaryDir folder;
    const QByteArray target = QFile::encodeName(folder.filePath(QStringLiteral("owned")));
    inspect(tarOf({tarMember(target, "x"), tarMember("$(touch " + target + ")", "x"),
                   tarMember("../../../../../../../../.." + target, "x")}));
    QVERIFY(QDir(folder.path()).isEmpty());
}

void TestArchiveInspector::cutsBombs_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<ArchiveLimit>("limit");
    const auto zeros = [](int megabytes) {
        return ZipPart{.name = "zeros",
                       .content = {},
                       .isDeflated = true,
                       .claimedSize = qMin<qint64>(qint64(megabytes) << 20, 0xfffffffe),
                       .packed = deflatedZeros(megabytes)};
    };
    QTest::newRow("C5 flat, 10 MB to 10 GB") << zipOf({zeros(10240)}) << ArchiveLimit::Bytes;
    QTest::newRow("C5 flat, 100 KB to 100 MB") << zipOf({zeros(100)}) << ArchiveLimit::Ratio;
    ZipPart liar = zeros(10240);
    liar.claimedSize = 10;
    QTest::newRow("C5 flat, says 10 bytes") << zipOf({liar}) << ArchiveLimit::Bytes;
    QTest::newRow("C5 slow but large")
        << zipOf({zeros(200), {"noise", QByteArray(2'000'000, 'x')}}) << ArchiveLimit::Bytes;
    ZipWriter overlapping;
    overlapping.add(zeros(10));
    for (int i = 0; i < 500; ++i) {
        overlapping.listAgain("copy" + QByteArray::number(i));
    }
    QTest::newRow("C5 overlapping entries") << overlapping.finish() << ArchiveLimit::Ratio;
    QList<ZipPart> many;
    for (int i = 0; i < 1500; ++i) {
        many.append({QByteArray::number(i), "x"});
    }
    QTest::newRow("C5 too many entries") << zipOf(many) << ArchiveLimit::Entries;
    QTest::newRow("C5 too deep") << nested(zipOf({{"a", "x"}}), 4) << ArchiveLimit::Levels;
    QTest::newRow("C5 nested archive too large")
        << zipOf({{.name = "a.zip", .content = "PK\3\4" + QByteArray(3'000'000, 'x')}})
        << ArchiveLimit::Bytes;
}

void TestArchiveInspector::cutsBombs()
{
    QFETCH(QByteArray, bytes);
    QFETCH(ArchiveLimit, limit);
    InspectorSettings settings;
    settings.limits.totalBytes = 150'000'000;
    settings.limits.nestedBytes = 2'000'000;
    ArchiveInspector inspector(settings);
    const auto listing = inspector.inspect(bytes);
    QVERIFY(listing);
    QVERIFY2(listing->flags.testFlag(ListingFlag::LimitExceeded), qPrintable(describe(*listing)));
    QVERIFY(listing->isUnscannable());
    QCOMPARE(listing->limit, limit);
}

void TestArchiveInspector::cutsRecursiveBomb()
{
    // As 42.zip without its password: 16 copies at each of three levels, then zeros.
    QByteArray bytes = zipOf(
        {{.name = "z", .content = QByteArray(1'000'000, '\0'), .isDeflated = true}});
    for (int level = 0; level < 3; ++level) {
        QList<ZipPart> copies;
        for (int i = 0; i < 16; ++i) {
            copies.append({.name = "lib " + QByteArray::number(i) + ".zip",
                           .content = bytes,
                           .isDeflated = true});
        }
        bytes = zipOf(copies);
    }
    const Listing listing = inspect(bytes);
    QVERIFY2(listing.flags.testFlag(ListingFlag::LimitExceeded), qPrintable(describe(listing)));
    QVERIFY(listing.entries.size() <= m_settings.limits.entries);
}

void TestArchiveInspector::listsBothNames()
{
    const Listing listing = inspect(
        zipOf({{.name = "a.txt", .content = "x", .localName = "a.exe"},
               {.name = "hidden.js", .content = "y", .isListed = false}}));
    const auto paths = pathsOf(listing);
    for (const char *name : {"a.txt", "a.exe", "hidden.js"}) {
        QVERIFY2(std::ranges::count(paths, QByteArray(name)) == 1, qPrintable(describe(listing)));
    }
}

void TestArchiveInspector::findsEncryption_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("command");
    const auto row = [](const char *title, const char *name, const char *command) {
        QTest::newRow(title) << QString::fromLatin1(name) << QString::fromLatin1(command);
    };
    row("C6 zip", "x.zip", "zip -q -P geheim x.zip secret.txt");
    row("C6 zip AES", "x.zip", "7z a -bd -tzip -mem=AES256 -pgeheim x.zip secret.txt");
    row("C6 7z", "x.7z", "7z a -bd -pgeheim x.7z secret.txt");
    row("C6 7z with encrypted headers", "x.7z", "7z a -bd -pgeheim -mhe=on x.7z secret.txt");
}

void TestArchiveInspector::findsEncryption()
{
    QFETCH(QString, name);
    QFETCH(QString, command);
    const QTemporaryDir folder;
    QFile secret(folder.filePath(QStringLiteral("secret.txt")));
    QVERIFY(secret.open(QIODevice::WriteOnly) && secret.write("secret") == 6);
    secret.close();
    QProcess archiver;
    archiver.setWorkingDirectory(folder.path());
    archiver.startCommand(command);
    if (!archiver.waitForFinished() || archiver.exitCode() != 0) {
        QSKIP("The archiver is not installed");
    }
    const QByteArray bytes = fileBytes(folder.filePath(name));
    for (const QByteArray &whole : {bytes, zipOf({{"outer", bytes}})}) {
        const Listing listing = inspect(whole);
        QVERIFY2(listing.isEncrypted(), qPrintable(describe(listing)));
        QVERIFY2(!listing.flags.testFlag(ListingFlag::Broken), qPrintable(describe(listing)));
        for (const Entry &entry : listing.entries) {
            QVERIFY(!entry.isEncrypted || entry.deliveredSize == 0);
        }
    }
}

void TestArchiveInspector::isKilledWhenItHangs()
{
    InspectorSettings settings;
    settings.helperPath = QStringLiteral("/bin/sleep");  // never answers; ignores its arguments
    const QTemporaryDir folder;
    settings.helperPath = folder.filePath(QStringLiteral("helper"));
    QFile script(settings.helperPath);
    QVERIFY(script.open(QIODevice::WriteOnly));
    script.write("#!/bin/sh\nexec sleep 1000\n");
    script.setPermissions(QFile::ReadOwner | QFile::ExeOwner);
    script.close();
    settings.limits.time = 100ms;
    ArchiveInspector inspector(settings);
    const auto listing = inspector.inspect("PK\3\4");
    QVERIFY(listing);
    QCOMPARE(listing->limit, ArchiveLimit::Time);
    QVERIFY(listing->isUnscannable());
}

void TestArchiveInspector::survivesDeathOfHelper()
{
    const QTemporaryDir folder;
    InspectorSettings settings;
    settings.helperPath = folder.filePath(QStringLiteral("helper"));
    QFile script(settings.helperPath);
    QVERIFY(script.open(QIODevice::WriteOnly));
    script.write("#!/bin/sh\nkill -SEGV $$\n");
    script.setPermissions(QFile::ReadOwner | QFile::ExeOwner);
    script.close();
    ArchiveInspector dying(settings);
    const auto listing = dying.inspect(zipOf({{"a", "x"}}));
    QVERIFY(listing);
    QVERIFY(listing->flags.testFlag(ListingFlag::HelperDied));
    QVERIFY(listing->isUnscannable());

    // The real one is killed between two requests, by whoever: the next one is not blamed.
    inspect(zipOf({{"a", "x"}}));
    QProcess find;
    find.start(QStringLiteral("pgrep"),
               {QStringLiteral("-P"), QString::number(::getpid()), QStringLiteral("pmg-archive")});
    if (!find.waitForFinished()) {
        QSKIP("pgrep is not installed");
    }
    const int pid = find.readAll().trimmed().toInt();
    QVERIFY(pid > 0);
    ::kill(pid, SIGKILL);
    QVERIFY(inspect(zipOf({{"a", "x"}})).flags == ListingFlags());
}

void TestArchiveInspector::replacesHelperAfterItsTurn()
{
    InspectorSettings settings;
    settings.usesPerHelper = 2;
    ArchiveInspector inspector(settings);
    for (int i = 0; i < 7; ++i) {
        const auto listing = inspector.inspect(zipOf({{"a", "x"}}));
        QVERIFY(listing);
        QVERIFY(listing->flags == ListingFlags());
    }
}

void TestArchiveInspector::failsWithoutHelper()
{
    InspectorSettings settings;
    settings.helperPath = QStringLiteral("/nonexistent/helper");
    ArchiveInspector inspector(settings);
    const auto listing = inspector.inspect("PK\3\4");
    QVERIFY(!listing);
    QCOMPARE(listing.error().id, QByteArray("archive.helper"));
    QVERIFY(listing.error().isTransient());
}

void TestArchiveInspector::isConfined_data()
{
    QTest::addColumn<QString>("attempt");
    for (const char *attempt :
         {"write", "append", "read", "unlink", "socket", "signal", "fork", "memory", "exec"}) {
        QTest::newRow(attempt) << QString::fromLatin1(attempt);
    }
}

void TestArchiveInspector::isConfined()
{
    QFETCH(QString, attempt);
    QProcess process;
    process.start(helper(), {QStringLiteral("--attempt"), attempt});
    QVERIFY(process.waitForFinished());
    if (attempt == QLatin1String("exec")) {
        QCOMPARE(process.exitStatus(), QProcess::CrashExit);  // killed on the spot
        return;
    }
    if (attempt == QLatin1String("read") && process.exitCode() == 5
        && !QFile::exists(QStringLiteral("/sys/kernel/security/landlock"))) {
        QSKIP("This kernel may be without Landlock: reading is not confined");
    }
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 0);
}

void TestArchiveInspector::judgesEveryArchiveOfTheZoo()
{
    const QString zoo = corpora() + QStringLiteral("/archives/libarchive.tar.xz");
    if (!QFile::exists(zoo)) {
        QSKIP("The archive corpus is not here");
    }
    const QTemporaryDir folder;
    QCOMPARE(QProcess::execute(QStringLiteral("tar"),
                               {QStringLiteral("-xf"), zoo, QStringLiteral("-C"), folder.path()}),
             0);
    m_settings.limits.time = 2s;
    init();
    int count = 0;
    int encrypted = 0;
    int readable = 0;
    for (const QString &root :
         {folder.path(), corpora() + QStringLiteral("/archives/rarfile"),
          corpora() + QStringLiteral("/clamav-other"), corpora() + QStringLiteral("/zip-bomb"),
          corpora() + QStringLiteral("/eicar")}) {
        QDirIterator files(root, QDir::Files, QDirIterator::Subdirectories);
        while (files.hasNext()) {
            const auto listing = m_inspector->inspect(fileBytes(files.next()));
            QVERIFY2(listing, qPrintable(files.fileName()));
            ++count;
            encrypted += listing->isEncrypted();
            readable += listing->flags == ListingFlags() && !listing->entries.empty();
            // C6: what is called encrypted and is an archive must never come out as plainly readable.
            const bool isCalledEncrypted = files.fileName().contains(QLatin1String("-psw"))
                                           || files.fileName().contains(QLatin1String("-hpsw"));
            if (isCalledEncrypted && !files.fileName().endsWith(QLatin1String(".exp"))) {
                QVERIFY2(listing->isEncrypted() || listing->isUnscannable(),
                         qPrintable(files.fileName() + describe(*listing)));
            }
        }
    }
    qInfo("%d files: %d read without a fault, %d encrypted", count, readable, encrypted);
    QVERIFY(count > 400);
    QVERIFY(readable > 200);
    QVERIFY(encrypted > 20);
    m_settings = {};
}

void TestArchiveInspector::listsClamavsTestFiles()
{
    const QDir folder(QStringLiteral("/usr/share/clamav-testfiles"));
    if (!folder.exists()) {
        QSKIP("clamav-testfiles is not installed");
    }
    for (const char *name :
         {"clam.7z", "clam.cab", "clam.zip", "clam.bz2.zip", "clam.tar.gz", "clam.exe.bz2",
          "clam.bin-be.cpio", "clam.bin-le.cpio", "clam.newc.cpio", "clam.odc.cpio"}) {
        const Listing listing = inspect(fileBytes(folder.filePath(QString::fromLatin1(name))));
        QVERIFY2(listing.flags == ListingFlags() && listing.entries.size() == 1,
                 qPrintable(describe(listing)));
        QCOMPARE(listing.entries[0].deliveredSize, 544);
        QVERIFY(listing.entries[0].contentType.contains("executable"));
    }
    for (const char *name : {"clam.arj", "clam.impl.zip", "clam.exe.szdd"}) {
        const Listing listing = inspect(fileBytes(folder.filePath(QString::fromLatin1(name))));
        QVERIFY2(listing.isUnscannable(), qPrintable(describe(listing)));
    }
}

QTEST_GUILESS_MAIN(TestArchiveInspector)
#include "tst_archiveinspector.moc"
