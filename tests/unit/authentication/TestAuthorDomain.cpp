// SPDX-License-Identifier: GPL-2.0-or-later
// C8: whatever is done to From, the answer is never a domain that some reader does not show.
#include "appliance/authentication/AuthorDomain.h"
#include "ZoneLookup.h"

#include <QtTest/QtTest>

namespace portcullis::authentication {

class TestAuthorDomain final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void readsHonestAuthors_data();
    void readsHonestAuthors();
    void seesThroughForgedAuthors_data();
    void seesThroughForgedAuthors();
};

namespace {

AuthorDomain authorOf(const QByteArray &header)
{
    const QByteArray message = header + "\r\nbody\r\n";
    return authorDomain(ReceivedMessage(message, AuthenticationLimits()));
}

void addCase(const char *name, const QByteArray &header, const QByteArray &domain = {})
{
    QTest::newRow(name) << header << domain;
}

}  // namespace

void TestAuthorDomain::readsHonestAuthors_data()
{
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<QByteArray>("domain");
    addCase("bare address", "From: bob@example.org\r\n", "example.org");
    addCase("name and address", "From: Bob Smith <bob@Example.ORG>\r\n", "example.org");
    addCase("quoted name with a comma", "From: \"Smith, Bob\" <bob@example.org>\r\n",
            "example.org");
    addCase("old style name", "From: bob@example.org (Bob (senior) Smith)\r\n", "example.org");
    addCase("encoded name", "From: =?utf-8?Q?B=C3=B6b?= <bob@example.org>\r\n", "example.org");
    addCase("raw UTF-8 name",
            "From: B\xC3\xB6"
            "b <bob@example.org>\r\n",
            "example.org");
    addCase("initials with dots", "From: Bob S. Smith <bob@example.org>\r\n", "example.org");
    addCase("folded", "From: Bob\r\n <bob@example.org>\r\n", "example.org");
    addCase("the same address as name", "From: bob@example.org <bob@example.org>\r\n",
            "example.org");
    addCase("another address in a quoted name",
            "From: \"bob@other.example via List\" <list@example.org>\r\n", "example.org");
    addCase("two authors of one domain", "From: a@example.org, B <b@example.org>\r\n",
            "example.org");
    addCase("quoted local part", "From: \"bob smith\"@example.org\r\n", "example.org");
    addCase("quoted local part in brackets", "From: <\"b@o<b\"@example.org>\r\n", "example.org");
    addCase("U-label",
            "From: bob@b\xC3\xBC"
            "cher.example\r\n",
            "xn--bcher-kva.example");
    addCase("name field in capitals", "FROM: bob@example.org\r\n", "example.org");
    addCase("h= list on a folded line",
            "DKIM-Signature: v=1; h=Date:\r\n\tFrom:To\r\nFrom: bob@example.org\r\n",
            "example.org");
    addCase("Sender is another", "Sender: x@other.example\r\nFrom: bob@example.org\r\n",
            "example.org");
}

void TestAuthorDomain::readsHonestAuthors()
{
    QFETCH(QByteArray, header);
    QFETCH(QByteArray, domain);
    const AuthorDomain author = authorOf(header);
    QVERIFY2(!author.isForged, author.reason.constData());
    QCOMPARE(author.domain, domain);
}

