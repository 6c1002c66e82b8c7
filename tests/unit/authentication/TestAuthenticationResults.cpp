// SPDX-License-Identifier: GPL-2.0-or-later
// Authentication-Results: what we write can be read, and nobody else's passes for ours.
#include "appliance/authentication/AuthenticationResults.h"
#include "appliance/authentication/ReceivedMessage.h"
#include "ZoneLookup.h"

#include <QtTest/QtTest>

namespace portcullis::authentication {

class TestAuthenticationResults final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void writesWhatWasFound();
    void writesNoneWhenNothingWasChecked();
    void writesHostileValuesSafely_data();
    void writesHostileValuesSafely();
    void readsOthers_data();
    void readsOthers();
    void findsForgedFields_data();
    void findsForgedFields();
    void leavesOthersAlone_data();
    void leavesOthersAlone();
    void writesReceivedSpf();
};

namespace {

const QByteArray c_ours("mx.example.org");

verdict::SpfFinding spfPass(const QByteArray &identity)
{
    verdict::SpfFinding spf;
    spf.result = verdict::SpfResult::Pass;
    spf.identity = identity;
    spf.domain = identity.mid(identity.lastIndexOf('@') + 1);
    return spf;
}

ResultsInput fullInput()
{
    DkimFinding good;
    good.result = DkimResult::Pass;
    good.domain = "example.com";
    good.selector = "s1";
    good.algorithm = "rsa-sha256";
    good.signaturePrefix = "ab/+Cd12";
    good.keyBits = 2048;
    DkimFinding bad = good;
    bad.result = DkimResult::Fail;
    bad.reason = "the body has changed";
    Findings findings;
    findings.dkim = {good, bad};
    findings.arc.result = ArcResult::Pass;
    findings.arc.sets = {{"lists.example", "lists.example", ""}};
    findings.dmarc.result = DmarcResult::Pass;
    findings.dmarc.fromDomain = "example.com";
    findings.dmarc.record = "v=DMARC1; p=reject";
    findings.dmarc.policy = DmarcPolicy::Reject;
    ResultsInput input;
    input.authservId = c_ours;
    input.spf = spfPass("bob@example.com");
    input.findings = findings;
    input.reverseName = "out.example.com";
    input.clientAddress = "2001:db8::1";
    return input;
}

// Value of the one field that `text` is.
QByteArray valueOf(const QByteArray &text)
{
    const QByteArray header = text + "\r\n";
    const ReceivedMessage message(header, AuthenticationLimits());
    return message.fields().size() == 1 ? message.fields().front().unfolded() : QByteArray();
}

bool claims(const QByteArray &text)
{
    const QByteArray header = text + "\r\n\r\n";
    const ReceivedMessage message(header, AuthenticationLimits());
    return !message.fields().empty() && claimsToBeOurs(message.fields().front(), c_ours);
}

}  // namespace

void TestAuthenticationResults::writesWhatWasFound()
{
    const QByteArray text = writeAuthenticationResults(fullInput());
    QCOMPARE(text,
             "Authentication-Results: mx.example.org;\r\n"
             " iprev=pass policy.iprev=\"2001:db8::1\" (out.example.com);\r\n"
             " spf=pass smtp.mailfrom=bob@example.com;\r\n"
             " dkim=pass (2048-bit key) header.d=example.com header.s=s1 header.a=rsa-sha256\r\n"
             " header.b=\"ab/+Cd12\";\r\n"
             " dkim=fail (2048-bit key) reason=\"the body has changed\" header.d=example.com\r\n"
             " header.s=s1 header.a=rsa-sha256 header.b=\"ab/+Cd12\";\r\n"
             " arc=pass (i=1 lists.example) header.oldest-pass=0;\r\n"
             " dmarc=pass (p=reject dis=none) header.from=example.com\r\n");
    const auto parsed = parseAuthenticationResults(valueOf(text));
    QVERIFY(parsed);
    QCOMPARE(parsed->authservId, c_ours);
    QCOMPARE(parsed->results.size(), 6U);
    QCOMPARE(parsed->results[2].property("header.b"), "ab/+Cd12");
    QCOMPARE(parsed->results[5].property("header.from"), "example.com");
}

