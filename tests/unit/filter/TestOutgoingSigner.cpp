// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/OutgoingSigner.h"

#include <QtTest/QTest>

namespace portcullis::filter {

using authentication::DkimKey;
using verdict::Origin;

class TestOutgoingSigner final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void choosesTheLongestDomain_data();
    void choosesTheLongestDomain();
    void signsEachCopyOnce();
    void keepsWhatIsQuarantined();
    void leavesIncomingMailAlone();
    void aMissingKeyCostsTheSignatureOnly();
};

namespace {

const char mailText[] =
    "From: Anna <anna@example.com>\r\nTo: b@other.test\r\nSubject: Hi\r\n\r\nHello\r\n";

SigningSettings settingsFor(std::vector<QByteArray> domains)
{
    SigningSettings settings;
    settings.selector = "s1";
    settings.domains = std::move(domains);
    return settings;
}

verdict::FilterRequest request(mail::Direction direction)
{
    verdict::FilterRequest request;
    request.direction = direction;
    request.envelope.sender = mail::Address::parse("anna@example.com").value();
    request.content = mail::Content(QByteArray(mailText));
    return request;
}

verdict::OutgoingMessage outgoing(Origin origin, quint32 content)
{
    verdict::OutgoingMessage message;
    message.origin = origin;
    message.envelope.sender = mail::Address::parse("anna@example.com").value();
    message.content = content;
    return message;
}

/// The original, and an edited copy.
verdict::FilterResponse response()
{
    verdict::FilterResponse response;
    response.contents = {mail::Content(), mail::Content("X-Edited: 1\r\n" + QByteArray(mailText))};
    return response;
}

int signaturesOf(const mail::Content &content)
{
    return static_cast<int>(content.toByteArray().count("DKIM-Signature:"));
}

}  // namespace

void TestOutgoingSigner::choosesTheLongestDomain_data()
{
    QTest::addColumn<QByteArray>("sender");
    QTest::addColumn<bool>("signsAll");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("listed") << QByteArray("example.com") << false << QByteArray("example.com");
    QTest::newRow("subdomain") << QByteArray("a.b.example.com") << false
                               << QByteArray("example.com");
    QTest::newRow("longest entry")
        << QByteArray("x.mail.example.com") << false << QByteArray("mail.example.com");
    QTest::newRow("not at a dot") << QByteArray("badexample.com") << false << QByteArray();
    QTest::newRow("not listed") << QByteArray("other.test") << false << QByteArray();
    QTest::newRow("all mail") << QByteArray("other.test") << true << QByteArray("other.test");
    QTest::newRow("no domain") << QByteArray() << true << QByteArray();
    QTest::newRow("address literal") << QByteArray("[192.0.2.1]") << true << QByteArray();
}

void TestOutgoingSigner::choosesTheLongestDomain()
{
    QFETCH(QByteArray, sender);
    QFETCH(bool, signsAll);
    QFETCH(QByteArray, expected);
    SigningSettings settings = settingsFor({"example.com", "mail.example.com"});
    settings.signsAllMail = signsAll;
    const OutgoingSigner signer(settings, DkimKey::generate(1024));
    QCOMPARE(signer.signingDomain(sender), expected);
}

void TestOutgoingSigner::signsEachCopyOnce()
{
    const OutgoingSigner signer(settingsFor({"example.com"}), DkimKey::generate(1024));
    verdict::FilterResponse answer = response();
    answer.outgoing = {outgoing(Origin::Original, 0), outgoing(Origin::Bcc, 0),
                       outgoing(Origin::Original, 1)};
    signer.sign(request(mail::Direction::Out), answer);
    QCOMPARE(answer.contents.size(), size_t(3));
    QVERIFY(answer.contents[0].isEmpty());  // Still "the message as it came".
    QCOMPARE(answer.outgoing[0].content, 2U);
    QCOMPARE(answer.outgoing[1].content, 2U);
    QCOMPARE(answer.outgoing[2].content, 1U);
    QCOMPARE(signaturesOf(answer.contents[1]), 1);
    QCOMPARE(signaturesOf(answer.contents[2]), 1);
    QVERIFY(answer.contents[2].toByteArray().endsWith(mailText));
    QCOMPARE(answer.evidence.value(QLatin1String("dkim_signing"))
                 .toObject()
                 .value(QLatin1String("domain"))
                 .toString(),
             QStringLiteral("example.com"));
}

void TestOutgoingSigner::keepsWhatIsQuarantined()
{
    const OutgoingSigner signer(settingsFor({"example.com"}), DkimKey::generate(1024));
    verdict::FilterResponse answer = response();
    answer.outgoing = {outgoing(Origin::Original, 1)};
    answer.quarantined.emplace_back();
    answer.quarantined.back().content = 1;
    signer.sign(request(mail::Direction::Out), answer);
    QCOMPARE(signaturesOf(answer.contents[1]), 0);
    QCOMPARE(signaturesOf(answer.contents[answer.outgoing[0].content]), 1);
}

void TestOutgoingSigner::leavesIncomingMailAlone()
{
    const OutgoingSigner signer(settingsFor({"example.com"}), DkimKey::generate(1024));
    verdict::FilterResponse answer = response();
    answer.outgoing = {outgoing(Origin::Original, 1), outgoing(Origin::Notification, 1)};
    answer.outgoing[1].content = 2;
    answer.outgoing[1].envelope.sender = {};  // The author is in the header only.
    answer.contents.emplace_back(QByteArray(mailText));
    signer.sign(request(mail::Direction::In), answer);
    QCOMPARE(signaturesOf(answer.contents[1]), 0);
    QCOMPARE(signaturesOf(answer.contents[2]), 1);
}

void TestOutgoingSigner::aMissingKeyCostsTheSignatureOnly()
{
    const OutgoingSigner signer(settingsFor({"example.com"}),
                                Error::permanent("dkim.key", QStringLiteral("no such file")));
    verdict::FilterResponse answer = response();
    answer.outgoing = {outgoing(Origin::Original, 0)};
    signer.sign(request(mail::Direction::Out), answer);
    QCOMPARE(answer.outgoing[0].content, 0U);
    QVERIFY(answer.evidence.value(QLatin1String("dkim_signing"))
                .toObject()
                .value(QLatin1String("unsigned"))
                .toString()
                .contains(QStringLiteral("no such file")));
}

}  // namespace portcullis::filter

QTEST_GUILESS_MAIN(portcullis::filter::TestOutgoingSigner)
#include "TestOutgoingSigner.moc"
