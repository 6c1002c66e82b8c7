// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/MessageEditor.h"

#include <QtTest/QtTest>

using namespace Qt::StringLiterals;
namespace mail = portcullis::mail;

namespace {

QByteArray crlf(QByteArray text)
{
    return text.replace("\r\n", "\n").replace("\n", "\r\n");
}

mail::Message parsed(const QByteArray &text)
{
    return mail::Message::parse(mail::Content(crlf(text)));
}

mail::Message edited(const mail::MessageEditor &editor)
{
    return mail::Message::parse(editor.result());
}

QByteArray typesOf(const mail::Message &message)
{
    QByteArrayList types;
    for (const mail::Part &part : message.parts()) {
        types.append(part.declaredType);
    }
    return types.join(' ');
}

mail::Replacement removedNote(const mail::Part &part)
{
    return {u"removed "_s + part.fileName(), {}};
}

const QByteArray c_plain = "Received: one\nFrom: a@example.com\nReceived: two\n by x\n"
                           "Subject: hello\nX-Test: 1\nx-test: 2\n\nbody line\n";

const QByteArray c_mixed =
    "Subject: x\nMIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=b\n\nold preamble\n"
    "--b\nContent-Type: multipart/alternative; boundary=c\n\n"
    "--c\nContent-Type: text/plain\n\nwords\n"
    "--c\nContent-Type: text/html\n\n<html><body><p>words</p></body></html>\n"
    "--c--\n"
    "--b\nContent-Type: application/octet-stream; name=evil.exe\n"
    "Content-Transfer-Encoding: base64\n\nTVqQAAMAAAA=\n"
    "--b\nContent-Type: image/png\nContent-Disposition: inline\n\npng\n"
    "--b--\nold epilogue\n";

}  // namespace

class TestMessageEditor : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void leavesEverythingWithoutEdits();
    void removesAndSetsFields();
    void removesSingleFields();
    void prependsInOrder();
    void neverMakesStructureOfValues_data();
    void neverMakesStructureOfValues();
    void refusesBadNames_data();
    void refusesBadNames();
    void keepsHeaderAndBodyApart_data();
    void keepsHeaderAndBodyApart();
    void dropsStrayLinesOfAnEditedHeader();
    void replacesOnePart();
    void replacesTheWholeMail();
    void replacesAnEmbeddedMessage();
    void removesPartsWithoutNote();
    void keepsTheFirstBody();
    void keepsFirstBodyOfSinglePartMail();
    void cutsFilesOutOfTexts();
    void takesHiddenContentOut();
    void appendsNotes_data();
    void appendsNotes();
    void addsDisclaimers_data();
    void addsDisclaimers();
    void addsDisclaimerToAllAlternatives();
    void leavesProtectedTextAlone_data();
    void leavesProtectedTextAlone();
    void refusesWhatTheCharsetLacks();
    void combinesEdits();
};

void TestMessageEditor::leavesEverythingWithoutEdits()
{
    for (const QByteArray &text : {c_plain, c_mixed, QByteArray(), QByteArray("x")}) {
        mail::MessageEditor editor(parsed(text));
        editor.removeHeader("Not-There");
        QVERIFY(!editor.isModified());
        QCOMPARE(editor.result().toByteArray(), crlf(text));
    }
}

void TestMessageEditor::removesSingleFields()
{
    const QByteArray text = "A: 1\nB: 2\nA: 3\n\nbody\n";
    const mail::Message message = parsed(text);
    mail::MessageEditor editor(message);
    editor.removeField(message.fields()[2]);
    QVERIFY(editor.isModified());
    QCOMPARE(editor.result().toByteArray(), crlf("A: 1\nB: 2\n\nbody\n"));
    // What takes the place of a field is not lost with one that goes by itself.
    mail::MessageEditor both(message);
    both.removeField(message.fields()[0]);
    QVERIFY(both.setHeader("A", u"9"_s));
    QCOMPARE(both.result().toByteArray(), crlf("A: 9\nB: 2\n\nbody\n"));
}

