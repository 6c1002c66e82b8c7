// SPDX-License-Identifier: GPL-2.0-or-later
// Rows C1 … C4, C12 and C13 of the attack catalogue. A marker stands for the virus: it must be found in
// one of the readings of one of the parts, whatever trick hides it, or the message must be flagged.
#include "appliance/mail/Message.h"

#include <QtTest/QtTest>

#include <sys/resource.h>

namespace mail = portcullis::mail;

namespace {

const QByteArray c_marker = "PORTCULLIS-TEST-MARKER-OF-SOME-LENGTH";

mail::Message parsed(QByteArray text, const mail::MimeLimits &limits = {})
{
    text.replace("\r\n", "\n").replace("\n", "\r\n");
    return mail::Message::parse(mail::Content(text), limits);
}

bool isFound(const mail::Message &message, const QByteArray &marker = c_marker)
{
    for (const mail::Part &part : message.parts()) {
        if (!part.hasContent()) {
            continue;
        }
        for (const QByteArrayView reading : message.readings(part)) {
            if (reading.contains(marker)) {
                return true;
            }
        }
    }
    return false;
}

QByteArray hiddenPart()
{
    return "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
           + c_marker.toBase64() + "\n";
}

qint64 peakMemory()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<qint64>(usage.ru_maxrss) * 1024;
}

// No test below may need more: C4 sets 256 MB for the whole process.
constexpr qint64 c_memory = 256LL * 1024 * 1024;

}  // namespace

class TestMessageAttacks : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void readsEveryView_data();
    void readsEveryView();
    void decodesEveryWay_data();
    void decodesEveryWay();
    void knowsEveryName_data();
    void knowsEveryName();
    void staysBounded_data();
    void staysBounded();
    void keepsOrdinaryMailUnflagged_data();
    void keepsOrdinaryMailUnflagged();
    void honoursDecodingBudget();
    void readsTextsOfAnyCharset_data();
    void readsTextsOfAnyCharset();
};

