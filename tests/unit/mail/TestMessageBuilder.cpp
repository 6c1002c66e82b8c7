// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Message.h"
#include "appliance/mail/MessageBuilder.h"

#include <QtTest/QtTest>

using namespace Qt::StringLiterals;
namespace mail = portcullis::mail;

namespace {

mail::NewMessage notification()
{
    mail::NewMessage message;
    message.fromName = QString::fromUtf8("Portcullis \"Grün\"");
    message.from = *mail::Address::parse("postmaster@gate.example");
    message.to = {*mail::Address::parse("admin@example.org"),
                  *mail::Address::parse("b@example.org")};
    message.subject = QString::fromUtf8("Fund: böse\r\nBcc: evil@example.com");
    message.body = QString::fromUtf8("Zeile eins: ä\nline two\n");
    message.date = portcullis::Clock::WallTime(std::chrono::seconds(1'600'000'000));
    message.messageId = "1@gate.example";
    return message;
}

}  // namespace

class TestMessageBuilder : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void writesANotification();
    void attachesTheOriginal();
    void writesReports();
    void keepsTextsWithinLines_data();
    void keepsTextsWithinLines();
    void knowsWhenSmtpUtf8IsNeeded();
    void makesPlainTextOfHtml_data();
    void makesPlainTextOfHtml();
};

void TestMessageBuilder::writesANotification()
{
    const mail::Message message = mail::Message::parse(mail::build(notification()));
    QCOMPARE(message.parts().size(), size_t(1));
    QCOMPARE(message.defects(), mail::Defects());
    QCOMPARE(message.subject(), QString::fromUtf8("Fund: böse Bcc: evil@example.com"));
    QVERIFY2(message.field("Bcc") == nullptr, "W11");
    QCOMPARE(message.fromAddresses().front().toString(), QByteArray("postmaster@gate.example"));
    QCOMPARE(message.addresses("To").size(), size_t(2));
    QCOMPARE(message.field("Date")->unfolded(), QByteArray("Sun, 13 Sep 2020 12:26:40 +0000"));
    QCOMPARE(message.field("Message-ID")->unfolded(), QByteArray("<1@gate.example>"));
    QCOMPARE(message.field("Auto-Submitted")->unfolded(), QByteArray("auto-generated"));
    QCOMPARE(message.text(message.root()), QString::fromUtf8("Zeile eins: ä\r\nline two\r\n"));
    QVERIFY(std::none_of(message.content().view().begin(), message.content().view().end(),
                         [](char c) { return static_cast<uchar>(c) > 127; }));
}

void TestMessageBuilder::attachesTheOriginal()
{
    const QByteArray original = "Subject: bad\r\n\r\n\xC3\xA4 body\r\n.\r\n";
    mail::NewMessage message = notification();
    message.attachments.push_back(mail::attachMessage(mail::Content(original)));
    const mail::Message parsed = mail::Message::parse(mail::build(message));
    QCOMPARE(parsed.parts().size(), size_t(4));
    QCOMPARE(parsed.part(3)->declaredType, QByteArray("message/rfc822"));
    QCOMPARE(parsed.part(3)->fileName(), u"original_message.eml"_s);
    QCOMPARE(parsed.part(3)->transferEncoding, QByteArray("8bit"));
    QCOMPARE(parsed.rawBody(*parsed.part(3)).toByteArray(), original);
    QCOMPARE(parsed.defects(), mail::Defects());

    mail::NewMessage global = notification();
    global.attachments.push_back(
        mail::attachMessage(mail::Content(QByteArray("Subject: \xC3\xA4\r\n\r\nx\r\n"))));
    QCOMPARE(mail::Message::parse(mail::build(global)).part(3)->declaredType,
             QByteArray("message/global"));
}

void TestMessageBuilder::writesReports()
{
    mail::NewMessage message = notification();
    message.attachments.push_back(
        {"Content-Type: message/delivery-status\r\n", "Reporting-MTA: dns; gate\r\n"});
    const mail::Message parsed = mail::Message::parse(
        mail::build(message, "report", "report-type=delivery-status"));
    QCOMPARE(parsed.root().declaredType, QByteArray("multipart/report"));
    QVERIFY(parsed.field("Content-Type")->unfolded().contains("report-type=delivery-status"));
    QCOMPARE(parsed.part(3)->declaredType, QByteArray("message/delivery-status"));
    QCOMPARE(parsed.defects(), mail::Defects());
}

void TestMessageBuilder::keepsTextsWithinLines_data()
{
    QTest::addColumn<QString>("text");
    QTest::newRow("plain") << u"abc\r\n"_s;
    QTest::newRow("long line") << QString(5000, u'x');
    QTest::newRow("accents") << QString::fromUtf8("größer\n").repeated(300);
    QTest::newRow("other script") << QString::fromUtf8("日本語").repeated(500);
    QTest::newRow("NUL") << QString(u"a"_s + QChar(u'\0') + u"b"_s);
    QTest::newRow("lone line ends") << u"a\rb\nc\r\n"_s;
    QTest::newRow("dots and blanks") << u".\n. \n =\n"_s;
    QTest::newRow("empty") << QString();
}

void TestMessageBuilder::keepsTextsWithinLines()
{
    QFETCH(QString, text);
    const mail::WrittenPart part = mail::textPart(text);
    for (const QByteArray &line : part.body.split('\n')) {
        QVERIFY(line.size() <= 999);
    }
    const mail::Message message = mail::Message::parse(
        mail::Content(part.header + "\r\n" + part.body));
    QString expected = text;
    expected.replace("\r\n"_L1, "\n"_L1).replace(u'\r', u'\n').replace("\n"_L1, "\r\n"_L1);
    QCOMPARE(message.text(message.root()), expected);
    QCOMPARE(message.defects(), mail::Defects());
}

void TestMessageBuilder::knowsWhenSmtpUtf8IsNeeded()
{
    mail::NewMessage message = notification();
    QVERIFY(!mail::needsSmtpUtf8(message));
    message.to = {*mail::Address::parse("a@b\xC3\xBC"
                                        "cher.example")};
    QVERIFY(!mail::needsSmtpUtf8(message));
    QVERIFY(mail::build(message).view().contains("a@xn--bcher-kva.example"));
    message.to = {*mail::Address::parse("\xC3\xBC@example.org")};
    QVERIFY(mail::needsSmtpUtf8(message));
}

void TestMessageBuilder::makesPlainTextOfHtml_data()
{
    QTest::addColumn<QString>("html");
    QTest::addColumn<QString>("text");
    const auto row = [](const char *name, const char *html, const char *text) {
        QTest::newRow(name) << QString::fromUtf8(html) << QString::fromUtf8(text);
    };
    row("paragraphs", "<p>one</p><p>two<br>three</p>", "one\ntwo\nthree");
    row("entities", "a &lt; b &amp;&nbsp;c &#252; &#x20AC; &nope; &#0;",
        "a < b & c ü € &nope; &#0;");
    row("list", "<ul><li>a</li><li>b</li></ul>", "\n* a\n\n* b");
    row("script", "x<script>alert('<b>')</script>y<style>p{}</style>z", "xyz");
    row("comment", "a<!-- <b> -->b", "ab");
    row("no tags", "first\nsecond", "first\nsecond");
    row("open tag", "a<b", "a");
    row("nothing", "", "");
}

void TestMessageBuilder::makesPlainTextOfHtml()
{
    QFETCH(QString, html);
    QFETCH(QString, text);
    QCOMPARE(mail::plainTextOf(html).trimmed(), text.trimmed());
}

QTEST_APPLESS_MAIN(TestMessageBuilder)
#include "TestMessageBuilder.moc"
