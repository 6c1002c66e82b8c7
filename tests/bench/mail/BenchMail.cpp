// SPDX-License-Identifier: GPL-2.0-or-later
// What a message costs: a plain mail of 4 KB with the header of a usual delivery, and one of 50 KB
// with an attachment.
#include "appliance/mail/Message.h"
#include "appliance/mail/MessageEditor.h"

#include <QtTest/QtTest>

namespace mail = portcullis::mail;

namespace {

const QByteArray c_header =
    QByteArray("Received: from mx.example.com (mx.example.com [192.0.2.1])\r\n"
               "\tby gate.example.org (Postfix) with ESMTPS id ABC\r\n"
               "\tfor <b@example.org>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n")
        .repeated(4)
    + "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=from:to; bh=" + QByteArray(44, 'A')
    + ";\r\n b=" + QByteArray(340, 'B')
    + "\r\nFrom: Anna <anna@example.com>\r\nTo: b@example.org\r\n"
      "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
      "Message-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n";

mail::Content plainMail()
{
    QByteArray body;
    while (c_header.size() + body.size() < 4096) {
        body += "A line of an ordinary mail, as people write them all day.\r\n";
    }
    return mail::Content(c_header + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + body);
}

mail::Content mailWithAttachment()
{
    QByteArray body = "--b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--b\r\n"
                      "Content-Type: application/pdf; name=\"a.pdf\"\r\n"
                      "Content-Disposition: attachment; filename=\"a.pdf\"\r\n"
                      "Content-Transfer-Encoding: base64\r\n\r\n";
    QByteArray line = QByteArray(QByteArray(57, 'x').toBase64()) + "\r\n";
    body += "JVBERi0xLjQK\r\n";
    while (body.size() < 50'000) {
        body += line;
    }
    return mail::Content(c_header + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body
                         + "--b--\r\n");
}

}  // namespace

class BenchMail : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { mail::initialise(); }

    void parse_data()
    {
        QTest::addColumn<bool>("hasAttachment");
        QTest::newRow("4 KB plain") << false;
        QTest::newRow("50 KB with attachment") << true;
    }
    void parse()
    {
        QFETCH(bool, hasAttachment);
        const mail::Content content = hasAttachment ? mailWithAttachment() : plainMail();
        QBENCHMARK
        {
            (void)mail::Message::parse(content);
        }
    }

    void parseAndDecode_data() { parse_data(); }
    void parseAndDecode()
    {
        QFETCH(bool, hasAttachment);
        const mail::Content content = hasAttachment ? mailWithAttachment() : plainMail();
        QBENCHMARK
        {
            const mail::Message message = mail::Message::parse(content);
            for (const mail::Part &part : message.parts()) {
                (void)message.typeNames(part);
            }
            (void)message.subject();
            (void)message.fromAddresses();
        }
    }

    void editHeader()
    {
        const mail::Message message = mail::Message::parse(plainMail());
        QBENCHMARK
        {
            mail::MessageEditor editor(message);
            (void)editor.setHeader("X-Spam", QStringLiteral("yes"));
            (void)editor.result();
        }
    }
};

QTEST_APPLESS_MAIN(BenchMail)
#include "BenchMail.moc"