void TestMessageEditor::removesAndSetsFields()
{
    mail::MessageEditor editor(parsed(c_plain));
    editor.removeReceived();
    QVERIFY(editor.setHeader("X-TEST", u"3"_s));
    QVERIFY(editor.setHeader("X-New", QString::fromUtf8("grün")));
    QVERIFY(editor.setHeader("Subject", u"first"_s));
    QVERIFY(editor.setHeader("Subject", u"second"_s));
    QCOMPARE(editor.result().toByteArray(),
             crlf("From: a@example.com\nSubject: second\nX-TEST: 3\nX-New: =?UTF-8?B?Z3LDvG4=?=\n"
                  "\nbody line\n"));
}

void TestMessageEditor::prependsInOrder()
{
    mail::MessageEditor editor(parsed(c_plain));
    QVERIFY(editor.prependHeader("A", u"1"_s));
    QVERIFY(editor.prependHeader("B", u"2"_s));
    QCOMPARE(editor.result().toByteArray(), crlf("B: 2\nA: 1\n" + c_plain));
    mail::MessageEditor mbox(parsed("From x Thu\n" + c_plain));
    QVERIFY(mbox.prependHeader("A", u"1"_s));
    QCOMPARE(mbox.result().toByteArray(), crlf("From x Thu\nA: 1\n" + c_plain));
}

void TestMessageEditor::neverMakesStructureOfValues_data()
{
    QTest::addColumn<QString>("value");
    QTest::newRow("W11 line break") << u"x\r\nBcc: evil@example.com"_s;
    QTest::newRow("W11 line feed") << u"x\nBcc: evil@example.com"_s;
    QTest::newRow("W11 carriage return") << u"x\rBcc: evil@example.com"_s;
    QTest::newRow("W11 empty line") << u"x\r\n\r\n<html>"_s;
    QTest::newRow("W11 line of blanks") << u"x\r\n \r\n\t\r\nBcc: y"_s;
    QTest::newRow("W11 next line character") << QString(u"x"_s + QChar(0x85) + u"Bcc: y"_s);
    QTest::newRow("W11 line separator") << QString(u"x"_s + QChar(0x2028) + u"Bcc: y"_s);
    QTest::newRow("W11 NUL") << QString(u"x"_s + QChar(u'\0') + u"\nBcc: y"_s);
    QTest::newRow("W11 encoded-word") << u"=?utf-8?Q?x=0D=0ABcc:_y?="_s;
    QTest::newRow("W11 line break among encoded words") << QString::fromUtf8("ä\r\nBcc: ö");
    QTest::newRow("long word") << QString(5000, u'x');
    QTest::newRow("long text") << QString(u"word "_s).repeated(1000);
    QTest::newRow("long text of blanks") << QString(u"a"_s + QString(5000, u' ') + u"b"_s);
    QTest::newRow("long encoded text") << QString::fromUtf8("wört ").repeated(500);
    QTest::newRow("astral characters") << QString::fromUtf8("😀").repeated(200);
    QTest::newRow("lone surrogate") << QString(QChar(0xD800));
    QTest::newRow("empty") << QString();
}

void TestMessageEditor::neverMakesStructureOfValues()
{
    QFETCH(QString, value);
    mail::MessageEditor editor(parsed(c_plain));
    QVERIFY(editor.setHeader("X-Value", value));
    QVERIFY(editor.prependHeader("X-Top", value));
    const mail::Message message = edited(editor);
    QCOMPARE(message.fields().size(), parsed(c_plain).fields().size() + 2);
    QVERIFY(message.field("Bcc") == nullptr);
    QCOMPARE(message.rawBody(message.root()).toByteArray(), QByteArray("body line\r\n"));
    QVERIFY(message.defects().broken.isEmpty());
    const QByteArray header = message.root().header.of(message.content().view()).toByteArray();
    for (const QByteArray &line : header.split('\n')) {
        QVERIFY2(line.size() <= 999, "RFC 5322 §2.1.1");
        QVERIFY(line.isEmpty() || !line.trimmed().isEmpty());
    }
    const QString expected = QString(value).replace(QChar(0xD800), u'?').simplified();
    if (!value.contains(u"=?"_s) && value.size() < 4000 && !value.contains(QChar(u'\0'))
        && !value.contains(QChar(0x85)) && !value.contains(QChar(0xD800))
        && !value.contains(QChar(0x2028))) {
        QCOMPARE(message.field("X-Value")->decoded().simplified(), expected);
    }
}