void TestAuthenticationResults::writesNoneWhenNothingWasChecked()
{
    ResultsInput input;
    input.authservId = c_ours;
    QCOMPARE(writeAuthenticationResults(input),
             "Authentication-Results: mx.example.org ; none\r\n");
    input.findings.emplace();
    QVERIFY(writeAuthenticationResults(input).contains("dkim=none;\r\n arc=none;\r\n dmarc=none"));
}

void TestAuthenticationResults::writesHostileValuesSafely_data()
{
    QTest::addColumn<QByteArray>("value");
    const auto row = [](const char *name, const QByteArray &value) {
        QTest::newRow(name) << value;
    };
    row("quotes", "a\"; dmarc=pass header.from=\"bank.example");
    row("backslash at the end", "a\\");
    row("semicolon", "a; dmarc=pass header.from=bank.example");
    row("comment", "a) ; dmarc=pass header.from=bank.example (");
    row("CRLF", "a\r\nAuthentication-Results: mx.example.org; dmarc=pass");
    row("bare LF", "a\nBcc: x");
    row("NUL", QByteArray("a\0b", 3));
    row("UTF-8", "\xC3\xA4\xC3\xB6@b\xC3\xBC.example");
    row("very long", QByteArray(5000, 'x'));
    row("empty", "");
    row("only blanks", "   ");
    row("two at signs", "a@b@c");
}

void TestAuthenticationResults::writesHostileValuesSafely()
{
    QFETCH(QByteArray, value);
    ResultsInput input = fullInput();
    input.spf->identity = value;
    input.spf->problem = value;
    for (DkimFinding &signature : input.findings->dkim) {
        signature.domain = value;
        signature.identity = value;
        signature.reason = value;
    }
    input.findings->arc.sets[0].sealer = value;
    input.findings->arc.reason = value;
    input.findings->dmarc.result = DmarcResult::Fail;
    input.findings->dmarc.reason = value;
    input.findings->dmarc.fromDomain = value;
    input.reverseName = value;
    input.clientAddress = value;
    const QByteArray text = writeAuthenticationResults(input);
    const auto parsed = parseAuthenticationResults(valueOf(text));
    QVERIFY(parsed);
    QCOMPARE(parsed->results.size(), 6U);
    QCOMPARE(parsed->results[5].method, "dmarc");
    QCOMPARE(parsed->results[5].result, "fail");
    for (const char c : text) {
        QVERIFY((c >= ' ' && c <= '~') || c == '\r' || c == '\n');
    }
}

void TestAuthenticationResults::readsOthers_data()
{
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QByteArray>("authservId");
    QTest::addColumn<QByteArray>("summary");
    const auto row = [](const char *name, const char *value, const char *id, const char *summary) {
        QTest::newRow(name) << QByteArray(value) << QByteArray(id) << QByteArray(summary);
    };
    row("RFC 8601 B.2", "example.org 1; none", "example.org", "");
    row("RFC 8601 B.3", "example.com; spf=pass smtp.mailfrom=example.net", "example.com",
        "spf=pass smtp.mailfrom:example.net");
    row("RFC 8601 B.7",
        "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) "
        "= (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n "
        "(this surprised me) = (as I wasn't expecting it) 1362471462",
        "foo.example.net", "dkim=fail policy.expired:1362471462");
    row("a reason", "a.example; dkim=fail reason=\"bad; signature\" header.d=b.example; spf=none",
        "a.example", "dkim=fail reason:bad; signature header.d:b.example|spf=none");
    row("a broken part", "a.example; dkim; ;; =x; spf=pass", "a.example", "spf=pass");
    row("capitals", "a.example; DKIM=PASS Header.D=B.example", "a.example",
        "dkim=pass header.d:B.example");
    row("quoted id", "\"a b\"; spf=pass", "a b", "spf=pass");
    row("comment without end", "a.example; spf=pass (x", "a.example", "spf=pass");
}

