// SPDX-License-Identifier: GPL-2.0-or-later
// The architecture as a test: which folder may include which, where SQL may stand, and which libraries
// must never meet in one program. docs/developer/architecture.md explains the table.
#include <QtCore/QDir>
#include <QtCore/QDirIterator>
#include <QtCore/QFile>
#include <QtCore/QMap>
#include <QtCore/QRegularExpression>
#include <QtTest/QtTest>

namespace portcullis {

class TestLayers final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void everyFolderHasAFloor();
    void arrowsPointDownOnly();
    void wrongArrowsAreFound_data();
    void wrongArrowsAreFound();
    void sqlStandsInStoresOnly();
    void clamavAndHttpServerNeverMeet();
    void aProgramWithBothWouldBeFound();
};

namespace {

/// A folder may include those with a smaller number, itself, and shared/. Folders with the same number
/// do not include each other.
const QMap<QString, int> &floors()
{
    static const QMap<QString, int> table{
        {QStringLiteral("base"), 1},
        {QStringLiteral("config"), 2},
        {QStringLiteral("store"), 2},
        {QStringLiteral("mail"), 2},
        {QStringLiteral("verdict"), 3},
        {QStringLiteral("smtp"), 4},
        {QStringLiteral("spool"), 4},
        {QStringLiteral("policy"), 4},
        {QStringLiteral("authentication"), 4},
        {QStringLiteral("antivirus"), 4},
        {QStringLiteral("archive"), 4},
        {QStringLiteral("spam"), 4},
        {QStringLiteral("rules"), 4},
        {QStringLiteral("quarantine"), 4},
        {QStringLiteral("tracking"), 4},
        {QStringLiteral("archivist"), 5},
        {QStringLiteral("filter"), 5},
        {QStringLiteral("delivery"), 5},
        {QStringLiteral("mta"), 6},
        {QStringLiteral("daemons"), 7},
        {QStringLiteral("cli"), 7},
    };
    return table;
}

struct Arrow {
    QString file;    ///< "appliance/spool/Spool.cpp"
    QString target;  ///< "appliance/mail/Content.h"
};

QString folderOf(const QString &path)
{
    return path.section(QLatin1Char('/'), 1, 1);
}

bool isStoreFile(const QString &path)
{
    return path.section(QLatin1Char('/'), -1).startsWith(QLatin1String("Pg"));
}

/// Why the arrow is wrong; empty if it is right.
QString complaint(const Arrow &arrow)
{
    const bool pointsToShared = arrow.target.startsWith(QLatin1String("shared/"));
    if (arrow.file.startsWith(QLatin1String("shared/"))) {
        return pointsToShared ? QString() : QStringLiteral("shared/ includes shared/ only");
    }
    if (pointsToShared) {
        return {};
    }
    if (!arrow.target.startsWith(QLatin1String("appliance/"))) {
        return QStringLiteral("the appliance includes appliance/ and shared/ only");
    }
    const QString from = folderOf(arrow.file);
    const QString to = folderOf(arrow.target);
    if (from == to) {
        return {};
    }
    if (floors().value(to, 99) >= floors().value(from, 0)) {
        return QStringLiteral("%1 is not below %2").arg(to, from);
    }
    const bool isEngine = floors().value(from) < floors().value(QStringLiteral("archivist"));
    if (to == QLatin1String("store") && isEngine && !isStoreFile(arrow.file)) {
        return QStringLiteral("only Pg* files of a module use store");
    }
    return {};
}

QStringList sourceFiles(const QString &folder)
{
    QStringList files;
    const QDir root(QStringLiteral(PORTCULLIS_SOURCE_DIR));
    QDirIterator it(root.filePath(folder), {QStringLiteral("*.h"), QStringLiteral("*.cpp")},
                    QDir::Files, QDirIterator::Subdirectories);
    while (it.hasNext()) {
        files.append(root.relativeFilePath(it.next()));
    }
    files.sort();
    return files;
}

QByteArray contentOf(const QString &path)
{
    QFile file(QStringLiteral(PORTCULLIS_SOURCE_DIR "/") + path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QList<Arrow> arrowsOf(const QString &file)
{
    static const QRegularExpression include(QStringLiteral("^\\s*#\\s*include\\s+\"([^\"]+)\""),
                                            QRegularExpression::MultilineOption);
    QList<Arrow> arrows;
    auto matches = include.globalMatch(QString::fromUtf8(contentOf(file)));
    while (matches.hasNext()) {
        const QString target = matches.next().captured(1);
        // Generated: the moc output of the file itself.
        if (!target.endsWith(QLatin1String(".moc")) && !target.startsWith(QLatin1String("moc_"))) {
            arrows.append({file, target});
        }
    }
    return arrows;
}

/// Programs whose link line in a build.ninja names both libraries.
QStringList programsWithBoth(const QString &buildFile, const QString &one, const QString &other)
{
    QStringList found;
    QString program;
    for (const QString &line : buildFile.split(QLatin1Char('\n'))) {
        if (line.startsWith(QLatin1String("build "))) {
            program = line.contains(QLatin1String("EXECUTABLE_LINKER"))
                          ? line.section(QLatin1Char(' '), 1, 1).chopped(1)
                          : QString();
        } else if (!program.isEmpty() && line.trimmed().startsWith(QLatin1String("LINK_LIBRARIES"))
                   && line.contains(one) && line.contains(other)) {
            found.append(program);
        }
    }
    return found;
}

const QString clamav = QStringLiteral("libclamav");
const QString httpServer = QStringLiteral("Qt6HttpServer");

}  // namespace

void TestLayers::everyFolderHasAFloor()
{
    const QDir appliance(QStringLiteral(PORTCULLIS_SOURCE_DIR "/appliance"));
    for (const QString &folder : appliance.entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        QVERIFY2(floors().contains(folder), qPrintable(folder));
    }
}

void TestLayers::arrowsPointDownOnly()
{
    QStringList complaints;
    int arrows = 0;
    for (const QString &file :
         sourceFiles(QStringLiteral("shared")) + sourceFiles(QStringLiteral("appliance"))) {
        for (const Arrow &arrow : arrowsOf(file)) {
            ++arrows;
            if (const QString reason = complaint(arrow); !reason.isEmpty()) {
                complaints.append(
                    QStringLiteral("%1 includes %2: %3").arg(arrow.file, arrow.target, reason));
            }
        }
    }
    QVERIFY2(arrows > 100, "the sources were not found");
    QVERIFY2(complaints.isEmpty(), qPrintable(complaints.join(QLatin1Char('\n'))));
}

void TestLayers::wrongArrowsAreFound_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("target");
    QTest::addColumn<bool>("isRight");
    const auto row = [](const char *name, const char *file, const char *target, bool isRight) {
        QTest::newRow(name) << QString::fromLatin1(file) << QString::fromLatin1(target) << isRight;
    };
    row("down", "appliance/spool/Spool.cpp", "appliance/mail/Content.h", true);
    row("to shared", "appliance/spool/Spool.cpp", "shared/base/Result.h", true);
    row("within a folder", "appliance/smtp/server/Session.cpp", "appliance/smtp/Reply.h", true);
    row("sideways", "appliance/spool/Spool.cpp", "appliance/rules/RuleSet.h", false);
    row("up", "appliance/mail/Content.cpp", "appliance/spool/Spool.h", false);
    row("out of shared", "shared/schema/Schema.cpp", "appliance/base/Log.h", false);
    row("into the tests", "appliance/mail/Content.cpp", "tests/support/Sink.h", false);
    row("store from an engine", "appliance/rules/RuleSet.cpp", "appliance/store/Database.h", false);
    row("store from its Pg file", "appliance/rules/PgRules.cpp", "appliance/store/Database.h",
        true);
}

void TestLayers::wrongArrowsAreFound()
{
    QFETCH(QString, file);
    QFETCH(QString, target);
    QFETCH(bool, isRight);
    QCOMPARE(complaint({file, target}).isEmpty(), isRight);
}

void TestLayers::sqlStandsInStoresOnly()
{
    static const QRegularExpression sqlHeader(
        QStringLiteral("#\\s*include\\s*<(QtSql/|QSql|libpq)"));
    QStringList complaints;
    for (const QString &file : sourceFiles(QStringLiteral("appliance"))) {
        const bool mayUseSql = folderOf(file) == QLatin1String("store") || isStoreFile(file);
        if (!mayUseSql && QString::fromUtf8(contentOf(file)).contains(sqlHeader)) {
            complaints.append(file);
        }
    }
    QVERIFY2(complaints.isEmpty(), qPrintable(complaints.join(QLatin1Char('\n'))));
}

void TestLayers::clamavAndHttpServerNeverMeet()
{
    QFile file(QStringLiteral(PORTCULLIS_BINARY_DIR "/build.ninja"));
    if (!file.open(QIODevice::ReadOnly)) {
        QSKIP("not built with Ninja: no link lines to read");
    }
    const QString lines = QString::fromUtf8(file.readAll());
    QVERIFY(lines.contains(QLatin1String("EXECUTABLE_LINKER")));
    // libclamav is GPL-2.0-only, QtHttpServer GPL-3.0-only: no licence covers a program with both.
    QCOMPARE(programsWithBoth(lines, clamav, httpServer), QStringList());
}

void TestLayers::aProgramWithBothWouldBeFound()
{
    const QString lines = QStringLiteral(
        "build bin/one: CXX_EXECUTABLE_LINKER__one_Debug a.o\n"
        "  LINK_LIBRARIES = /usr/lib/libclamav.so\n"
        "build bin/both: CXX_EXECUTABLE_LINKER__both_Debug b.o | c.a\n"
        "  FLAGS = -g\n"
        "  LINK_LIBRARIES = /usr/lib/libclamav.so /usr/lib/libQt6HttpServer.so.6.4.2\n"
        "build libx.a: CXX_STATIC_LIBRARY_LINKER__x d.o\n"
        "  LINK_LIBRARIES = libclamav Qt6HttpServer\n");
    QCOMPARE(programsWithBoth(lines, clamav, httpServer), QStringList{QStringLiteral("bin/both")});
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestLayers)
#include "TestLayers.moc"