void TestMessageAttacks::readsEveryView_data()
{
    QTest::addColumn<QByteArray>("text");
    const QByteArray open = "MIME-Version: 1.0\n";
    const auto two = [](const QByteArray &header) {
        return header + "\n\n--one\n\nfirst\n--one--\n--two\n" + hiddenPart() + "--two--\n";
    };
    const auto one = [](const QByteArray &header, const QByteArray &line) {
        return header + "\n\n--" + line + "\n" + hiddenPart() + "--" + line + "--\n";
    };
    QTest::newRow("C1 two boundary parameters")
        << two(open + "Content-Type: multipart/mixed; boundary=one; boundary=two");
    QTest::newRow("C1 two boundary parameters, the other way round")
        << two(open + "Content-Type: multipart/mixed; boundary=two; boundary=one");
    QTest::newRow("C1 two Content-Type fields")
        << two(open
               + "Content-Type: multipart/mixed; boundary=one\n"
                 "Content-Type: multipart/mixed; boundary=two");
    QTest::newRow("C1 text and multipart")
        << one(open + "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b", "b");
    QTest::newRow("C1 multipart and text")
        << one(open + "Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain", "b");
    QTest::newRow("C1 two MIME-Version fields")
        << one(open + open + "Content-Type: multipart/mixed; boundary=b", "b");
    QTest::newRow("C1 no MIME-Version") << one("Content-Type: multipart/mixed; boundary=b", "b");
    QTest::newRow("C1 boundary as encoded-word, raw in use")
        << one("Content-Type: multipart/mixed; boundary=\"=?utf-8?Q?b?=\"", "=?utf-8?Q?b?=");
    QTest::newRow("C1 boundary as encoded-word, decoded in use")
        << one("Content-Type: multipart/mixed; boundary=\"=?utf-8?Q?b?=\"", "b");
    QTest::newRow("C1 boundary by RFC 2231")
        << one("Content-Type: multipart/mixed; boundary*=us-ascii''%62o", "bo");
    QTest::newRow("C1 boundary in pieces")
        << one("Content-Type: multipart/mixed; boundary*1=o; boundary*0=b", "bo");
    QTest::newRow("C1 plain and RFC 2231 boundary")
        << two("Content-Type: multipart/mixed; boundary=one; boundary*=us-ascii''two");
    QTest::newRow("C1 comment in the boundary, without")
        << one("Content-Type: multipart/mixed; boundary=b(c)", "b");
    QTest::newRow("C1 comment in the boundary, with")
        << one("Content-Type: multipart/mixed; boundary=b(c)", "b(c)");
    QTest::newRow("C1 comment before the boundary")
        << one("Content-Type: multipart/mixed; (x=y; z) boundary=(c) b", "b");
    QTest::newRow("C1 blanks behind the boundary line") << QByteArray(
        "Content-Type: multipart/mixed; boundary=b\n\n--b \t \n" + hiddenPart() + "--b--  \n");
    QTest::newRow("C1 trailing blanks in the parameter")
        << one("Content-Type: multipart/mixed; boundary=\"b  \"", "b");
    QTest::newRow("C1 boundary with a blank, unquoted")
        << one("Content-Type: multipart/mixed; boundary=b c", "b c");
    QTest::newRow("C1 boundary with a blank, cut")
        << one("Content-Type: multipart/mixed; boundary=b c", "b");
    QTest::newRow("C1 quote without end")
        << one("Content-Type: multipart/mixed; boundary=\"b", "b");
    QTest::newRow("C1 quoted boundary with a tail")
        << one("Content-Type: multipart/mixed; boundary=\"b\"c", "bc");
    QTest::newRow("C1 prefix of the boundary line")
        << one("Content-Type: multipart/mixed; boundary=b", "bcd");
    QTest::newRow("C1 part behind a longer line")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--bX\n"
                      + hiddenPart() + "--b--\n");
    QTest::newRow("C1 no final boundary")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n--b\n" + hiddenPart());
    QTest::newRow("C1 parts behind the final boundary")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b\n"
                      + hiddenPart() + "--b--\n");
    QTest::newRow("C1 content in the preamble")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n" + hiddenPart() + "begin:\n"
                      + c_marker + "\n--b\n\nx\n--b--\n");
    QTest::newRow("C1 content in the epilogue")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n"
                      "Content-Type: text/html\n\n"
                      + c_marker + "\n");
    QTest::newRow("C1 boundary that is not declared")
        << QByteArray("Content-Type: multipart/mixed\n\n--b\n" + hiddenPart() + "--b--\n");
    QTest::newRow("C1 boundary that is not the declared one")
        << one("Content-Type: multipart/mixed; boundary=a", "b");
    QTest::newRow("C1 header that ends at a line of blanks")
        << QByteArray("Subject: x\n \nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
                      + hiddenPart() + "--b--\n");
    QTest::newRow("C1 header with a line that is no field")
        << QByteArray("Subject: x\nnot a field\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
                      + hiddenPart() + "--b--\n");
    QTest::newRow("C1 blank before the colon") << QByteArray(
        "Content-Type : multipart/mixed; boundary=b\n\n--b\n" + hiddenPart() + "--b--\n");
    QTest::newRow("C1 outer boundary closes the inner multipart")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                      "Content-Type: multipart/mixed; boundary=i\n\n--i\n\nx\n--b\n"
                      + hiddenPart() + "--i\n\ny\n--i--\n--b--\n");
    QTest::newRow("C1 the same boundary inside")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                      "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                      + hiddenPart() + "--b--\n--b--\n");
    QTest::newRow("C1 type without semicolon")
        << one("Content-Type: multipart/mixed boundary=b", "b");
    QTest::newRow("C1 folded parameter value")
        << one("Content-Type: multipart/mixed;\n boundary=\n b", "b");
    QTest::newRow("C2 encoded multipart") << QByteArray(
        "Content-Type: multipart/mixed; boundary=b\n"
        "Content-Transfer-Encoding: base64\n\n"
        + QByteArray("--b\r\nContent-Type: text/plain\r\n\r\n" + c_marker + "\r\n--b--\r\n")
              .toBase64()
        + "\n");
}

