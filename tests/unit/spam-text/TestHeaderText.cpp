// SPDX-License-Identifier: GPL-2.0-or-later
// Single fields as rules see them. Expected texts are what SpamAssassin 4.0.1 makes of the same input.
#include "appliance/spam/text/AddressList.h"
#include "appliance/spam/text/Characters.h"
#include "appliance/spam/text/ContentType.h"
#include "appliance/spam/text/HeaderDecoding.h"
#include "appliance/spam/text/TransferDecoding.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

class TestHeaderText : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void decodesFieldValues_data();
    void decodesFieldValues();
    void findsAddresses_data();
    void findsAddresses();
    void readsContentTypes_data();
    void readsContentTypes();
    void undoesTransferEncodings_data();
    void undoesTransferEncodings();
    void readsCharsets_data();
    void readsCharsets();
};

void TestHeaderText::decodesFieldValues_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QByteArray>("raw");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("folds become one space")
        << QByteArray("X") << QByteArray(" a\n\t  b\n") << QByteArray("a b");
    QTest::newRow("Q with underscores")
        << QByteArray("Subject") << QByteArray(" =?iso-8859-1?Q?a_=E9?= b\n")
        << QByteArray("a \xc3\xa9 b");
    QTest::newRow("space between words is not shown")
        << QByteArray("Subject") << QByteArray("=?utf-8?b?w6k=?= \n =?utf-8?q?x?=")
        << QByteArray("\xc3\xa9x");
    QTest::newRow("character cut in two between words")
        << QByteArray("Subject") << QByteArray("=?utf-8?q?=C3?= =?utf-8?q?=A9?=")
        << QByteArray("\xc3\xa9");
    QTest::newRow("language of a word")
        << QByteArray("Subject") << QByteArray("=?us-ascii*en?q?hi?=") << QByteArray("hi");
    QTest::newRow("no words in Received")
        << QByteArray("Received") << QByteArray("=?utf-8?q?a?=") << QByteArray("=?utf-8?q?a?=");
    QTest::newRow("no words in List-Id")
        << QByteArray("List-Id") << QByteArray("=?utf-8?q?a?=") << QByteArray("=?utf-8?q?a?=");
    QTest::newRow("raw octets are Windows-1252")
        << QByteArray("Subject") << QByteArray("caf\xe9 \x93x\x94")
        << QByteArray("caf\xc3\xa9 \xe2\x80\x9cx\xe2\x80\x9d");
    QTest::newRow("unfinished word stays")
        << QByteArray("Subject") << QByteArray("=?utf-8?q?abc") << QByteArray("=?utf-8?q?abc");
    QTest::newRow("what a charset lacks is replaced")
        << QByteArray("Subject") << QByteArray("=?utf-8?q?a=FFb?=")
        << QByteArray("a\xef\xbf\xbd"
                      "b");
}

void TestHeaderText::decodesFieldValues()
{
    QFETCH(QByteArray, name);
    QFETCH(QByteArray, raw);
    QFETCH(QByteArray, expected);
    QCOMPARE(decodeFieldValue(raw, name), expected);
}

void TestHeaderText::findsAddresses_data()
{
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QByteArray>("addresses");
    QTest::addColumn<QByteArray>("names");
    const auto row = [](const char *label, const char *value, const char *addresses,
                        const char *names) {
        QTest::newRow(label) << QByteArray(value) << QByteArray(addresses) << QByteArray(names);
    };
    row("bare", "a@example.com", "a@example.com", "");
    row("comment as name", "a@example.com (Foo Blah), b@example.org", "a@example.com|b@example.org",
        "Foo Blah");
    row("group", "display: a@example.com (Foo), b@example.org ;", "a@example.com|b@example.org",
        "Foo");
    row("phrase", "Foo Blah <a@example.com>", "a@example.com", "Foo Blah ");
    row("quoted phrase", "\"Blah, Foo\" <a@example.com>, c@example.net",
        "a@example.com|c@example.net", "Blah, Foo ");
    row("phrase that is an address", "\"x@example.org\" <a@example.com>", "a@example.com",
        "x@example.org ");
    row("phrase equal to the address", "a@example.com<a@example.com>", "a@example.com", "");
    row("null path", "<>", "", "");
    row("no list separator hides both", "<a@example.com>,<b@example.com>", "", "");
    row("undisclosed", "undisclosed-recipients:;", "", "");
    row("left over", "\"open <a@example.com>", "a@example.com", "");
    row("twice in brackets", "A <a@example.com> <a@example.com>", "a@example.com", "A ");
    row("address in a comment behind a quoted string", "\"Foo\" (<a@example.com>)", "", "Foo");
    row("address in brackets behind words", "Foo (<a@example.com>)", "a@example.com", "");
    row("domain literal", "a@[192.0.2.1]", "a@[192.0.2.1]", "");
}

void TestHeaderText::findsAddresses()
{
    QFETCH(QByteArray, value);
    QFETCH(QByteArray, addresses);
    QFETCH(QByteArray, names);
    QByteArrayList foundAddresses;
    QByteArrayList foundNames;
    for (const ListedAddress &entry : readAddressList(value)) {
        if (entry.address) {
            foundAddresses.append(*entry.address);
        }
        if (entry.phrase) {
            foundNames.append(*entry.phrase);
        }
    }
    QCOMPARE(foundAddresses.join('|'), addresses);
    QCOMPARE(foundNames.join('|'), names);
}