void TestAuthorDomain::seesThroughForgedAuthors_data()
{
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<QByteArray>("domain");
    const QByteArray evil("From: <m@evil.example>\r\n");
    const QByteArray victim("From: <v@victim.example>\r\n");
    addCase("C8 no From", "To: bob@example.org\r\n");
    addCase("C8 two From fields", evil + victim);
    addCase("C8 two From fields the other way", victim + evil);
    addCase("C8 From with a blank before the colon", "From : <v@victim.example>\r\n");
    addCase("C8 From with a blank and another", "From : <v@victim.example>\r\n" + evil);
    addCase("C8 From with a tab and another", evil + "From\t: <v@victim.example>\r\n");
    addCase("C8 From behind a blank in the first line", " From: <v@victim.example>\r\n" + evil);
    addCase("C8 From behind NUL",
            evil + QByteArray("\0From: <v@victim.example>\r\n", 27) + "To: x@y.example\r\n");
    addCase("C8 NUL in the field name",
            evil + QByteArray("From\0: <v@victim.example>\r\n", 27) + "To: x@y.example\r\n");
    addCase("C8 From behind junk that ends the header for some",
            evil + "\x80\r\n\x80\r\nFrom\x80: <v@victim.example>\r\n");
    addCase("C8 octet of 8 bits in the field name", "From\x80: <v@victim.example>\r\n" + evil);
    addCase("C8 NUL behind the address",
            QByteArray("From: <v@victim.example>\0<m@evil.example>\r\n", 43));
    addCase("C8 NUL within the address",
            QByteArray("From: <v@victim.example\0.evil.example>\r\n", 40));
    addCase("C8 bare CR", "From: <v@victim.example>\r From: <m@evil.example>\r\n");
    addCase("C8 group", "From: victims:v@victim.example;\r\n");
    addCase("C8 group without members", "From: undisclosed-recipients:;\r\n");
    addCase("C8 group and an address", "From: g:v@victim.example;, <m@evil.example>\r\n");
    addCase("C8 two addresses of two domains", "From: <m@evil.example>, <v@victim.example>\r\n");
    addCase("C8 two addresses without comma", "From: <m@evil.example><v@victim.example>\r\n");
    addCase("C8 address and bracket", "From: v@victim.example <m@evil.example>\r\n");
    addCase("C8 address, comma, bracket", "From: v@victim.example, <m@evil.example>\r\n");
    addCase("C8 bracket and address", "From: <m@evil.example> v@victim.example\r\n");
    addCase("C8 source route", "From: <@evil.example,@any.example:v@victim.example>\r\n");
    addCase("C8 source route of one", "From: <@evil.example:v@victim.example>\r\n");
    addCase("C8 two at signs", "From: <v@victim.example@evil.example>\r\n");
    addCase("C8 brackets in brackets", "From: <<v@victim.example>m@evil.example>\r\n");
    addCase("C8 escaped bracket", "From: \\<v@victim.example\\><m@evil.example>\r\n");
    addCase("C8 comment in the address", "From: <v(x)@victim.example>\r\n");
    addCase("C8 comment without end", "From: <m@evil.example> (v@victim.example\r\n");
    addCase("C8 quote without end", "From: \"v@victim.example <m@evil.example>\r\n");
    addCase("C8 only an encoded address", "From: =?utf-8?B?PHZAdmljdGltLmV4YW1wbGU+?=\r\n");
    addCase("C8 encoded local part", "From: <=?utf-8?Q?v=40victim.example=00?=@evil.example>\r\n",
            "evil.example");
    addCase("C8 encoded address before another",
            "From: =?utf-8?B?PHZAdmljdGltLmV4YW1wbGU+?= <m@evil.example>\r\n", "evil.example");
    addCase("C8 the victim in the quoted name", "From: \"v@victim.example\" <m@evil.example>\r\n",
            "evil.example");
    addCase("C8 a long name before the address",
            "From: " + QByteArray(8000, 'x') + " <m@evil.example>\r\n", "evil.example");
    addCase("C8 a name without end", "From: " + QByteArray(20000, 'x') + " <m@evil.example>\r\n");
    addCase("C8 lookalike domain",
            "From: v@v\xD1\x96"
            "ctim.example\r\n",
            "xn--vctim-n2e.example");
    addCase("C8 broken UTF-8 in the domain", "From: v@victim\xFF.example\r\n");
    addCase("C8 domain ending with a dot", "From: v@victim.example.\r\n");
    addCase("C8 no domain", "From: victim\r\n");
    addCase("C8 empty", "From:\r\n");
    addCase("C8 empty brackets", "From: <>\r\n");
    addCase("C8 address literal", "From: v@[192.0.2.1]\r\n");
    addCase("C8 empty list members", "From: , v@victim.example\r\n");
    addCase("C8 many addresses",
            "From: " + QByteArray("v@victim.example, ").repeated(60) + "v@victim.example\r\n");
}

void TestAuthorDomain::seesThroughForgedAuthors()
{
    QFETCH(QByteArray, header);
    QFETCH(QByteArray, domain);
    const AuthorDomain author = authorOf(header);
    QCOMPARE(author.domain, domain);
    QCOMPARE(author.isForged, domain.isEmpty());
    QCOMPARE(author.reason.isEmpty(), !domain.isEmpty());
}

}  // namespace portcullis::authentication

QTEST_GUILESS_MAIN(portcullis::authentication::TestAuthorDomain)
#include "TestAuthorDomain.moc"
