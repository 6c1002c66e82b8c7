// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/SectionFile.h"

#include <QtCore/QRandomGenerator>
#include <QtTest/QtTest>

namespace portcullis::schema {

class TestSectionFile final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void writesWhatItReadByteForByte_data();
    void writesWhatItReadByteForByte();
    void refusesWithFileLineAndReason_data();
    void refusesWithFileLineAndReason();
    void changesTouchOnlyTheirLine();
    void addsKeysAtTheEndOfTheirSection();
    void addsMissingSections();
    void refusesValuesThatWouldForgeLines();
    void neverMakesAFileItCannotRead();
    void mapFilesWriteWhatTheyRead_data();
    void mapFilesWriteWhatTheyRead();
    void mapFilesRefuseWithFileLineAndReason_data();
    void mapFilesRefuseWithFileLineAndReason();
    void mapEntriesKeepTheirComment();
    void mapEntriesAreChangedInPlace();
    void removingAnEntryTakesItsCommentAlong();
};

namespace {

const auto before = MapFile::CommentStyle::LineBefore;
const auto trailing = MapFile::CommentStyle::Trailing;
const QString name = QStringLiteral("pmg.conf");

SectionFile parsed(const QByteArray &bytes)
{
    auto file = SectionFile::parse(bytes, name);
    Q_ASSERT(file.has_value());
    return file.take();
}

}  // namespace

void TestSectionFile::writesWhatItReadByteForByte_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("empty file") << QByteArray();
    QTest::newRow("one section") << QByteArray("section: mail\n\tbanner ESMTP x\n");
    QTest::newRow("comments and blank lines")
        << QByteArray("# top\n\nsection: mail\n\t# inner\n\tbanner x\n\n\n# end\n");
    QTest::newRow("blanks in odd places") << QByteArray("section:mail  \n    banner \t a  b \n \n");
    QTest::newRow("no line feed at the end") << QByteArray("section: mail\n\tbanner x");
    QTest::newRow("an empty value") << QByteArray("section: mail\n\tbanner\n");
    QTest::newRow("other section types") << QByteArray("ldap: office\n\tserver1 a\n");
}

void TestSectionFile::writesWhatItReadByteForByte()
{
    QFETCH(QByteArray, bytes);
    const auto file = SectionFile::parse(bytes, name);
    QVERIFY2(file, file ? "" : qPrintable(file.error().detail));
    QCOMPARE(file->toBytes(), bytes);
}

void TestSectionFile::refusesWithFileLineAndReason_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("detail");
    QTest::newRow("key before any section")
        << QByteArray("\tbanner x\n")
        << QStringLiteral("pmg.conf:1: a key before the first 'section: NAME'");
    QTest::newRow("key without indent")
        << QByteArray("section: mail\nbanner x\n")
        << QStringLiteral(
               "pmg.conf:2: expected 'section: NAME'; a key must be indented below its section");
    QTest::newRow("section without name")
        << QByteArray("section:\n") << QStringLiteral("pmg.conf:1: expected 'section: NAME'");
    QTest::newRow("two words as section")
        << QByteArray("section: a b\n") << QStringLiteral("pmg.conf:1: expected 'section: NAME'");
    QTest::newRow("key with an equals sign") << QByteArray("section: mail\n\tbanner=x\n")
                                             << QStringLiteral("pmg.conf:2: expected 'key value'");
    QTest::newRow("section twice")
        << QByteArray("section: mail\nsection: spam\nsection: mail\n")
        << QStringLiteral("pmg.conf:3: section 'mail' comes a second time");
    QTest::newRow("key twice") << QByteArray("section: mail\n\trelay a\n\trelay b\n")
                               << QStringLiteral(
                                      "pmg.conf:3: key 'relay' comes a second time in its section");
    QTest::newRow("carriage return")
        << QByteArray("section: mail\r\n")
        << QStringLiteral("pmg.conf:1: carriage return; lines must end with a line feed alone");
    QTest::newRow("NUL") << QByteArray("section: mail\n\tbanner a\0b\n", 25)
                         << QStringLiteral("pmg.conf:2: NUL byte; the file seems to be damaged");
    QTest::newRow("endless line") << QByteArray("section: mail\n\tbanner ")
                                         + QByteArray(200 * 1024, 'x')
                                  << QStringLiteral("pmg.conf:2: line longer than 131072 bytes");
    QTest::newRow("endless file") << QByteArray("#\n").repeated(3 * 1024 * 1024)
                                  << QStringLiteral("pmg.conf: larger than 4194304 bytes");
}