void TestHeaderText::readsContentTypes_data()
{
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<QByteArray>("boundary");
    QTest::addColumn<QByteArray>("charset");
    QTest::addColumn<QByteArray>("name");
    const auto row = [](const char *label, const char *value, const char *type,
                        const char *boundary, const char *charset, const char *name) {
        QTest::newRow(label) << QByteArray(value) << QByteArray(type) << QByteArray(boundary)
                             << QByteArray(charset) << QByteArray(name);
    };
    row("missing", "", "text/plain", "", "us-ascii", "");
    row("missing semicolon", "text/plain charset=utf-8", "text/plain", "", "utf-8", "");
    row("odd text type", "text/enriched; charset=\"utf-8\"", "text/plain", "", "utf-8", "");
    row("calendar stays", "TEXT/Calendar", "text/calendar", "", "", "");
    row("quoted boundary", "multipart/mixed; boundary=\"a b\"; x", "multipart/mixed", "a b", "",
        "");
    row("open quote", "multipart/mixed; boundary = \"ab", "multipart/mixed", "ab", "", "");
    row("continued name", "image/png; name*0=\"a\"; name*1=b.png", "image/png", "", "", "ab.png");
    row("file name", "application/pdf; filename='x.pdf'", "application/pdf", "", "", "x.pdf");
    row("foreign characters", "text<b>/html", "text/plain", "", "", "");
}

void TestHeaderText::readsContentTypes()
{
    QFETCH(QByteArray, value);
    const ContentType type = readContentType(value);
    QTEST(type.type, "type");
    QTEST(type.boundary.value_or(QByteArray("")), "boundary");
    QTEST(type.charset.value_or(QByteArray("")), "charset");
    QTEST(QByteArray("") + type.name, "name");
}

void TestHeaderText::undoesTransferEncodings_data()
{
    QTest::addColumn<bool>("isBase64");
    QTest::addColumn<QByteArray>("encoded");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("base64 in lines") << true << QByteArray("aGVs\nbG8=\n") << QByteArray("hello");
    QTest::newRow("base64 with foreign octets")
        << true << QByteArray("aG*Vs-bG8=") << QByteArray("hello");
    QTest::newRow("base64 without padding") << true << QByteArray("aGVsbG8") << QByteArray("hello");
    QTest::newRow("padding inside well-formed text is zero")
        << true << QByteArray("YQ==YWJj") << QByteArray("a\0\0abc", 6);
    QTest::newRow("one digit too many") << true << QByteArray("YWJjZ") << QByteArray("abc");
    QTest::newRow("soft break with space")
        << false << QByteArray("a= \t\nb=\r\nc") << QByteArray("abc");
    QTest::newRow("space at line ends")
        << false << QByteArray("a \t\n b\n") << QByteArray("a\n b\n");
    QTest::newRow("invalid escapes stay")
        << false << QByteArray("=3d=3=ZZ=") << QByteArray("==3=ZZ=");
}

void TestHeaderText::undoesTransferEncodings()
{
    QFETCH(bool, isBase64);
    QFETCH(QByteArray, encoded);
    QFETCH(QByteArray, expected);
    QCOMPARE(isBase64 ? decodeBase64AsPeer(encoded) : decodeQuotedPrintableAsPeer(encoded),
             expected);
}

void TestHeaderText::readsCharsets_data()
{
    QTest::addColumn<QByteArray>("label");
    QTest::addColumn<QByteArray>("octets");
    QTest::addColumn<QByteArray>("expected");
    QTest::addColumn<bool>("isWide");
    const QByteArray euro = "\xe2\x82\xac";
    QTest::newRow("ASCII stays octets")
        << QByteArray("iso-8859-15") << QByteArray("a") << QByteArray("a") << false;
    QTest::newRow("UTF-8 whatever the label") << QByteArray("iso-8859-1") << euro << euro << true;
    QTest::newRow("Windows-1252 labelled Latin-1")
        << QByteArray("ISO-8859-1") << QByteArray("\x80") << euro << true;
    QTest::newRow("label with an underscore")
        << QByteArray("iso_8859-15") << QByteArray("\xa4") << euro << true;
    QTest::newRow("GB 2312") << QByteArray("gb2312") << QByteArray("\xc4\xe3")
                             << QByteArray("\xe4\xbd\xa0") << true;
    QTest::newRow("ISO-2022-JP ends where it is malformed") << QByteArray("iso-2022-jp")
                                                            << QByteArray("ab\xff"
                                                                          "c")
                                                            << QByteArray("ab") << true;
    QTest::newRow("JIS") << QByteArray("jis") << QByteArray("\x1b$B$\"\x1b(B\xff")
                         << QByteArray("\xe3\x81\x82") << true;
    QTest::newRow("HZ, which iconv lacks")
        << QByteArray("hz") << QByteArray("caf\xe9") << QByteArray("caf\xc3\xa9") << true;
    QTest::newRow("unknown label, Western text")
        << QByteArray("x-unknown") << QByteArray("caf\xe9") << QByteArray("caf\xc3\xa9") << true;
    QTest::newRow("unknown label, ASCII")
        << QByteArray("x-unknown") << QByteArray("a") << QByteArray("a") << false;
    QTest::newRow("UTF-16 without mark") << QByteArray("utf-16") << QByteArray("a\0 \0b\0\xe9\0", 8)
                                         << QByteArray("a b\xc3\xa9") << true;
}

void TestHeaderText::readsCharsets()
{
    QFETCH(QByteArray, label);
    QFETCH(QByteArray, octets);
    QFETCH(QByteArray, expected);
    QFETCH(bool, isWide);
    // Converters are kept, so the second message in a charset takes another way.
    for (int message = 0; message < 2; ++message) {
        const Characters characters = toCharacters(octets, label, LabelTrust::Guess);
        QCOMPARE(characters.utf8, expected);
        QCOMPARE(characters.isWide, isWide);
    }
}

QTEST_GUILESS_MAIN(TestHeaderText)
#include "TestHeaderText.moc"