void TestAuthenticationResults::readsOthers()
{
    QFETCH(QByteArray, value);
    QFETCH(QByteArray, authservId);
    QFETCH(QByteArray, summary);
    const auto parsed = parseAuthenticationResults(value);
    QVERIFY(parsed);
    QCOMPARE(parsed->authservId, authservId);
    QByteArrayList results;
    for (const MethodResult &result : parsed->results) {
        QByteArray text = result.method + '=' + result.result;
        for (const auto &[name, content] : result.properties) {
            text += ' ' + name + ':' + content;
        }
        results << text;
    }
    QCOMPARE(results.join('|'), summary);
}

void TestAuthenticationResults::findsForgedFields_data()
{
    QTest::addColumn<QByteArray>("field");
    const auto row = [](const char *name, const QByteArray &field) {
        QTest::newRow(name) << field;
    };
    row("plain", "Authentication-Results: mx.example.org; dmarc=pass");
    row("case", "AUTHENTICATION-results: MX.Example.ORG; dmarc=pass");
    row("folded", "Authentication-Results:\r\n mx.example.org; dmarc=pass");
    row("comment in front", "Authentication-Results: (x(y)\\) ) mx.example.org; dmarc=pass");
    row("comment behind", "Authentication-Results: mx.example.org(x); dmarc=pass");
    row("quoted", "Authentication-Results: \"mx.example.org\"; dmarc=pass");
    row("quoted in part", "Authentication-Results: mx.\"example\".org; dmarc=pass");
    row("escaped", "Authentication-Results: \"m\\x.example.org\"; dmarc=pass");
    row("version", "Authentication-Results: mx.example.org 1; dmarc=pass");
    row("version with a slash", "Authentication-Results: mx.example.org/1; dmarc=pass");
    row("a blank before the colon", "Authentication-Results : mx.example.org; dmarc=pass");
    row("a dot at the end", "Authentication-Results: mx.example.org.; dmarc=pass");
    row("below ours", "Authentication-Results: a.mx.example.org; dmarc=pass");
    row("NUL", QByteArray("Authentication-Results: mx\0.example.org; dmarc=pass", 50));
    row("zero width space", "Authentication-Results: mx\xE2\x80\x8B.example.org; dmarc=pass");
    row("no id", "Authentication-Results: ; dmarc=pass");
    row("empty", "Authentication-Results:");
    row("an encoded word", "Authentication-Results: =?utf-8?Q?mx.example.org?=; dmarc=pass");
    row("no result", "Authentication-Results: mx.example.org");
}

void TestAuthenticationResults::findsForgedFields()
{
    QFETCH(QByteArray, field);
    QVERIFY(claims(field));
}

void TestAuthenticationResults::leavesOthersAlone_data()
{
    QTest::addColumn<QByteArray>("field");
    const auto row = [](const char *name, const char *field) {
        QTest::newRow(name) << QByteArray(field);
    };
    row("another host", "Authentication-Results: mx.example.com; dmarc=pass");
    row("ours as suffix", "Authentication-Results: badmx.example.org; dmarc=pass");
    row("ours in a comment", "Authentication-Results: a.example (mx.example.org); dmarc=pass");
    row("the domain above", "Authentication-Results: example.org; dmarc=pass");
    row("ARC", "ARC-Authentication-Results: i=1; mx.example.org; dmarc=pass");
    row("X-", "X-Authentication-Results: mx.example.org; dmarc=pass");
    row("Subject", "Subject: mx.example.org");
}

void TestAuthenticationResults::leavesOthersAlone()
{
    QFETCH(QByteArray, field);
    QVERIFY(!claims(field));
}

void TestAuthenticationResults::writesReceivedSpf()
{
    verdict::SpfFinding spf = spfPass("bob@example.com");
    spf.mechanism = "ip4:192.0.2.0/24";
    QCOMPARE(writeReceivedSpf(spf, "192.0.2.1", "out.example.com", c_ours),
             "Received-SPF: pass client-ip=192.0.2.1; envelope-from=\"bob@example.com\";\r\n"
             " helo=out.example.com; receiver=mx.example.org; identity=mailfrom;\r\n"
             " mechanism=\"ip4:192.0.2.0/24\";\r\n");
}

}  // namespace portcullis::authentication

QTEST_GUILESS_MAIN(portcullis::authentication::TestAuthenticationResults)
#include "TestAuthenticationResults.moc"
