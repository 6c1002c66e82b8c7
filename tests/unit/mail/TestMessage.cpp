// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Message.h"

#include <QtTest/QtTest>

using namespace Qt::StringLiterals;
namespace mail = portcullis::mail;

namespace {

mail::Message parsed(QByteArray text)
{
    text.replace("\r\n", "\n").replace("\n", "\r\n");
    return mail::Message::parse(mail::Content(text));
}

const QByteArray c_mixed = "From: Anna <anna@example.com>\n"
                           "To: b@example.org, Group: c@example.org, \"D, E\" <d@example.org>;\n"
                           "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from\n"
                           " here\n"
                           "Received: by x\n"
                           "Received: by y\n"
                           "MIME-Version: 1.0\n"
                           "Content-Type: multipart/mixed; boundary=outer\n"
                           "\n"
                           "preamble\n"
                           "--outer\n"
                           "Content-Type: multipart/alternative; boundary=\"in ner\"\n"
                           "\n"
                           "--in ner\n"
                           "\n"
                           "plain\n"
                           "--in ner\n"
                           "Content-Type: text/html; charset=iso-8859-1\n"
                           "Content-Transfer-Encoding: quoted-printable\n"
                           "\n"
                           "<p>caf=E9</p>=\n"
                           "\n"
                           "--in ner--\n"
                           "--outer\n"
                           "Content-Type: application/octet-stream; name=\"prog.exe\"\n"
                           "Content-Disposition: attachment; filename=\"prog.exe\"\n"
                           "Content-Transfer-Encoding: base64\n"
                           "\n"
                           "TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                           "--outer\n"
                           "Content-Type: message/rfc822\n"
                           "\n"
                           "Subject: inner\n"
                           "\n"
                           "text\n"
                           "--outer--\n"
                           "epilogue\n";

}  // namespace

class TestMessage : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void numbersPartsDepthFirst();
    void givesPlacesInTheOriginal();
    void decodesContent();
    void readsTheHeader();
    void decodesHeaderValues_data();
    void decodesHeaderValues();
    void namesTypes();
    void findsFilesInTexts();
    void decodesYEnc();
    void descendsIntoEncodedMessages();
    void marksEncrypted_data();
    void marksEncrypted();
    void takesAnyOctets_data();
    void takesAnyOctets();
    void keepsItsOctetsAlive();
};

void TestMessage::numbersPartsDepthFirst()
{
    const mail::Message message = parsed(c_mixed);
    QByteArrayList seen;
    for (const mail::Part &part : message.parts()) {
        seen.append(QByteArray::number(part.id) + '<' + QByteArray::number(part.parent) + ' '
                    + part.declaredType);
        QCOMPARE(part.view, 0);
        QCOMPARE(message.part(part.id), &part);
    }
    QCOMPARE(seen.join('\n'), QByteArray("1<0 multipart/mixed\n"
                                         "2<1 multipart/alternative\n"
                                         "3<2 text/plain\n"
                                         "4<2 text/html\n"
                                         "5<1 application/octet-stream\n"
                                         "6<1 message/rfc822\n"
                                         "7<6 text/plain"));
    QCOMPARE(message.children(1), (std::vector<int>{2, 5, 6}));
    QCOMPARE(message.part(8), nullptr);
    QCOMPARE(message.part(0), nullptr);
    QVERIFY(!message.part(3)->hasDeclaredType);
    QCOMPARE(message.part(6)->kind, mail::PartKind::Message);
    QCOMPARE(message.part(5)->disposition, mail::Disposition::Attachment);
    QCOMPARE(message.defects(), mail::Defects());
}

void TestMessage::givesPlacesInTheOriginal()
{
    const mail::Message message = parsed(c_mixed);
    const QByteArrayView bytes = message.content().view();
    QCOMPARE(message.part(3)->body.of(bytes).toByteArray(), QByteArray("plain"));
    QCOMPARE(message.part(7)->header.of(bytes).toByteArray(), QByteArray("Subject: inner\r\n"));
    QCOMPARE(message.rawBody(*message.part(7)).toByteArray(), QByteArray("text"));
    const mail::HeaderField *subject = message.field("subject");
    QVERIFY(subject != nullptr);
    QCOMPARE(subject->span().of(bytes).toByteArray(),
             QByteArray("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from\r\n here\r\n"));
    QCOMPARE(subject->rawValue().toByteArray(),
             QByteArray(" =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from\r\n here"));
}