void TestMessageAttacks::readsEveryView()
{
    QFETCH(QByteArray, text);
    const mail::Message message = parsed(text);
    QVERIFY2(isFound(message), "the marker was not found in any view");
}

void TestMessageAttacks::decodesEveryWay_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("isFlagged");
    const QByteArray base64 = c_marker.toBase64();
    const auto row = [](const char *name, const QByteArray &fields, const QByteArray &body,
                        bool isFlagged) {
        QTest::newRow(name) << fields + "\n\n" + body + "\n" << isFlagged;
    };
    const QByteArray declared = "Content-Transfer-Encoding: base64";
    row("C2 plain base64", declared, base64, false);
    row("C2 base64 in any case, with comment", "Content-Transfer-Encoding: (x) BASE64 (y)", base64,
        false);
    row("C2 junk behind the name", "Content-Transfer-Encoding: base64 junk", base64, false);
    row("C2 stray characters", declared, QByteArray(base64).insert(7, "!*"), true);
    row("C2 octets above 127", declared, QByteArray(base64).insert(9, "\xC3\xBC"), true);
    row("C2 no padding", declared, QByteArray(base64).replace("=", ""), true);
    row("C2 padding in the middle", declared, "QUJD=" + base64, true);
    row("C2 concatenated streams", declared, "QUI=" + base64, true);
    row("C2 concatenated streams on lines", declared, "QQ==\n" + base64 + "\nQQ==", true);
    row(
        "C2 padding at every group", declared,
        [&] {
            QByteArray groups;
            for (qsizetype i = 0; i < c_marker.size(); i += 2) {
                groups += c_marker.sliced(i, std::min<qsizetype>(2, c_marker.size() - i))
                              .toBase64();
            }
            return groups;
        }(),
        true);
    row("C2 padding that does not count", declared, QByteArray(base64).insert(5, "="), true);
    row("C2 text behind base64", declared, base64 + "\n-- \na list's footer!", true);
    row("C2 quoted-printable", "Content-Transfer-Encoding: quoted-printable",
        "PORTCULLIS=2DTEST=\n-MARKER-OF=2dSOME-LENGTH", false);
    row("C2 blanks behind a soft line break", "Content-Transfer-Encoding: quoted-printable",
        "PORTCULLIS-TEST= \t\n-MARKER-OF-SOME-LENGTH", false);
    row("C2 broken quoted-printable", "Content-Transfer-Encoding: quoted-printable",
        "=XY=ZPORTCULLIS-TEST-MARKER-OF-SOME-LENGTH=", true);
    row("C2 two encodings, the second", "Content-Transfer-Encoding: 7bit\n" + declared, base64,
        true);
    row("C2 two encodings, the first", declared + "\nContent-Transfer-Encoding: quoted-printable",
        base64, true);
    row("C2 unknown encoding of base64", "Content-Transfer-Encoding: base-64", base64, true);
    row("C2 unknown encoding of plain text", "Content-Transfer-Encoding: x-foo", c_marker, true);
    row("C2 x-uue", "Content-Transfer-Encoding: x-uue",
        "begin 644 a\nE4$]25$-53$Q)4RU415-4+4U!4DM%4BU/1BU33TU%+4Q%3D=42```\n`\nend", false);
    row("C2 empty encoding", "Content-Transfer-Encoding:", c_marker, false);
}

void TestMessageAttacks::decodesEveryWay()
{
    QFETCH(QByteArray, text);
    QFETCH(bool, isFlagged);
    const mail::Message message = parsed(text);
    QVERIFY2(isFound(message), "the marker was not found in any reading");
    const bool hasFlag = !message.defects().ambiguous.isEmpty()
                         || !message.defects().broken.isEmpty();
    QCOMPARE(hasFlag, isFlagged);
}