void TestSectionFile::refusesWithFileLineAndReason()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QString, detail);
    const auto file = SectionFile::parse(bytes, name);
    QVERIFY(!file);
    QCOMPARE(file.error().id, QByteArray("config.syntax"));
    QCOMPARE(file.error().detail, detail);
}

void TestSectionFile::changesTouchOnlyTheirLine()
{
    SectionFile file = parsed("# a\nsection: mail\n\trelay   old \n\t# b\n\ttls 1\n");
    QVERIFY(file.set("mail", "relay", "new"));
    QCOMPARE(file.toBytes(), QByteArray("# a\nsection: mail\n\trelay new\n\t# b\n\ttls 1\n"));
    QVERIFY(file.remove("mail", "tls"));
    QVERIFY(!file.remove("mail", "tls"));
    QCOMPARE(file.toBytes(), QByteArray("# a\nsection: mail\n\trelay new\n\t# b\n"));
    QCOMPARE(file.value("mail", "relay"), std::optional(QByteArray("new")));
    QCOMPARE(file.value("spam", "relay"), std::optional<QByteArray>());
}

void TestSectionFile::addsKeysAtTheEndOfTheirSection()
{
    SectionFile file = parsed("section: mail\n\trelay a\n\n# about spam\nsection: spam\n");
    QVERIFY(file.set("mail", "tls", "1"));
    QVERIFY(file.set("spam", "use_bayes", "1"));
    QCOMPARE(file.toBytes(), QByteArray("section: mail\n\trelay a\n\ttls 1\n\n# about spam\n"
                                        "section: spam\n\tuse_bayes 1\n"));
}

void TestSectionFile::addsMissingSections()
{
    SectionFile file;
    QVERIFY(file.set("mail", "tls", "1"));
    QVERIFY(file.set("admin", "email", "a@example.com"));
    QCOMPARE(file.toBytes(),
             QByteArray("section: mail\n\ttls 1\n\nsection: admin\n\temail a@example.com\n"));
}

void TestSectionFile::refusesValuesThatWouldForgeLines()
{
    SectionFile file;
    QVERIFY(!file.set("mail", "banner", "x\n\trelay evil"));
    QVERIFY(!file.set("mail", "banner", "x\rrelay evil"));
    QVERIFY(!file.set("mail", "ban ner", "x"));
    QVERIFY(!file.set("", "banner", "x"));
    QVERIFY(file.toBytes().isEmpty());
}

void TestSectionFile::neverMakesAFileItCannotRead()
{
    QRandomGenerator random(20261121);
    const QByteArrayList sections{"mail", "spam", "admin"};
    const QByteArrayList keys{"a", "b-c", "d_e", "f"};
    for (int round = 0; round < 200; ++round) {
        SectionFile file = parsed("# kept 1\nsection: spam\n\ta 1\n\t# kept 2\n\n");
        for (int step = 0; step < 20; ++step) {
            const QByteArray section = sections.at(random.bounded(3));
            const QByteArray key = keys.at(random.bounded(4));
            if (random.bounded(4) == 0) {
                file.remove(section, key);
                QVERIFY(!file.value(section, key));
            } else {
                const QByteArray value = QByteArray::number(random.generate());
                QVERIFY(file.set(section, key, value));
                QCOMPARE(file.value(section, key), std::optional(value));
            }
            const QByteArray bytes = file.toBytes();
            const auto again = SectionFile::parse(bytes, name);
            QVERIFY2(again, again ? "" : qPrintable(again.error().detail));
            QCOMPARE(again->toBytes(), bytes);
            QVERIFY(bytes.contains("# kept 1\n") && bytes.contains("\t# kept 2\n"));
        }
    }
}

