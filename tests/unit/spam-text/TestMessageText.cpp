// SPDX-License-Identifier: GPL-2.0-or-later
// The views of whole messages, made up for each behaviour.
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/text/MessageText.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

namespace {

const RuleSet &someRules()
{
    static const RuleSet rules = readRuleText(
        "util_rb_tld com net org de uk\nutil_rb_2tld co.uk\n");
    return rules;
}

/// A message that stays valid with what it refers to.
struct Read {
    explicit Read(const QByteArray &bytes)
        : text(portcullis::mail::Content(bytes), settings, domains)
    {
    }
    TextSettings settings = TextSettings::fromRules(someRules());
    DomainTable domains{someRules()};
    MessageText text;
};

QByteArray joined(const std::vector<QByteArray> &lines)
{
    QByteArray result;
    for (const QByteArray &line : lines) {
        result += line + '|';
    }
    return result;
}

QByteArray typesOf(MessageText &text)
{
    QByteArray result;
    for (const TextPart &part : text.parts()) {
        result += (result.isEmpty() ? "" : " ") + part.type + (part.isLeaf ? "" : "+");
    }
    return result;
}

}  // namespace

class TestMessageText : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void answersHeaderQueries_data();
    void answersHeaderQueries();
    void takesMessagesApart_data();
    void takesMessagesApart();
    void makesParagraphs_data();
    void makesParagraphs();
    void showsVisibleAndInvisibleText();
    void cutsRawBodyIntoChunks();
    void namesParseFlags_data();
    void namesParseFlags();
    void sessionDecidesOnEnvelopeSender();
    void envelopeSenderHeaderMayNameItself_data();
    void envelopeSenderHeaderMayNameItself();
    void metadataAnswersForMissingFields();
    void boundsHostileStructure_data();
    void boundsHostileStructure();
};

void TestMessageText::answersHeaderQueries_data()
{
    QTest::addColumn<QByteArray>("query");
    QTest::addColumn<QByteArray>("expected");
    const auto row = [](const char *query, const char *expected) {
        QTest::newRow(query) << QByteArray(query) << QByteArray(expected);
    };
    row("Subject", "two\n|");
    row("subject:raw", " two\n|");
    row("From:addr", "a@mail.example.co.uk|");
    row("From:name", "A, B|");
    row("From:addr:host", "mail.example.co.uk|");
    row("From:addr:domain", "example.co.uk|");
    row("ToCc", "b@example.com, c@example.net\n|d@example.org\n|");
    row("ToCc:addr", "b@example.com|c@example.net|d@example.org|");
    row("MESSAGEID", "<x@example.com>\n|<m@example.com>\n|");
    row("X-Multi", "1\n|2\n|");
    row("X-Multi:first", "1\n|");
    row("X-Multi:last", "2\n|");
    row("X-Origin:ip", "192.0.2.7|");
    row("X-Origin:revip", "7.2.0.192|");
    row("X-Missing", "");
    row("X-Spam-Status", "");
    row("EnvelopeFrom", "bounce@example.com|");
    row("X-SenderDomain", "example.com|");
    row("X-AuthorDomain", "mail.example.co.uk|");
}

void TestMessageText::answersHeaderQueries()
{
    QFETCH(QByteArray, query);
    QFETCH(QByteArray, expected);
    Read read(
        "Return-Path: <bounce@example.com>\r\nX-Spam-Status: No\r\nSubject: two\r\n"
        "From: \"A, B\" <a@mail.example.co.uk>\r\nTo: b@example.com,\r\n c@example.net\r\n"
        "Cc: d@example.org\r\nMessage-ID: <m@example.com>\r\nX-Message-Id: <x@example.com>\r\n"
        "X-Multi: 1\r\nX-Origin: [192.0.2.7]\r\nX-Multi: 2\r\n\r\nbody\r\n");
    QCOMPARE(joined(read.text.headerList(query.constData())), expected);
    QCOMPARE(read.text.header(query.constData()).has_value(), !expected.isEmpty());
}