void TestMessageAttacks::knowsEveryName_data()
{
    QTest::addColumn<QByteArray>("fields");
    QTest::addColumn<QString>("name");
    const auto row = [](const char *name, const QByteArray &fields,
                        const char *expected = "evil.exe") {
        QTest::newRow(name) << fields << QString::fromUtf8(expected);
    };
    const QByteArray cd = "Content-Disposition: attachment; ";
    const QByteArray ct = "Content-Type: application/octet-stream; ";
    row("C3 plain", cd + "filename=evil.exe");
    row("C3 quoted", cd + "filename=\"evil.exe\"");
    row("C3 name only", ct + "name=\"evil.exe\"");
    row("C3 name differs from filename", ct + "name=\"evil.exe\"\n" + cd + "filename=a.txt");
    row("C3 filename differs from name", ct + "name=\"a.txt\"\n" + cd + "filename=evil.exe");
    row("C3 first of two", cd + "filename=evil.exe; filename=a.txt");
    row("C3 second of two", cd + "filename=a.txt; filename=evil.exe");
    row("C3 second field", cd + "filename=a.txt\n" + cd + "filename=evil.exe");
    row("C3 case of the parameter", cd + "FileName=evil.exe");
    row("C3 RFC 2231", cd + "filename*=utf-8'en'evil%2Eexe");
    row("C3 RFC 2231 charset", cd + "filename*=iso-8859-1''%E4vil.exe", "ävil.exe");
    row("C3 RFC 2231 without charset", cd + "filename*=evil%2eexe");
    row("C3 RFC 2231 unknown charset", cd + "filename*=x-no''evil.exe");
    row("C3 RFC 2231 UTF-16", cd + "filename*=utf-16be''%00e%00v%00i%00l%00.%00e%00x%00e");
    row("C3 RFC 2231 wins", cd + "filename=a.txt; filename*=utf-8''evil.exe");
    row("C3 RFC 2231 loses", cd + "filename=evil.exe; filename*=utf-8''a.txt");
    row("C3 continuation", cd + "filename*0=evil; filename*1=.exe");
    row("C3 continuation out of order", cd + "filename*1=.exe; filename*0=evil");
    row("C3 continuation by appearance", cd + "filename*9=evil; filename*3=.exe");
    row("C3 continuation encoded", cd + "filename*0*=utf-8''ev%69l; filename*1*=%2Eexe");
    row("C3 continuation mixed", cd + "filename*0*=utf-8''ev%69l; filename*1=.exe");
    row("C3 continuation with plain percent", cd + "filename*0=evil; filename*1=%2Eexe");
    row("C3 continuation with a duplicate",
        cd + "filename*0=evil; filename*1=.txt; filename*1=.exe", "evil.txt.exe");
    row("C3 continuation and plain", cd + "filename=evil.exe; filename*0=a; filename*1=.txt");
    row("C3 continuation from one", cd + "filename*1=evil; filename*2=.exe");
    row("C3 continuation with leading zero", cd + "filename*00=evil; filename*01=.exe");
    row("C3 continuation of the name", ct + "name*0=evil; name*1=.exe");
    row("C3 gap in the continuation", cd + "filename*0=evil; filename*2=.exe");
    row("C3 RFC 2047 in quotes", cd + "filename=\"=?utf-8?B?ZXZpbC5leGU=?=\"");
    row("C3 RFC 2047 without quotes", cd + "filename==?utf-8?Q?evil.exe?=");
    row("C3 RFC 2047 words", cd + "filename=\"=?utf-8?Q?evil?= =?utf-8?Q?.exe?=\"");
    row("C3 RFC 2047 cut by folding", cd + "filename=\"=?utf-8?Q?evil?=\n =?utf-8?Q?.exe?=\"");
    row("C3 RFC 2047 in RFC 2231", cd + "filename*0=\"=?utf-8?Q?evil\"; filename*1=\".exe?=\"");
    row("C3 RFC 2047 in the name", ct + "name=\"=?iso-8859-1?Q?evil=2Eexe?=\"");
    row("C3 folded in quotes", cd + "filename=\"evil.\n exe\"", "evil. exe");
    row("C3 multi-line value", cd + "\n filename*0=evi;\n filename*1=l.e;\n filename*2=xe");
    row("C3 trailing dot", cd + "filename=\"evil.exe.\"");
    row("C3 trailing blanks", cd + "filename=\"evil.exe  \"");
    row("C3 trailing dots and blanks", cd + "filename=\"evil.exe . .\"");
    row("C3 NUL", cd + QByteArray("filename=\"evil.exe\0.txt\"", 24));
    row("C3 encoded NUL", cd + "filename*=utf-8''evil.exe%00.txt");
    row("C3 NUL inside", cd + "filename*=utf-8''ev%00il.exe");
    row("C3 tab inside", cd + "filename*=utf-8''evil%09.exe");
    row("C3 line break inside", cd + "filename*=utf-8''evil%0D%0A.exe");
    row("C3 bidi override", cd + "filename*=utf-8''%E2%80%AEevil.exe");
    row("C3 zero width space", cd + "filename*=utf-8''evil.e%E2%80%8Bxe");
    row("C3 soft hyphen", cd + "filename*=utf-8''evil%C2%AD.exe");
    row("C3 wide letters", cd + "filename*=utf-8''evil.%EF%BD%85%EF%BD%98%EF%BD%85");
    row("C3 wide dot", cd + "filename*=utf-8''evil%EF%BC%8Eexe");
    row("C3 folder", cd + "filename=\"../../evil.exe\"");
    row("C3 Windows folder", cd + "filename=\"c:\\temp\\evil.exe\"");
    row("C3 Windows folder, doubled", cd + "filename=\"c:\\\\temp\\\\evil.exe\"");
    row("C3 stream", cd + "filename=\"evil.exe:a.txt\"");
    row("C3 data stream", cd + "filename=\"evil.exe::$DATA\"");
    row("C3 percent in a plain name", cd + "filename=\"evil%2Eexe\"");
    row("C3 blanks without quotes", cd + "filename=my evil.exe", "my evil.exe");
    row("C3 comment", cd + "filename=evil(x).exe");
    row("C3 comment kept", cd + "filename=evil(x).exe", "evil(x).exe");
    row("C3 quotes without end", cd + "filename=\"evil.exe");
    row("C3 quotes without end, parameter follows", cd + "filename=\"evil.exe; size=1");
    row("C3 text behind quotes", cd + "filename=\"evil\".exe");
    row("C3 text behind quotes dropped", cd + "filename=\"evil.exe\".txt");
    row("C3 missing semicolon", "Content-Disposition: attachment filename=evil.exe");
    row("C3 blanks around the equals sign", cd + "filename = evil.exe");
    row("C3 no disposition", "Content-Disposition: ; filename=evil.exe");
    row("C3 raw Latin-1", cd + "filename=\"\xE4vil.exe\"", "ävil.exe");
    row("C3 raw UTF-8", cd + "filename=\"\xC3\xA4vil.exe\"", "ävil.exe");
    row("C3 quoted pairs", cd + "filename=\"e\\v\\i\\l.exe\"");
    row("C3 empty first", cd + "filename=\"\"; filename=evil.exe");
    row("C3 empty filename", ct + "name=evil.exe\n" + cd + "filename=\"\"");
}