void TestMessageEditor::refusesBadNames_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("colon") << QByteArray("A:B");
    QTest::newRow("blank") << QByteArray("A B");
    QTest::newRow("line break") << QByteArray("A\r\nB");
    QTest::newRow("octet above 127") << QByteArray("\xC3\xA4");
    QTest::newRow("NUL") << QByteArray("A\0B", 3);
}

void TestMessageEditor::refusesBadNames()
{
    QFETCH(QByteArray, name);
    mail::MessageEditor editor(parsed(c_plain));
    const auto status = editor.setHeader(name, u"x"_s);
    QVERIFY(!status);
    QCOMPARE(status.error().id, QByteArray("mail.header"));
    QVERIFY(!editor.prependHeader(name, u"x"_s));
    QVERIFY(!editor.isModified());
}

void TestMessageEditor::keepsHeaderAndBodyApart_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("body only") << QByteArray("just words\r\nmore\r\n");
    QTest::newRow("empty line first") << QByteArray("\r\nbody\r\n");
    QTest::newRow("header only") << QByteArray("A: b\r\n");
    QTest::newRow("header without line end") << QByteArray("A: b");
    QTest::newRow("header that runs into the body") << QByteArray("A: b\r\nwords\r\n");
}

void TestMessageEditor::keepsHeaderAndBodyApart()
{
    QFETCH(QByteArray, text);
    const mail::Message before = mail::Message::parse(mail::Content(text));
    mail::MessageEditor editor(before);
    QVERIFY(editor.setHeader("X-Set", u"1"_s));
    QVERIFY(editor.prependHeader("X-Top", u"2"_s));
    const mail::Message after = edited(editor);
    QCOMPARE(after.fields().size(), before.fields().size() + 2);
    QCOMPARE(after.rawBody(after.root()).toByteArray(),
             before.rawBody(before.root()).toByteArray());
}

void TestMessageEditor::dropsStrayLinesOfAnEditedHeader()
{
    mail::MessageEditor editor(parsed("A: 1\nno field\nB: 2\nneither\nC: 3\n\nbody\n"));
    editor.removeHeader("A");
    editor.removeHeader("B");
    QVERIFY(editor.setHeader("X-Set", u"1"_s));
    QCOMPARE(editor.result().toByteArray(), crlf("C: 3\nX-Set: 1\n\nbody\n"));
}

void TestMessageEditor::replacesOnePart()
{
    const mail::Message message = parsed(c_mixed);
    mail::MessageEditor editor(message);
    editor.replacePart(5, {u"removed evil.exe"_s, {}});
    const mail::Message after = edited(editor);
    QCOMPARE(typesOf(after),
             QByteArray("multipart/mixed multipart/alternative text/plain text/html "
                        "text/plain image/png"));
    QCOMPARE(after.part(5)->fileName(), u"REMOVED_ATTACHMENT_5.txt"_s);
    QCOMPARE(after.text(*after.part(5)), u"removed evil.exe"_s);
    const QByteArray result = editor.result().toByteArray();
    QVERIFY(!result.contains("evil.exe\r\nContent"));
    QVERIFY(result.startsWith(crlf(c_mixed).first(message.part(5)->header.begin)));
    QVERIFY(result.endsWith(crlf(c_mixed).sliced(message.part(5)->body.end)));
    QCOMPARE(after.defects(), mail::Defects());

    mail::MessageEditor html(message);
    html.replacePart(5, {u"<p>gone: \u00fc</p>"_s, {}});
    QCOMPARE(edited(html).part(5)->declaredType, QByteArray("text/html"));
    QCOMPARE(edited(html).part(5)->fileName(), u"REMOVED_ATTACHMENT_5.html"_s);
    QCOMPARE(edited(html).text(*edited(html).part(5)), u"<p>gone: \u00fc</p>"_s);
}