void TestMessageText::takesMessagesApart_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("types");
    QTest::addColumn<QByteArray>("rawBody");
    const QByteArray mixed = "Content-Type: multipart/mixed; boundary=x\n\n";
    QTest::newRow("no structure") << QByteArray("A: b\n\nhi\n") << QByteArray("text/plain")
                                  << QByteArray("hi\n|");
    QTest::newRow("two entities")
        << mixed + "pre\n--x\nContent-Type: text/html\n\n<b>\n--x \n\nplain\n--x--\nepilogue\n"
        << QByteArray("multipart/mixed+ text/html text/plain") << QByteArray("<b>|plain|");
    QTest::newRow("last boundary missing")
        << mixed + "--x\n\none\n--x\n\ntwo\nend"
        << QByteArray("multipart/mixed+ text/plain text/plain") << QByteArray("one|two\nend|");
    QTest::newRow("no boundary at all")
        << mixed + "one\ntwo\n"
        << QByteArray("multipart/mixed+ text/plain") << QByteArray("one\ntwo\n|");
    QTest::newRow("multipart without boundary parameter")
        << QByteArray("Content-Type: multipart/mixed\n\nhi\n") << QByteArray("text/plain")
        << QByteArray("hi\n|");
    QTest::newRow("inner entity without boundary")
        << mixed + "--x\nContent-Type: multipart/alternative\n\n\n--x\n\ntext\n--x--\n"
        << QByteArray("multipart/mixed+ multipart/alternative+ text/plain") << QByteArray("text|");
    QTest::newRow("digest") << QByteArray(
        "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: in\n\ninner\n--x--\n")
                            << QByteArray("multipart/digest+ message/rfc822+ text/plain")
                            << QByteArray("inner|");
    QTest::newRow("message in base64")
        << QByteArray("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
                      "U3ViamVjdDogYQ0KDQpiDQo=\n")
        << QByteArray("message/rfc822+ text/plain") << QByteArray("b\n|");
    QTest::newRow("other message types are leaves")
        << QByteArray("Content-Type: message/delivery-status\n\nStatus: 5.0.0\n")
        << QByteArray("message/delivery-status") << QByteArray("Status: 5.0.0\n|");
    QTest::newRow("calendar is no body") << QByteArray("Content-Type: text/calendar\n\nBEGIN\n")
                                         << QByteArray("text/calendar") << QByteArray();
}

void TestMessageText::takesMessagesApart()
{
    QFETCH(QByteArray, message);
    Read read(message);
    QTEST(typesOf(read.text), "types");
    QTEST(joined(read.text.rawBody()), "rawBody");
}

void TestMessageText::makesParagraphs_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("expected");
    const QByteArray head = "Subject: s\n";
    QTest::newRow("subject first") << head + "\na\nb\n\n\n c  d\n"
                                   << QByteArray("s\n|a b\n| c d |");
    QTest::newRow("no subject") << QByteArray("\na\n") << QByteArray("\n|a |");
    QTest::newRow("no body") << head + "\n" << QByteArray("s\n|");
    QTest::newRow("no-break space is space among characters") << head
                                                                     + "\na\xc2\xa0\xc2\xa0"
                                                                       "b \xc3\xa9\n"
                                                              << QByteArray("s\n|a b \xc3\xa9 |");
    QTest::newRow("long lines are cut at a space")
        << head + "\n" + QByteArray(2000, 'a') + ' ' + QByteArray(100, 'b') + "\n"
        << "s\n|" + QByteArray(2000, 'a') + " |" + QByteArray(100, 'b') + " |";
    QTest::newRow("parts are apart")
        << head + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x\n\nb\n--x--\n"
        << QByteArray("s\n|a b|");
    QTest::newRow("HTML is rendered") << head + "Content-Type: text/html\n\n<p>a<p>b\n"
                                      << QByteArray("s\n|\n|a\n|b |");
    QTest::newRow("what is no text is not seen") << head + "Content-Type: image/png\n\nxyz\n"
                                                 << QByteArray("s\n|");
}

void TestMessageText::makesParagraphs()
{
    QFETCH(QByteArray, message);
    QTEST(joined(Read(message).text.body()), "expected");
    QTEST(joined(Read(QByteArray(message).replace("\n", "\r\n")).text.body()), "expected");
}

void TestMessageText::showsVisibleAndInvisibleText()
{
    Read read(
        "Subject: s\nContent-Type: text/html\n\n<p>seen</p><p style=\"display:none\">hidden</p>\n");
    QVERIFY(joined(read.text.visibleBody()).contains("seen"));
    QVERIFY(!joined(read.text.visibleBody()).contains("hidden"));
    QVERIFY(joined(read.text.invisibleBody()).contains("hidden"));
    QVERIFY(!joined(read.text.invisibleBody()).contains("s\n"));
    QVERIFY(read.text.html() != nullptr);
}

void TestMessageText::cutsRawBodyIntoChunks()
{
    QByteArray line(99, 'a');
    line += '\n';
    Read read("A: b\n\n" + line.repeated(100));
    const std::vector<QByteArray> &chunks = read.text.rawBody();
    QCOMPARE(chunks.size(), size_t(4));
    QCOMPARE(chunks.front().size(), 2100);
    QCOMPARE(chunks.back().size(), 3700);
}

void TestMessageText::namesParseFlags_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("flag");
    const QByteArray mixed = "A: b\nContent-Type: multipart/mixed; boundary=x\n\n";
    QTest::newRow("no empty line")
        << QByteArray("A: b\n") << QByteArray("missing_head_body_separator");
    QTest::newRow("boundary in the header")
        << QByteArray("A: b\n--x\n\n") << QByteArray("missing_head_body_separator");
    QTest::newRow("long value") << "A: " + QByteArray(9000, 'x') + "\n\n"
                                << QByteArray("truncated_header");
    QTest::newRow("long name") << QByteArray(300, 'A') + ": x\n\n"
                               << QByteArray("truncated_header");
    QTest::newRow("large header") << QByteArray("A: " + QByteArray(7000, 'x') + "\n").repeated(10)
                                         + "\n"
                                  << QByteArray("truncated_header");
    QTest::newRow("entity without fields") << mixed + "--x\nno field\n--x--\n"
                                           << QByteArray("missing_mime_headers");
    QTest::newRow("entity without empty line") << mixed + "--x\nA: b\nbody here\n--x--\n"
                                               << QByteArray("missing_mime_head_body_separator");
    QTest::newRow("epilogue") << mixed + "--x\n\na\n--x--\nmore\n"
                              << QByteArray("mime_epilogue_exists");
}