void TestMessageAttacks::knowsEveryName()
{
    QFETCH(QByteArray, fields);
    QFETCH(QString, name);
    const mail::Message message = parsed(fields + "\n\nx\n");
    QVERIFY2(message.root().fileNames.contains(name),
             qPrintable(message.root().fileNames.join(QLatin1StringView(" | "))));
    for (const QString &form : message.root().fileNames) {
        QVERIFY(!form.isEmpty());
    }
}

void TestMessageAttacks::staysBounded_data()
{
    QTest::addColumn<QByteArray>("text");
    const auto repeated = [](int count, auto &&make) {
        QByteArray text;
        for (int i = 0; i < count; ++i) {
            text += make(i);
        }
        return text;
    };
    QTest::newRow("C4 10,000 nested multiparts") << repeated(10'000, [](int i) {
        const QByteArray number = QByteArray::number(i);
        return "Content-Type: multipart/mixed; boundary=b" + number + "\r\n\r\n--b" + number
               + "\r\n";
    });
    QTest::newRow("C4 10,000 nested messages")
        << repeated(10'000, [](int) { return "Content-Type: message/rfc822\r\n\r\n"; });
    QTest::newRow("C4 a million parts")
        << "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
               + repeated(1'000'000, [](int) { return "--b\r\n\r\n"; });
    QTest::newRow("C4 a million empty parts")
        << "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
               + repeated(1'000'000, [](int) { return "--b\r\n"; });
    QTest::newRow("C4 a million header fields")
        << repeated(1'000'000, [](int) { return "A: b\r\n"; }) + "\r\nbody\r\n";
    QTest::newRow("C4 a million Content-Type fields")
        << repeated(1'000'000, [](int) { return "Content-Type: a/b\r\n"; }) + "\r\nbody\r\n";
    QTest::newRow("C4 a million parameters")
        << "Content-Type: multipart/mixed" + repeated(1'000'000, [](int) { return ";boundary=b"; })
               + "\r\n\r\n--b\r\n\r\nx\r\n";
    QTest::newRow("C4 a million names")
        << "Content-Disposition: attachment" + repeated(1'000'000, [](int i) {
               return ";filename=" + QByteArray::number(i);
           }) + "\r\n\r\nx\r\n";
    QTest::newRow("C4 a million brackets")
        << "Content-Type: a/b; c=" + QByteArray(1'000'000, '(') + "\r\n\r\nx\r\n";
    QTest::newRow("C4 half a million open encoded-words")
        << "Subject: " + repeated(500'000, [](int) { return "=?a?q?"; }) + "\r\n\r\nx\r\n";
    QTest::newRow("C4 a long boundary") << "Content-Type: multipart/mixed; boundary="
                                               + QByteArray(1'000'000, 'b') + "\r\n\r\nx\r\n";
    QTest::newRow("C4 a million continuation lines")
        << "Subject: x\r\n" + repeated(1'000'000, [](int) { return " y\r\n"; }) + "\r\nbody\r\n";
    QTest::newRow("C4 ten million octets of header")
        << "Subject: " + QByteArray(10'000'000, 'x') + "\r\n\r\nbody\r\n";
    QTest::newRow("C4 a million files in a text")
        << "Subject: x\r\n\r\n"
               + repeated(300'000, [](int) { return "begin 644 a\r\n#0V%T\r\n`\r\nend\r\n"; });
    QTest::newRow("S12 a million mbox lines")
        << repeated(1'000'000, [](int) { return "From x\r\n"; }) + "Subject: y\r\n\r\nbody\r\n";
    QTest::newRow("C4 many multiparts without boundaries")
        << "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + repeated(20'000, [](int) {
               return "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n";
           });
    QTest::newRow("C4 conflicts everywhere")
        << "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: multipart/mixed; boundary=c"
           "\r\n\r\n"
               + repeated(20'000, [](int) {
                     return "--b\r\nContent-Type: a/b\r\nContent-Type: multipart/x; boundary=c\r\n"
                            "\r\n--c\r\n\r\n";
                 });
}