void TestMessageEditor::replacesTheWholeMail()
{
    mail::MessageEditor editor(parsed("Subject: keep me\nContent-Type: application/x-java\n"
                                      "Content-Transfer-Encoding: base64\n\nyv66vg==\n"));
    editor.replacePart(1, {u"gone"_s, {}});
    const mail::Message after = edited(editor);
    QCOMPARE(typesOf(after), QByteArray("multipart/mixed text/plain"));
    QCOMPARE(after.subject(), u"keep me"_s);
    QVERIFY(after.field("MIME-Version") != nullptr);
    QVERIFY(after.field("Content-Transfer-Encoding") == nullptr);
    QCOMPARE(after.text(*after.part(2)), u"gone"_s);
    QCOMPARE(after.defects(), mail::Defects());
}

void TestMessageEditor::replacesAnEmbeddedMessage()
{
    const QByteArray text = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\n"
                            "Content-Type: message/rfc822\n\nSubject: inner\n"
                            "Content-Type: application/x-java\n\nJAVA\n--b--\n";
    mail::MessageEditor inner(parsed(text));
    inner.replacePart(4, {u"gone"_s, {}});
    const mail::Message after = edited(inner);
    QCOMPARE(typesOf(after),
             QByteArray("multipart/mixed text/plain message/rfc822 multipart/mixed text/plain"));
    QCOMPARE(after.part(4)->field("Subject")->decoded(), u"inner"_s);
    QVERIFY(!after.content().toByteArray().contains("JAVA"));
    mail::MessageEditor whole(parsed(text));
    whole.replacePart(3, {u"gone"_s, {}});
    QCOMPARE(typesOf(edited(whole)), QByteArray("multipart/mixed text/plain text/plain"));
}

void TestMessageEditor::removesPartsWithoutNote()
{
    mail::MessageEditor editor(parsed(c_mixed));
    editor.removePart(5);
    QCOMPARE(typesOf(edited(editor)),
             QByteArray("multipart/mixed multipart/alternative text/plain text/html image/png"));
    editor.removePart(6);
    QCOMPARE(typesOf(edited(editor)),
             QByteArray("multipart/mixed multipart/alternative text/plain text/html"));
    editor.removePart(2);
    QCOMPARE(typesOf(edited(editor)), QByteArray("multipart/mixed text/plain"));
    QCOMPARE(edited(editor).defects(), mail::Defects());
}

void TestMessageEditor::keepsTheFirstBody()
{
    mail::MessageEditor editor(parsed(c_mixed));
    QCOMPARE(editor.keepFirstBody(removedNote), (std::vector<int>{5, 6}));
    const mail::Message after = edited(editor);
    QCOMPARE(typesOf(after),
             QByteArray("multipart/mixed multipart/alternative text/plain text/html "
                        "text/plain text/plain"));
    QCOMPARE(after.text(*after.part(5)), u"removed evil.exe"_s);

    const QByteArray attached = "Content-Type: multipart/mixed; boundary=b\n\n"
                                "--b\nContent-Disposition: attachment\n\nattached text\n"
                                "--b\nContent-Type: text/html\n\nthe body\n"
                                "--b\nContent-Type: text/plain\n\nsecond text\n"
                                "--b\nContent-Type: message/rfc822\n\nSubject: x\n\ninner\n--b--\n";
    mail::MessageEditor second(parsed(attached));
    QCOMPARE(second.keepFirstBody(removedNote), (std::vector<int>{2, 4, 5}));
    const QByteArray result = second.result().toByteArray();
    QVERIFY(result.contains("the body"));
    QVERIFY(!result.contains("attached text") && !result.contains("second text")
            && !result.contains("inner"));
}