void TestMessage::decodesContent()
{
    const mail::Message message = parsed(c_mixed);
    QCOMPARE(message.text(*message.part(4)), QString::fromUtf8("<p>café</p>"));
    QVERIFY(message.decoded(*message.part(5)).startsWith("MZ\x90"));
    QCOMPARE(message.readings(*message.part(5)).size(), size_t(1));
}

void TestMessage::readsTheHeader()
{
    const mail::Message message = parsed(c_mixed);
    QCOMPARE(message.subject(), QString::fromUtf8("Grüße from here"));
    QCOMPARE(message.receivedCount(), 2);
    QCOMPARE(message.fromAddresses().size(), size_t(1));
    QCOMPARE(message.fromAddresses().front().toString(), QByteArray("anna@example.com"));
    QByteArrayList to;
    for (const mail::Address &address : message.addresses("To")) {
        to.append(address.toString());
    }
    QCOMPARE(to.join(' '), QByteArray("b@example.org c@example.org d@example.org"));
    const QStringList values = mail::Message::headerValues(
        message.root(), [](QByteArrayView name) { return name.startsWith("Rec"); });
    QCOMPARE(values, (QStringList{u"by x"_s, u"by y"_s}));
    QVERIFY(parsed("A: b\n\n").subject().isNull());
    QVERIFY(parsed("Subject:\n\n").subject().isEmpty());
}