void TestMessageAttacks::staysBounded()
{
    QFETCH(QByteArray, text);
    const mail::Message message = mail::Message::parse(mail::Content(text));
    if (text.size() > message.limits().headerBytes || message.parts().size() > 1) {
        QVERIFY(!message.defects().unscannable.isEmpty());
    }
    (void)message.subject();
    QVERIFY(message.parts().size() <= static_cast<size_t>(message.limits().parts));
    for (const mail::Part &part : message.parts()) {
        QVERIFY(part.depth <= message.limits().nesting);
        QVERIFY(!message.readings(part).empty());
    }
#ifdef __SANITIZE_ADDRESS__
    const bool isKept = true;  // the sanitizer keeps for a while what was freed
#else
    const bool isKept = false;
#endif
    QVERIFY2(isKept || peakMemory() < c_memory, "more than 256 MB were used");
}

void TestMessageAttacks::keepsOrdinaryMailUnflagged_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("boundaries that start alike")
        << QByteArray("Content-Type: multipart/mixed; boundary=abc\n\n--abc\n"
                      "Content-Type: multipart/alternative; boundary=abc-1\n\n"
                      "--abc-1\n\nx\n--abc-1\nContent-Type: text/html\n\ny\n--abc-1--\n--abc--\n");
    QTest::newRow("signature and rulers")
        << QByteArray("Subject: x\n\ntext\n-- \nAnna\n--------\n--\n");
    QTest::newRow("usual preamble and footer")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n"
                      "This is a multi-part message in MIME format.\n--b\n\nx\n--b--\n"
                      "___\nlist mailing list\n");
    QTest::newRow("encoded name in both fields")
        << QByteArray("Content-Type: application/pdf; name=\"=?utf-8?Q?=C3=A4.pdf?=\"\n"
                      "Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\n\n%PDF-1\n");
    QTest::newRow("names in different case")
        << QByteArray("Content-Type: application/pdf; name=A.PDF\n"
                      "Content-Disposition: attachment; filename=a.pdf\n\n%PDF-1\n");
    QTest::newRow("multipart/digest")
        << QByteArray("Content-Type: multipart/digest; boundary=b\n\n"
                      "--b\n\nSubject: one\n\nx\n--b\n\nSubject: two\n\ny\n--b--\n");
    QTest::newRow("base64 without final line end")
        << QByteArray("Content-Transfer-Encoding: base64\n\nQUJD");
}