void TestMessageEditor::keepsFirstBodyOfSinglePartMail()
{
    mail::MessageEditor text(parsed(c_plain));
    QVERIFY(text.keepFirstBody(removedNote).empty());
    QVERIFY(!text.isModified());
    mail::MessageEditor program(
        parsed("Subject: x\nContent-Type: application/x-foo; name=a.exe\n\nMZ\n"));
    QCOMPARE(program.keepFirstBody(removedNote), (std::vector<int>{1}));
    QCOMPARE(typesOf(edited(program)), QByteArray("multipart/mixed text/plain"));
    QVERIFY(!program.result().toByteArray().contains("MZ"));
    // A header that ends without a line end, in a field that goes.
    for (const QByteArray &header : {QByteArray("Content-Type: image/x"), QByteArray("A: b")}) {
        mail::MessageEditor open(mail::Message::parse(mail::Content(header)));
        QVERIFY(open.setHeader("X-Set", u"1"_s));
        open.replacePart(1, {u"gone"_s, {}});
        open.appendNote({u"note"_s, {}});
        QVERIFY(edited(open).field("X-Set") != nullptr);
        QCOMPARE(typesOf(edited(open)), QByteArray("multipart/mixed text/plain text/plain"));
    }
}

void TestMessageEditor::cutsFilesOutOfTexts()
{
    const QByteArray file = "begin 644 evil.exe\n#0V%T\n`\nend\n";
    mail::MessageEditor editor(
        parsed("Subject: x\n\nabove\n" + file + "between\n" + file + "below\n"));
    QCOMPARE(editor.keepFirstBody(removedNote), (std::vector<int>{2, 3}));
    QCOMPARE(editor.result().toByteArray(),
             crlf("Subject: x\n\nabove\nremoved evil.exe\nbetween\nremoved evil.exe\nbelow\n"));

    const QByteArray encoded = crlf("above\n" + file + "below\n").toBase64();
    mail::MessageEditor base64(parsed("Content-Transfer-Encoding: base64\n\n" + encoded + "\n"));
    base64.replacePart(2, {u"gone"_s, {}});
    const mail::Message after = edited(base64);
    QCOMPARE(after.decoded(after.root()).toByteArray(), crlf("above\ngone\nbelow\n"));
}

void TestMessageEditor::takesHiddenContentOut()
{
    const QByteArray text = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n--b--\n"
                            "Content-Type: text/html\n\nhidden words\n";
    const mail::Message message = parsed(text);
    QCOMPARE(message.parts().back().kind, mail::PartKind::Hidden);
    mail::MessageEditor editor(message);
    editor.replacePart(message.parts().back().id, {u"gone"_s, {}});
    QVERIFY(!editor.result().toByteArray().contains("hidden words"));
    QVERIFY(editor.result().toByteArray().contains("gone"));
    QVERIFY(edited(editor).defects().ambiguous.isEmpty());
}

void TestMessageEditor::appendsNotes_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("types");
    QTest::newRow("single part") << c_plain << QByteArray("multipart/mixed text/plain text/plain");
    QTest::newRow("mixed") << c_mixed
                           << QByteArray(
                                  "multipart/mixed multipart/alternative text/plain text/html "
                                  "application/octet-stream image/png text/plain");
    QTest::newRow("mixed without end")
        << QByteArray("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n")
        << QByteArray("multipart/mixed text/plain text/plain");
    QTest::newRow("alternative")
        << QByteArray("Content-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b--\n")
        << QByteArray("multipart/mixed multipart/alternative text/plain text/plain");
    QTest::newRow("encoded single part")
        << QByteArray("Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+\n")
        << QByteArray("multipart/mixed text/html text/plain");
    QTest::newRow("nothing") << QByteArray() << QByteArray("multipart/mixed text/plain text/plain");
}