void TestMessage::decodesHeaderValues_data()
{
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QString>("decoded");
    const auto row = [](const char *name, const QByteArray &value, const char *decoded) {
        QTest::newRow(name) << value << QString::fromUtf8(decoded);
    };
    row("C12 raw UTF-8",
        "Gr\xC3\xBC\xC3\x9F"
        "e",
        "Grüße");
    row("C12 raw Latin-1",
        "Gr\xFC\xDF"
        "e",
        "Grüße");
    row("C12 Windows quotes", "\x93x\x94", "“x”");
    row("C12 unknown charset", "=?x-nonsense?Q?abc?=", "abc");
    row("C12 charset with iconv flags", "=?utf-8//TRANSLIT?Q?abc?=", "abc");
    row("C12 UTF-7", "=?utf-7?Q?Hi+AKM-?=", "Hi£");
    row("C12 UTF-16 without byte order mark", "=?utf-16le?B?aABpAA=?=", "hi");
    row("C12 NUL in an encoded-word", "=?utf-8?Q?a=00b?=", "a");
    row("C12 raw NUL", QByteArray("a\0b", 3), "a b");
    row("W11 line break in an encoded-word", "=?utf-8?Q?a=0D=0ABcc:_x?=", "a  Bcc: x");
    row("character cut between encoded-words",
        "=?utf-8?B?w4M=?= =?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "Ãü");
    row("padding within encoded-words",
        "=?utf-8?B?YQ==?= =?utf-8?B?Yg==?=\r\n =?utf-8?B?Yw==?=", "abc");
    row("two charsets side by side", "=?utf-8?Q?=C3=BC?= =?iso-8859-1?Q?=FC?=", "üü");
    row("language", "=?utf-8*de?Q?=C3=BC?=", "ü");
    row("no encoded-word", "=?utf-8?X?a?= =?utf-8?Q?a?= =?x", "=?utf-8?X?a?= a =?x");
    row("blanks kept around words", "a =?utf-8?Q?b_?= c", "a b  c");
    row("blanks between encoded-words", "=?utf-8?Q?a?=   =?utf-8?Q?b?=", "ab");
    row("ISO-2022-JP", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本");
}

void TestMessage::decodesHeaderValues()
{
    QFETCH(QByteArray, value);
    QFETCH(QString, decoded);
    const mail::Message message = mail::Message::parse(
        mail::Content("Subject: " + value + "\r\n\r\n"));
    const QString subject = message.subject();
    if (QByteArray(QTest::currentDataTag()).contains("NUL in an encoded-word")) {
        QVERIFY(subject.startsWith(decoded) && !subject.contains(QChar(u'\0')));
        return;
    }
    QCOMPARE(subject, decoded);
}

void TestMessage::namesTypes()
{
    const mail::Message message = parsed(c_mixed);
    const auto has = [](const std::vector<QByteArray> &names, const char *name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    const mail::TypeNames &program = message.typeNames(*message.part(5));
    QVERIFY(has(program.detected, "application/vnd.microsoft.portable-executable"));
    QVERIFY(has(program.detected, "application/x-ms-dos-executable"));
    QVERIFY(has(program.byName, "application/vnd.microsoft.portable-executable"));
    QVERIFY(has(program.declared, "application/octet-stream"));
    QCOMPARE(message.detectedType(*message.part(3)), QByteArray("text/plain"));
    QCOMPARE(message.detectedType(*message.part(4)), QByteArray("text/html"));

    const mail::Message java = parsed("Content-Type: application/java-vm; name=A.class\n"
                                      "Content-Transfer-Encoding: base64\n\nyv66vgAAADQ=\n");
    QVERIFY(has(java.typeNames(java.root()).detected, "application/x-java"));
    QVERIFY(has(java.typeNames(java.root()).declared, "application/x-java"));
    QVERIFY(has(java.typeNames(java.root()).byName, "application/java-vm"));
    const mail::Message script = parsed("Content-Type: text/javascript\n\nx\n");
    QVERIFY(has(script.typeNames(script.root()).declared, "application/javascript"));
    QVERIFY(has(script.typeNames(script.root()).declared, "application/x-javascript"));
    // A text that is none is not believed to be one.
    const mail::Message image = parsed("Content-Type: text/plain\n"
                                       "Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n");
    QCOMPARE(image.detectedType(image.root()), QByteArray("image/png"));
}

void TestMessage::findsFilesInTexts()
{
    const QByteArray uu = "words\nbegin 644 prog.exe\n#0V%T\n`\nend\nmore words\n";
    const mail::Message message = parsed("Subject: x\n\n" + uu);
    QCOMPARE(message.parts().size(), size_t(2));
    const mail::Part &file = *message.part(2);
    QCOMPARE(file.kind, mail::PartKind::Embedded);
    QCOMPARE(file.parent, 1);
    QCOMPARE(file.fileName(), u"prog.exe"_s);
    QCOMPARE(message.decoded(file).toByteArray(), QByteArray("Cat"));
    QCOMPARE(parsed("Subject: x\n\nbegin 644 words are no file\n\n").parts().size(), size_t(1));
    QCOMPARE(parsed("Subject: x\n\nbegin with care\n").parts().size(), size_t(1));

    const mail::Message encoded = parsed("Content-Transfer-Encoding: base64\n\n"
                                         + QByteArray(uu).replace("\n", "\r\n").toBase64() + "\n");
    QCOMPARE(encoded.parts().size(), size_t(2));
    QVERIFY(encoded.part(2)->source != 0);
    QCOMPARE(encoded.decoded(*encoded.part(2)).toByteArray(), QByteArray("Cat"));
}

void TestMessage::decodesYEnc()
{
    QByteArray encoded;
    for (const char c : QByteArray("MZ\x13\xD6")) {
        const char shifted = static_cast<char>(c + 42);
        if (shifted == '\0' || shifted == '=' || shifted == '\r' || shifted == '\n') {
            encoded += '=';
            encoded += static_cast<char>(shifted + 64);
        } else {
            encoded += shifted;
        }
    }
    const mail::Message message = mail::Message::parse(
        mail::Content("Subject: x\r\n\r\n=ybegin line=128 size=4 name=a b.exe\r\n" + encoded
                      + "\r\n=yend size=4\r\n"));
    QCOMPARE(message.parts().size(), size_t(2));
    QCOMPARE(message.part(2)->fileName(), u"a b.exe"_s);
    QCOMPARE(message.decoded(*message.part(2)).toByteArray(), QByteArray("MZ\x13\xD6"));
}

void TestMessage::descendsIntoEncodedMessages()
{
    const QByteArray inner = "Subject: hidden\r\nContent-Type: text/html\r\n\r\n<b>x</b>";
    const mail::Message message = parsed("Content-Type: message/rfc822\n"
                                         "Content-Transfer-Encoding: base64\n\n"
                                         + inner.toBase64() + "\n");
    QCOMPARE(message.parts().size(), size_t(2));
    const mail::Part &part = *message.part(2);
    QCOMPARE(part.declaredType, QByteArray("text/html"));
    QCOMPARE(part.source, 1);
    QCOMPARE(part.field("Subject")->decoded(), u"hidden"_s);
    QCOMPARE(message.decoded(part).toByteArray(), QByteArray("<b>x</b>"));
}

void TestMessage::marksEncrypted_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("OpenPGP MIME") << QByteArray(
        "Content-Type: multipart/encrypted; boundary=b; "
        "protocol=\"application/pgp-encrypted\"\n\n--b\n"
        "Content-Type: application/pgp-encrypted\n\nVersion: 1\n--b\n"
        "Content-Type: application/octet-stream\n\nx\n--b--\n");
    QTest::newRow("S/MIME") << QByteArray("Content-Type: application/pkcs7-mime; "
                                          "smime-type=enveloped-data; name=smime.p7m\n\nMII=\n");
    QTest::newRow("OpenPGP in a text") << QByteArray(
        "Subject: x\n\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n");
}

void TestMessage::marksEncrypted()
{
    QFETCH(QByteArray, text);
    QVERIFY(!parsed(text).defects().encrypted.isEmpty());
}

void TestMessage::takesAnyOctets_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("one line end") << QByteArray("\r\n");
    QTest::newRow("no header") << QByteArray("\r\nbody");
    QTest::newRow("no body") << QByteArray("Subject: x\r\n");
    QTest::newRow("no line end") << QByteArray("Subject: x");
    QTest::newRow("no field") << QByteArray("just words\r\nmore words");
    QTest::newRow("leading blank") << QByteArray(" x\r\n y: z\r\n");
    QTest::newRow("colon only") << QByteArray(":\r\n:\r\n");
    QTest::newRow("NUL only") << QByteArray(100, '\0');
    QTest::newRow("dashes") << QByteArray("--\r\n--\r\n");
    QTest::newRow("line feeds only") << QByteArray("A: b\nC: d\n\nbody\n");
    QTest::newRow("carriage returns only") << QByteArray("A: b\rC: d\r\rbody\r");
    QTest::newRow("empty boundary")
        << QByteArray("Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n\r\nx\r\n----\r\n");
    QTest::newRow("empty type") << QByteArray("Content-Type:\r\n\r\nx");
    QTest::newRow("slash as type") << QByteArray("Content-Type: /\r\n\r\nx");
    QTest::newRow("boundary at the end")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b");
    QTest::newRow("message in nothing") << QByteArray("Content-Type: message/rfc822\r\n\r\n");
}

void TestMessage::takesAnyOctets()
{
    QFETCH(QByteArray, bytes);
    const mail::Message message = mail::Message::parse(mail::Content(bytes));
    QVERIFY(!message.parts().empty());
    for (const mail::Part &part : message.parts()) {
        QVERIFY(!message.readings(part).empty());
        QVERIFY(!message.typeNames(part).detected.empty());
        QVERIFY(part.header.begin <= part.header.end && part.header.end <= part.body.begin
                && part.body.begin <= part.body.end
                && part.body.end <= message.source(part.source).size());
    }
}

void TestMessage::keepsItsOctetsAlive()
{
    mail::Message copy = [] {
        const mail::Message message = parsed(c_mixed);
        return message;
    }();
    QCOMPARE(copy.subject(), QString::fromUtf8("Grüße from here"));
    QVERIFY(copy.decoded(*copy.part(5)).startsWith("MZ"));
}

QTEST_APPLESS_MAIN(TestMessage)
#include "TestMessage.moc"