void TestMessageText::namesParseFlags()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, flag);
    QVERIFY(Read(message).text.hasParseFlag(flag.constData()));
    QVERIFY(!Read("A: b\n\nbody\n").text.hasParseFlag(flag.constData()));
}

void TestMessageText::sessionDecidesOnEnvelopeSender()
{
    Read read("Return-Path: <forged@example.com>\n\n");
    read.text.setArrival({.envelopeFrom = "real@example.net",
                          .recipients = {},
                          .clientAddress = {},
                          .clientName = {},
                          .helo = {}});
    QCOMPARE(read.text.headerText("EnvelopeFrom"), QByteArray("real@example.net"));
}

void TestMessageText::envelopeSenderHeaderMayNameItself_data()
{
    QTest::addColumn<QByteArray>("field");
    QTest::newRow("directly") << QByteArray("EnvelopeFrom");
    QTest::newRow("by its domain") << QByteArray("X-SenderDomain");
}

void TestMessageText::envelopeSenderHeaderMayNameItself()
{
    QFETCH(QByteArray, field);
    Read read("Return-Path: <a@example.com>\n\n");
    TextSettings settings = read.settings;
    settings.relays.envelopeSenderHeader = field;
    MessageText text(portcullis::mail::Content("Return-Path: <a@example.com>\n\n"), settings,
                     read.domains);
    QCOMPARE(text.headerText(field), QByteArray());
    QCOMPARE(text.headerText("EnvelopeFrom"), QByteArray());
    QCOMPARE(text.headerText("X-SenderDomain"), QByteArray());
}

void TestMessageText::metadataAnswersForMissingFields()
{
    Read read("X-There: a\n\n");
    QCOMPARE(read.text.headerText("X-Languages"), QByteArray());
    read.text.setMetadata("X-Languages", "en de");
    read.text.setMetadata("X-There", "b");
    QCOMPARE(read.text.headerText("x-languages"), QByteArray("en de"));
    QCOMPARE(read.text.headerText("X-There"), QByteArray("a\n"));
}

void TestMessageText::boundsHostileStructure_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<int>("mostParts");
    QTest::newRow("a hundred thousand entities")
        << "Content-Type: multipart/mixed; boundary=x\n\n" + QByteArray("--x\n\n").repeated(100'000)
        << 1'001;
    QByteArray nested = "Content-Type: message/rfc822\n\n";
    QTest::newRow("messages in messages") << nested.repeated(5'000) << 25;
    QByteArray deep = "Content-Type: multipart/mixed; boundary=b0\n\n";
    for (int i = 0; i < 2'000; ++i) {
        const QByteArray number = QByteArray::number(i);
        deep += "--b" + number + "\nContent-Type: multipart/mixed; boundary=b"
                + QByteArray::number(i + 1) + "\n\n";
    }
    QTest::newRow("entities in entities") << deep << 25;
    QByteArray same = "Content-Type: multipart/mixed; boundary=x\n\n";
    QTest::newRow("one boundary for all")
        << same + QByteArray("--x\n" + same).repeated(3'000) << 10'001;
    QTest::newRow("fields only") << QByteArray("A:b\n").repeated(60'000) << 1;
    QTest::newRow("different fields") << [] {
        QByteArray fields;
        for (int i = 0; i < 20'000; ++i) {
            fields += "F" + QByteArray::number(i) + ": x\n";
        }
        return fields;
    }() << 1;
    QTest::newRow("half words") << "Subject: " + QByteArray("=?a?b?").repeated(40'000) + "\n\n"
                                << 1;
    QTest::newRow("open brackets") << "From: " + QByteArray("<a@b").repeated(40'000) + "\n\n" << 1;
    QTest::newRow("brackets in a row") << "From: " + QByteArray("<a@b>").repeated(40'000) + "x\n\n"
                                       << 1;
    QTest::newRow("one line") << "A: b\n\n" + QByteArray(262'144, 'a') << 1;
    QTest::newRow("only line ends") << QByteArray(262'144, '\n') << 1;
}

void TestMessageText::boundsHostileStructure()
{
    QFETCH(QByteArray, message);
    QFETCH(int, mostParts);
    Read read(message);
    QVERIFY(!read.text.parts().empty());
    QVERIFY(int(read.text.parts().size()) <= mostParts);
    (void)read.text.body();
    (void)read.text.rawBody();
    (void)read.text.headerList("From:addr");
    (void)read.text.headerList("ALL");
    (void)read.text.headerText("EnvelopeFrom");
}

QTEST_GUILESS_MAIN(TestMessageText)
#include "TestMessageText.moc"