void TestMessageEditor::appendsNotes()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, types);
    const mail::Message before = parsed(text);
    mail::MessageEditor editor(before);
    editor.appendNote({QString::fromUtf8("Hinweis: größer"), u"note.txt"_s});
    const mail::Message after = edited(editor);
    QCOMPARE(typesOf(after), types);
    const mail::Part &note = after.parts().back();
    QCOMPARE(after.text(note), QString::fromUtf8("Hinweis: größer"));
    QCOMPARE(note.fileName(), u"note.txt"_s);
    QVERIFY(after.defects().ambiguous.isEmpty());
    if (before.root().kind == mail::PartKind::Leaf) {
        QCOMPARE(after.decoded(*after.part(2)).toByteArray(),
                 before.decoded(before.root()).toByteArray());
    }
}

void TestMessageEditor::addsDisclaimers_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("isTop");
    QTest::addColumn<bool>("hasSeparator");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char *name, const QByteArray &text, bool isTop, bool hasSeparator,
                        const char *expected) {
        QTest::newRow(name) << text << isTop << hasSeparator << QString::fromUtf8(crlf(expected));
    };
    row("plain, bottom", "Subject: x\n\nwords\n", false, true, "words\n--\nhouse rules\n");
    row("plain, top", "Subject: x\n\nwords\n", true, true, "house rules\n--\nwords\n");
    row("plain without separator", "Subject: x\n\nwords\n", false, false, "words\nhouse rules\n");
    row("plain without final line end", "Subject: x\n\nwords", false, true,
        "words\n--\nhouse rules\n");
    row("empty body", "Subject: x\n\n", false, true, "--\nhouse rules\n");
    row("header only", "Subject: x\n", false, true, "--\nhouse rules\n");
    row("HTML, bottom", "Content-Type: text/html\n\n<HTML><BODY>a</BODY></HTML>\n", false, true,
        "<HTML><BODY>a\n<br>--<br>\n<b>house</b> rules\n</BODY></HTML>\n");
    row("HTML, top", "Content-Type: text/html\n\n<body class=\"x\">a</body>\n", true, true,
        "<body class=\"x\"><b>house</b> rules\n<br>--<br>\na</body>\n");
    row("HTML without body", "Content-Type: text/html\n\n<p>a</p>\n", false, true,
        "<p>a</p>\n\n<br>--<br>\n<b>house</b> rules\n");
    row("quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\na=3Db=\nc\n", false,
        true, "a=bc\n--\nhouse rules\n");
    row("base64", "Content-Transfer-Encoding: base64\n\nd29yZHMNCg==\n", false, true,
        "words\n--\nhouse rules\n");
    row("first part only",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n--b\n\nmore\n--b--\n", false,
        true, "words\n--\nhouse rules\n");
}

void TestMessageEditor::addsDisclaimers()
{
    QFETCH(QByteArray, text);
    QFETCH(bool, isTop);
    QFETCH(bool, hasSeparator);
    QFETCH(QString, expected);
    mail::MessageEditor editor(parsed(text));
    const auto outcome = editor.addDisclaimer(
        {u"<b>house</b> rules"_s,
         isTop ? mail::DisclaimerPosition::Top : mail::DisclaimerPosition::Bottom, hasSeparator});
    QCOMPARE(outcome, mail::DisclaimerOutcome::Added);
    const mail::Message after = edited(editor);
    const mail::Part &part = after.parts().size() > 1 ? *after.part(2) : after.root();
    QCOMPARE(after.text(part), expected);
    QCOMPARE(after.defects(), mail::Defects());
}

void TestMessageEditor::addsDisclaimerToAllAlternatives()
{
    mail::MessageEditor editor(parsed(c_mixed));
    QCOMPARE(editor.addDisclaimer({u"<i>r\u00e9gles</i>"_s}), mail::DisclaimerOutcome::Added);
    const mail::Message after = edited(editor);
    // The plain part declares no charset: it cannot carry the accent. The HTML part can, as entity.
    QVERIFY(after.text(*after.part(4)).contains(u"<i>r&#233;gles</i>"_s));
    QCOMPARE(after.text(*after.part(3)), u"words"_s);

    const QByteArray utf8 = QByteArray(c_mixed).replace("text/plain\n",
                                                        "text/plain; charset=utf-8\n");
    mail::MessageEditor second(parsed(utf8));
    QCOMPARE(second.addDisclaimer({u"<i>r\u00e9gles</i>"_s}), mail::DisclaimerOutcome::Added);
    const mail::Message both = edited(second);
    QCOMPARE(both.text(*both.part(3)), u"words\r\n--\r\nr\u00e9gles\r\n"_s);
    QCOMPARE(both.part(3)->transferEncoding, QByteArray("quoted-printable"));
}