void TestSectionFile::mapFilesWriteWhatTheyRead_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<bool>("isTrailing");
    QTest::newRow("domains") << QByteArray("#our own\nexample.com 1\n\n.example.org 1\n") << false;
    QTest::newRow("transport") << QByteArray(
        "#\nexample.com smtp:[192.0.2.1]:25\n# note\n\na@b.example lmtp:inet:h:24\n")
                               << false;
    QTest::newRow("mynetworks") << QByteArray("# all\n192.0.2.0/24 #office\n2001:db8::/32\n")
                                << true;
}

void TestSectionFile::mapFilesWriteWhatTheyRead()
{
    QFETCH(QByteArray, bytes);
    QFETCH(bool, isTrailing);
    const auto file = MapFile::parse(bytes, name, isTrailing ? trailing : before);
    QVERIFY2(file, file ? "" : qPrintable(file.error().detail));
    QCOMPARE(file->toBytes(), bytes);
}

void TestSectionFile::mapFilesRefuseWithFileLineAndReason_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("detail");
    QTest::newRow("twice, in other case")
        << QByteArray("a.example 1\nA.example 1\n")
        << QStringLiteral("pmg.conf:2: 'A.example' comes a second time");
    QTest::newRow("continuation line")
        << QByteArray("a.example\n 1\n")
        << QStringLiteral("pmg.conf:2: an entry must not be indented");
    QTest::newRow("carriage return")
        << QByteArray("a.example 1\r\n")
        << QStringLiteral("pmg.conf:1: carriage return; lines must end with a line feed alone");
}

void TestSectionFile::mapFilesRefuseWithFileLineAndReason()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QString, detail);
    const auto file = MapFile::parse(bytes, name, before);
    QVERIFY(!file);
    QCOMPARE(file.error().detail, detail);
}

void TestSectionFile::mapEntriesKeepTheirComment()
{
    const auto domains = MapFile::parse("#Zürich\nexample.com 1\nexample.org 1\n", name, before);
    QVERIFY(domains);
    QCOMPARE(domains->entries().at(0).comment, QStringLiteral("Zürich"));
    QCOMPARE(domains->entries().at(1).comment, QString());
    const auto networks = MapFile::parse("10.0.0.0/8 # the\toffice # 2\n", name, trailing);
    QVERIFY(networks);
    QCOMPARE(networks->entries().at(0).key, QByteArray("10.0.0.0/8"));
    QCOMPARE(networks->entries().at(0).comment, QStringLiteral("the\toffice # 2"));
}

void TestSectionFile::mapEntriesAreChangedInPlace()
{
    auto file = MapFile::parse("#a\none.example 1\n#b\ntwo.example 1\n# end\n", name, before);
    QVERIFY(file);
    QVERIFY(file->set({"ONE.example", "2", QStringLiteral("new\nline"), 0}));
    QVERIFY(file->set({"three.example", "1", {}, 0}));
    QCOMPARE(file->toBytes(), QByteArray("#new line\nONE.example 2\n#b\ntwo.example 1\n# end\n"
                                         "three.example 1\n"));
    QVERIFY(!file->set({"bad key", "1", {}, 0}));
    QVERIFY(!file->set({"#x", "1", {}, 0}));
    QVERIFY(!file->set({"x", "1\ny 1", {}, 0}));
}

void TestSectionFile::removingAnEntryTakesItsCommentAlong()
{
    auto file = MapFile::parse("#a\none.example 1\n#b\ntwo.example 1\n", name, before);
    QVERIFY(file);
    QVERIFY(file->remove("two.example"));
    QVERIFY(!file->remove("two.example"));
    QCOMPARE(file->toBytes(), QByteArray("#a\none.example 1\n"));
}

}  // namespace portcullis::schema

QTEST_GUILESS_MAIN(portcullis::schema::TestSectionFile)
#include "TestSectionFile.moc"