void TestMessageAttacks::keepsOrdinaryMailUnflagged()
{
    QFETCH(QByteArray, text);
    const mail::Message message = parsed(text);
    for (const mail::Part &part : message.parts()) {
        QCOMPARE(message.readings(part).size(), size_t(1));
    }
    QCOMPARE(message.defects(), mail::Defects());
}

void TestMessageAttacks::honoursDecodingBudget()
{
    mail::MimeLimits limits;
    limits.decodedBytes = 1000;
    const mail::Message message = parsed(
        "Content-Transfer-Encoding: base64\n\n" + QByteArray(3000, 'A').toBase64() + "\n", limits);
    QCOMPARE(message.decoded(message.root()).toByteArray(),
             message.rawBody(message.root()).toByteArray());
    QVERIFY(!message.defects().unscannable.isEmpty());
}

void TestMessageAttacks::readsTextsOfAnyCharset_data()
{
    QTest::addColumn<QByteArray>("charset");
    QTest::addColumn<QByteArray>("octets");
    QTest::addColumn<QString>("text");
    QTest::newRow("C12 UTF-7") << QByteArray("utf-7") << QByteArray("Hi+AKM-")
                               << QString::fromUtf8("Hi£");
    QTest::newRow("C12 overlong UTF-8") << QByteArray("utf-8")
                                        << QByteArray("a\xC0\xAF"
                                                      "b")
                                        << QString::fromUtf8("a��b");
    QTest::newRow("C12 unknown") << QByteArray("x-none") << QByteArray("a\xE4")
                                 << QString::fromUtf8("aä");
    QTest::newRow("C12 broken multi-byte")
        << QByteArray("shift_jis") << QByteArray("a\x81") << QString::fromUtf8("a�");
    QTest::newRow("C12 UTF-16") << QByteArray("utf-16le") << QByteArray("h\0i\0", 4)
                                << QString::fromUtf8("hi");
    QTest::newRow("C12 name of nonsense")
        << QByteArray("\"../../x,y//z\"") << QByteArray("abc") << QString::fromUtf8("abc");
}

void TestMessageAttacks::readsTextsOfAnyCharset()
{
    QFETCH(QByteArray, charset);
    QFETCH(QByteArray, octets);
    QFETCH(QString, text);
    const mail::Message message = mail::Message::parse(
        mail::Content("Content-Type: text/plain; charset=" + charset + "\r\n\r\n" + octets));
    QCOMPARE(message.text(message.root()), text);
}

QTEST_APPLESS_MAIN(TestMessageAttacks)
#include "TestMessageAttacks.moc"