void TestMessageEditor::leavesProtectedTextAlone_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("signed") << QByteArray(
        "Content-Type: multipart/signed; boundary=b\n\n--b\n\nx\n--b\n"
        "Content-Type: application/pgp-signature\n\ns\n--b--\n");
    QTest::newRow("encrypted") << QByteArray(
        "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n");
    QTest::newRow("S/MIME") << QByteArray("Content-Type: application/pkcs7-mime\n\nx\n");
    QTest::newRow("signed within mixed")
        << QByteArray("Content-Type: multipart/mixed; boundary=a\n\n--a\n"
                      "Content-Type: multipart/signed; boundary=b\n\n--b\n\nx\n--b--\n--a--\n");
    QTest::newRow("OpenPGP in the text")
        << QByteArray("Subject: x\n\n-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n");
}

void TestMessageEditor::leavesProtectedTextAlone()
{
    QFETCH(QByteArray, text);
    mail::MessageEditor editor(parsed(text));
    QCOMPARE(editor.addDisclaimer({u"rules"_s}), mail::DisclaimerOutcome::Protected);
    QVERIFY(!editor.isModified());
    QCOMPARE(editor.result().toByteArray(), crlf(text));
}

void TestMessageEditor::refusesWhatTheCharsetLacks()
{
    mail::MessageEditor editor(parsed(
        "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nx\n"));
    QCOMPARE(editor.addDisclaimer({u"\u65e5\u672c"_s}), mail::DisclaimerOutcome::NotRepresentable);
    QVERIFY(!editor.isModified());
    QCOMPARE(editor.addDisclaimer({u"\u00fc"_s}), mail::DisclaimerOutcome::Added);
    QVERIFY(editor.result().toByteArray().contains("--\r\n\xFC\r\n"));
    mail::MessageEditor image(parsed("Content-Type: image/png\n\nx\n"));
    QCOMPARE(image.addDisclaimer({u"x"_s}), mail::DisclaimerOutcome::NoTextPart);
}

void TestMessageEditor::combinesEdits()
{
    mail::MessageEditor editor(parsed(c_mixed));
    QVERIFY(editor.setHeader("Subject", u"new"_s));
    editor.replacePart(5, {u"gone"_s, {}});
    QCOMPARE(editor.addDisclaimer({u"rules"_s}), mail::DisclaimerOutcome::Added);
    editor.appendNote({u"note"_s, {}});
    const mail::Message after = edited(editor);
    QCOMPARE(typesOf(after),
             QByteArray("multipart/mixed multipart/alternative text/plain text/html "
                        "text/plain image/png text/plain"));
    QCOMPARE(after.subject(), u"new"_s);
    QCOMPARE(after.text(*after.part(3)), u"words\r\n--\r\nrules\r\n"_s);
    QVERIFY(after.content().toByteArray().contains("old preamble"));
    QVERIFY(after.content().toByteArray().contains("old epilogue"));

    // A wrapped text that also needs another transfer encoding.
    mail::MessageEditor single(parsed("Content-Type: text/plain; charset=utf-8\n\nx\n"));
    QCOMPARE(single.addDisclaimer({u"\u00fc"_s}), mail::DisclaimerOutcome::Added);
    single.appendNote({u"note"_s, {}});
    const mail::Message wrapped = edited(single);
    QCOMPARE(typesOf(wrapped), QByteArray("multipart/mixed text/plain text/plain"));
    QCOMPARE(wrapped.text(*wrapped.part(2)), u"x\r\n--\r\n\u00fc\r\n"_s);
}

QTEST_APPLESS_MAIN(TestMessageEditor)
#include "TestMessageEditor.moc"
