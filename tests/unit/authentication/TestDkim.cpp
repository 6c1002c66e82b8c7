// SPDX-License-Identifier: GPL-2.0-or-later
// DKIM: the messages of Mail::DKIM, and what that suite does not try (C9).
#include "appliance/authentication/DkimVerifier.h"
#include "Forge.h"
#include "ZoneLookup.h"

#include <QtCore/QDir>
#include <QtTest/QtTest>

namespace portcullis::authentication {

class TestDkim final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void judgesTheCorpus_data();
    void judgesTheCorpus();
    void agreesWithItselfOnTheCorpus_data();
    void agreesWithItselfOnTheCorpus();
    void judgesTheExampleOfRfc8463();
    void judgesTags_data();
    void judgesTags();
    void judgesKeys_data();
    void judgesKeys();
    void judgesChangedMessages_data();
    void judgesChangedMessages();
    void readsEdgesOfTheBody_data();
    void readsEdgesOfTheBody();
    void boundsTheWork();
    void prefersTheAuthorsSignature();
};

namespace {

// libopendkim looks at the clock as well.
const qint64 c_now = QDateTime::currentSecsSinceEpoch();

QString corpusFolder()
{
    return corporaFolder() + QStringLiteral("/auth/dkim/mail-dkim/");
}

ZoneLookup corpusZone()
{
    ZoneLookup zone;
    for (const QByteArray &line :
         fileContent(corpusFolder() + QStringLiteral("FAKE_DNS.dat")).split('\n')) {
        const qsizetype blank = line.indexOf(' ');
        const QByteArray value = line.mid(blank).trimmed();
        if (line.startsWith('#') || blank < 0 || value == "NXDOMAIN") {
            continue;
        }
        if (value.startsWith("~~")) {
            zone.fail(line.left(blank));
        } else {
            zone.add(line.left(blank), value == "\"\"" ? QByteArray() : value);
        }
    }
    return zone;
}

// The corpus is of 2006: short keys and SHA-1 have to pass for its cases to mean anything.
AuthenticationLimits oldTimesLimits()
{
    AuthenticationLimits limits;
    limits.minimumKeyBits = 512;
    limits.isSha1Accepted = true;
    return limits;
}

std::vector<DkimFinding> verify(const QByteArray &message,
                                ZoneLookup &zone,
                                const AuthenticationLimits &limits = {},
                                qint64 now = c_now)
{
    ReceivedMessage received(message, limits);
    const OpendkimLibrary library(limits);
    DkimVerifier verifier(received, limits, [](const QByteArray &) { return false; });
    return verifier.verify(zone, library, now);
}

bool hasPass(const std::vector<DkimFinding> &findings)
{
    return std::any_of(findings.begin(), findings.end(), [](const DkimFinding &finding) {
        return finding.result == DkimResult::Pass;
    });
}

/// Cases where the corpus is older than RFC 6376; one that comes out as the corpus says is an error.
struct Deviation {
    const char *prefix;
    const char *reason;
};
constexpr std::array c_deviations{
    Deviation{"good_ietf00", "a draft's format without v= and bh="},
    Deviation{"good_ietf01", "a draft's format without v="},
    Deviation{"mine_ietf0", "a draft's format without v=, or v=0.5"},
    Deviation{"multiple_1.", "a draft's format without v="},
    Deviation{"no_body", "a draft's format, v=0.5"},
    Deviation{"badkey_8.", "g= was withdrawn by RFC 6376"},
    Deviation{"badkey_9.", "g= was withdrawn by RFC 6376"},
    Deviation{"badkey_12.", "g= was withdrawn by RFC 6376"},
    Deviation{"badkey_13.", "g= was withdrawn by RFC 6376"},
};

const char *deviationOf(const QByteArray &file)
{
    const auto it = std::find_if(c_deviations.begin(), c_deviations.end(),
                                 [&](const Deviation &one) { return file.startsWith(one.prefix); });
    return it == c_deviations.end() ? nullptr : it->reason;
}

const QByteArray c_tags(
    "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x; h=from:to:subject");

ZoneLookup ourZone(const QByteArray &record = testKey().recordText())
{
    ZoneLookup zone;
    zone.add("x._domainkey.example.org", record);
    return zone;
}

QByteArray signedWith(const QByteArray &tags, const QByteArray &message = plainMessage())
{
    return forgeSignature(message, tags, testKey()) + message;
}

}  // namespace

void TestDkim::judgesTheCorpus_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<bool>("passes");
    const QDir folder(corpusFolder() + QStringLiteral("corpus"));
    if (!folder.exists()) {
        QSKIP("corpora/auth/dkim is not there");
    }
    for (const QString &file : folder.entryList(QDir::Files)) {
        const QByteArray message = withCrlf(fileContent(folder.filePath(file)));
        // DomainKeys (RFC 4870) is historic: such messages have no DKIM signature.
        const bool isDkim = message.startsWith("DKIM-Signature")
                            || message.contains("\r\nDKIM-Signature")
                            || message.contains("\r\nDkim-Signature");
        static const QStringList good{QStringLiteral("good"), QStringLiteral("multiple"),
                                      QStringLiteral("mine"), QStringLiteral("no_body")};
        const bool isGood = std::any_of(good.begin(), good.end(), [&](const QString &prefix) {
            return file.startsWith(prefix);
        });
        QTest::newRow(qPrintable(QStringLiteral("C9 ") + file)) << message << (isGood && isDkim);
    }
}

void TestDkim::judgesTheCorpus()
{
    QFETCH(QByteArray, message);
    QFETCH(bool, passes);
    ZoneLookup zone = corpusZone();
    const bool hasPassed = hasPass(verify(message, zone, oldTimesLimits()));
    const char *deviation = deviationOf(QByteArray(QTest::currentDataTag()).mid(3));
    if (deviation) {
        QVERIFY2(hasPassed != passes, "listed as a deviation, but comes out as the corpus says");
        return;
    }
    QCOMPARE(hasPassed, passes);
    // With the limits of today nothing more passes, and little that old.
    QVERIFY(!hasPass(verify(message, zone)) || passes);
}

void TestDkim::agreesWithItselfOnTheCorpus_data()
{
    judgesTheCorpus_data();
}

// libopendkim and our own check, which ARC and large keys rely on, are two opinions.
void TestDkim::agreesWithItselfOnTheCorpus()
{
    QFETCH(QByteArray, message);
    ZoneLookup zone = corpusZone();
    const AuthenticationLimits limits = oldTimesLimits();
    const OpendkimLibrary library(limits);
    ReceivedMessage received(message, limits);
    for (const mail::HeaderField *field : received.fieldsNamed("DKIM-Signature")) {
        const auto signature = readSignature(*field, SignatureKind::Dkim, limits);
        const auto key = readKey(zone.texts(signature.nameOfKey()), limits);
        if (signature.state == SignatureField::State::Usable
            && key.state == KeyRecord::State::Usable && key.allowsSha256
            && signature.algorithm != "rsa-sha1") {
            const auto theirs = library.verify(received, {{&signature, &key}});
            QCOMPARE(theirs.front(), checkSignature(received, signature, key));
        }
    }
}

// RFC 8463 appendix A.
void TestDkim::judgesTheExampleOfRfc8463()
{
    const QByteArray message = withCrlf(
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
        " d=football.example.com; i=@football.example.com;\n"
        " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
        " subject : date : message-id : from : subject : date;\n"
        " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
        " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
        " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
        "From: Joe SixPack <joe@football.example.com>\n"
        "To: Suzie Q <suzie@shopping.example.net>\n"
        "Subject: Is dinner ready?\n"
        "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
        "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
        "\n"
        "Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n");
    ZoneLookup zone;
    zone.add("brisbane._domainkey.football.example.com",
             "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    const auto findings = verify(message, zone);
    QCOMPARE(findings.size(), 1U);
    QVERIFY2(findings[0].result == DkimResult::Pass, findings[0].reason.constData());
    QCOMPARE(findings[0].signaturePrefix, "/gCrinpc");
}

void TestDkim::judgesTags_data()
{
    QTest::addColumn<QByteArray>("tags");
    QTest::addColumn<QByteArray>("result");
    QTest::addColumn<bool>("isBodyOpen");
    const auto row = [](const char *name, const QByteArray &tags, const char *result,
                        bool isBodyOpen = false) {
        QTest::newRow(name) << tags << QByteArray(result) << isBodyOpen;
    };
    const auto time = [](qint64 value) { return QByteArray::number(value); };
    row("plain", c_tags, "pass");
    row("C9 simple", "v=1; a=rsa-sha256; c=simple; d=example.org; s=x; h=from", "pass");
    row("no c=", "v=1; a=rsa-sha256; d=example.org; s=x; h=from", "pass");
    row("C9 l= of a part", c_tags + "; l=3", "pass", true);
    row("C9 l= of nothing", c_tags + "; l=0", "pass", true);
    row("C9 l= of all", c_tags + "; l=8", "pass");
    row("C9 l= beyond the end", c_tags + "; l=9", "fail");
    row("C9 l= is no number", c_tags + "; l=-1", "permerror");
    row("C9 l= too large for a number", c_tags + "; l=99999999999999999999", "permerror");
    row("C9 expired", c_tags + "; t=1; x=1000", "fail");
    row("C9 expired just now", c_tags + "; x=" + time(c_now - 100), "pass");
    row("C9 signed in the future", c_tags + "; t=" + time(c_now + 4000), "fail");
    row("C9 x= before t=", c_tags + "; t=2000; x=1000", "permerror");
    row("C9 h= without From", "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x; h=to",
        "permerror");
    row("C9 h= empty", "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x; h=", "permerror");
    row("C9 oversigned", c_tags + ":from:subject:reply-to:x-none", "pass");
    row("C9 h= of 10,000 names", c_tags + QByteArray(":a").repeated(10000), "permerror");
    row("C9 rsa-sha1", "v=1; a=rsa-sha1; c=relaxed/relaxed; d=example.org; s=x; h=from", "policy");
    row("unknown algorithm", "v=1; a=rsa-md5; c=relaxed/relaxed; d=example.org; s=x; h=from",
        "neutral");
    row("unknown version", "v=2; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x; h=from",
        "neutral");
    row("no version", "a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x; h=from", "permerror");
    row("i= below d=", c_tags + "; i=bob@mail.example.org", "pass");
    row("C8 i= elsewhere", c_tags + "; i=bob@victim.example", "permerror");
    row("C8 i= with the domain as suffix", c_tags + "; i=bob@evilexample.org", "permerror");
    row("C8 d= with a blank", "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org x; s=x; h=from",
        "permerror");
    row("C8 d= is a top-level domain", "v=1; a=rsa-sha256; c=relaxed/relaxed; d=org; s=x; h=from",
        "permerror");
    row("C8 s= leads out of _domainkey",
        "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x..y; h=from", "permerror");
    row("a tag twice", c_tags + "; s=x", "permerror");
    row("an empty tag", c_tags + ";; s2=x", "permerror");
    row("unknown tags", c_tags + "; zz=1; olt=2", "pass");
    row("q= unknown", c_tags + "; q=carrier/pigeon", "neutral");
}

void TestDkim::judgesTags()
{
    QFETCH(QByteArray, tags);
    QFETCH(QByteArray, result);
    QFETCH(bool, isBodyOpen);
    ZoneLookup zone = ourZone();
    const auto findings = verify(signedWith(tags), zone);
    QCOMPARE(findings.size(), 1U);
    QVERIFY2(nameOf(findings[0].result) == result,
             QByteArray(nameOf(findings[0].result)) + ": " + findings[0].reason);
    QCOMPARE(findings[0].isBodyOpen, isBodyOpen);
    QCOMPARE(findings[0].isTrustworthy(), result == "pass" && !isBodyOpen);
    QVERIFY(result == "pass" || !findings[0].reason.isEmpty());
}

void TestDkim::judgesKeys_data()
{
    QTest::addColumn<QByteArray>("record");
    QTest::addColumn<QByteArray>("result");
    const QByteArray key = testKey().publicBase64();
    const auto row = [](const char *name, const QByteArray &record, const char *result) {
        QTest::newRow(name) << record << QByteArray(result);
    };
    row("C9 t=y", "v=DKIM1; t=y; p=" + key, "pass");
    row("t=s without i=", "v=DKIM1; t=s; p=" + key, "pass");
    row("only p=", "p=" + key, "pass");
    row("folded key", "v=DKIM1; p=" + key.left(50) + " \t" + key.mid(50), "pass");
    row("C9 512 bits", recordOfBits(512), "policy");
    row("C9 1023 bits", recordOfBits(1023), "policy");
    row("C9 8192 bits", recordOfBits(8192), "fail");
    row("C9 8200 bits", recordOfBits(8200), "policy");
    row("C9 16384 bits", recordOfBits(16384), "policy");
    row("C9 another key", recordOfBits(2048), "fail");
    row("revoked", "v=DKIM1; p=", "permerror");
    row("no p=", "v=DKIM1; k=rsa", "permerror");
    row("C9 Ed25519 key for an RSA signature",
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "permerror");
    row("C9 short Ed25519 key", "v=DKIM1; k=ed25519; p=11qYAYKx", "permerror");
    row("not base64", "v=DKIM1; p=!!!!", "permerror");
    row("not DER", "v=DKIM1; p=AAAA", "permerror");
    row("another version", "v=DKIM2; p=" + key, "permerror");
    row("version not first", "p=" + key + "; v=DKIM1", "permerror");
    row("another use", "v=DKIM1; s=chat; p=" + key, "permerror");
    row("this use among others", "v=DKIM1; s=chat:email; p=" + key, "pass");
    row("other hashes", "v=DKIM1; h=sha512:sha1; p=" + key, "permerror");
    row("unknown kind", "v=DKIM1; k=dsa; p=" + key, "permerror");
    row("R8 a record of 60,000 octets", "v=DKIM1; n=" + QByteArray(60000, 'x') + "; p=" + key,
        "permerror");
    row("R8 something else", "v=spf1 -all", "permerror");
    row("R8 binary", QByteArray("\0\xFF\x80p=\0", 6), "permerror");
}

void TestDkim::judgesKeys()
{
    QFETCH(QByteArray, record);
    QFETCH(QByteArray, result);
    ZoneLookup zone = ourZone(record);
    static const QByteArray message = signedWith(c_tags);
    const auto findings = verify(message, zone);
    QCOMPARE(findings.size(), 1U);
    QVERIFY2(nameOf(findings[0].result) == result,
             QByteArray(nameOf(findings[0].result)) + ": " + findings[0].reason);
    QCOMPARE(findings[0].isTesting, record.contains("t=y"));
}

void TestDkim::judgesChangedMessages_data()
{
    QTest::addColumn<QByteArray>("tags");
    QTest::addColumn<QByteArray>("before");
    QTest::addColumn<QByteArray>("after");
    QTest::addColumn<QByteArray>("result");
    const auto row = [](const char *name, const QByteArray &tags, const char *before,
                        const QByteArray &after, const char *result) {
        QTest::newRow(name) << tags << QByteArray(before) << after << QByteArray(result);
    };
    const QByteArray simple(
        "v=1; a=rsa-sha256; c=simple/simple; d=example.org; s=x; h=from:subject");
    row("changed subject", c_tags, "greetings", "greeting", "fail");
    row("changed body", c_tags, "Hello.", "Hallo.", "fail");
    row("C9 case of the name, relaxed", c_tags, "Subject:", "SUBJECT:", "pass");
    row("C9 case of the name, simple", simple, "Subject:", "SUBJECT:", "fail");
    row("C9 blanks, relaxed", c_tags, "Subject: greetings", "Subject  :\t greetings \t", "pass");
    row("C9 folding, relaxed", c_tags, "Subject: greetings", "Subject:\r\n greetings", "pass");
    row("C9 folding, simple", simple, "Subject: greetings", "Subject:\r\n greetings", "fail");
    row("C9 a line appended under l=", c_tags + "; l=8", "Hello.\r\n", "Hello.\r\nevil\r\n",
        "pass");
    row("C9 a second From in front", c_tags, "To: bob", "From: evil@example.com\r\nTo: bob",
        "fail");
    row("C9 a second Subject, oversigned", c_tags + ":subject",
        "Date:", "Subject: evil\r\nDate:", "fail");
    row("order of other fields", c_tags, "Date:", "X-New: 1\r\nDate:", "pass");
    row("C9 NUL in a signed field", c_tags, "greetings", QByteArray("greet\0ings", 10), "fail");
    row("bare CR in the body", c_tags, "Hello.", "Hel\rlo.", "fail");
}

void TestDkim::judgesChangedMessages()
{
    QFETCH(QByteArray, tags);
    QFETCH(QByteArray, before);
    QFETCH(QByteArray, after);
    QFETCH(QByteArray, result);
    ZoneLookup zone = ourZone();
    QByteArray message = signedWith(tags);
    QVERIFY(message.contains(before));
    // A second From in front of the signed one must not be the one that is checked.
    const bool isDoubled = after.startsWith("From:");
    message.replace(before, after);
    const auto findings = verify(message, zone);
    QCOMPARE(findings.size(), 1U);
    QVERIFY2(nameOf(findings[0].result) == result,
             QByteArray(nameOf(findings[0].result)) + ": " + findings[0].reason);
    QCOMPARE(findings[0].isBodyOpen, after.contains("evil\r\n") && result == "pass");
    if (isDoubled) {
        // The one above is covered by nothing: the signature is good and worth nothing.
        QByteArray above = "From: evil@example.com\r\n" + signedWith(tags);
        QCOMPARE(nameOf(verify(above, zone).front().result), "policy");
    }
}

void TestDkim::readsEdgesOfTheBody_data()
{
    QTest::addColumn<QByteArray>("signedBody");
    QTest::addColumn<QByteArray>("sentBody");
    QTest::addColumn<QByteArray>("simple");
    QTest::addColumn<QByteArray>("relaxed");
    const auto row = [](const char *name, const char *signedBody, const char *sentBody,
                        const char *simple, const char *relaxed) {
        QTest::newRow(name) << QByteArray(signedBody) << QByteArray(sentBody) << QByteArray(simple)
                            << QByteArray(relaxed);
    };
    row("C9 empty", "", "", "pass", "pass");
    row("C9 empty and one CRLF", "", "\r\n", "pass", "pass");
    row("C9 empty lines at the end", "a\r\n", "a\r\n\r\n\r\n", "pass", "pass");
    row("C9 no CRLF at the end", "a\r\n", "a", "pass", "pass");
    row("C9 blanks at a line's end", "a\r\nb\r\n", "a \t\r\nb\r\n", "fail", "pass");
    row("C9 blanks within a line", "a b\r\n", "a  \tb\r\n", "fail", "pass");
    row("C9 lines of blanks at the end", "a\r\n", "a\r\n  \r\n \r\n", "fail", "pass");
    row("C9 empty line within", "a\r\nb\r\n", "a\r\n\r\nb\r\n", "fail", "fail");
    row("C9 blank in front", "a\r\n", " a\r\n", "fail", "fail");
    row("C9 only blanks", "", "  \r\n\t\r\n", "fail", "pass");
}

void TestDkim::readsEdgesOfTheBody()
{
    QFETCH(QByteArray, signedBody);
    QFETCH(QByteArray, sentBody);
    ZoneLookup zone = ourZone();
    for (const char *method : {"simple", "relaxed"}) {
        QFETCH(QByteArray, simple);
        QFETCH(QByteArray, relaxed);
        const QByteArray tags = QByteArray("v=1; a=rsa-sha256; c=simple/") + method
                                + "; d=example.org; s=x; h=from";
        const QByteArray from("a@example.org");
        const QByteArray field = forgeSignature(plainMessage(from, signedBody), tags, testKey());
        const auto findings = verify(field + plainMessage(from, sentBody), zone);
        QVERIFY2(nameOf(findings.front().result) == (*method == 's' ? simple : relaxed), method);
    }
}

void TestDkim::boundsTheWork()
{
    ZoneLookup zone = ourZone();
    const QByteArray good = signedWith(c_tags);
    QByteArray flood;
    for (int i = 0; i < 1000; ++i) {
        flood += "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s" + QByteArray::number(i)
                 + "; h=from; bh=AAAA; b=AAAA\r\n";
    }
    const AuthenticationLimits limits;
    const QByteArray message = flood + good;
    ReceivedMessage received(message, limits);
    DkimVerifier verifier(received, limits, [](const QByteArray &) { return false; });
    QCOMPARE(verifier.keyNames().size(), static_cast<size_t>(limits.signaturesVerified));
    QCOMPARE(verifier.uncheckedCount(), 991);
    QCOMPARE(verifier.verify(zone, OpendkimLibrary(limits), c_now).size(), 10U);
}

void TestDkim::prefersTheAuthorsSignature()
{
    ZoneLookup zone = ourZone();
    QByteArray flood;
    for (int i = 0; i < 50; ++i) {
        flood +=
            "DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=s; h=from; bh=AAAA; b=AAAA\r\n";
    }
    const AuthenticationLimits limits;
    const QByteArray message = flood + signedWith(c_tags);
    ReceivedMessage received(message, limits);
    DkimVerifier verifier(received, limits,
                          [](const QByteArray &domain) { return domain == "example.org"; });
    QVERIFY(hasPass(verifier.verify(zone, OpendkimLibrary(limits), c_now)));
}

}  // namespace portcullis::authentication

QTEST_GUILESS_MAIN(portcullis::authentication::TestDkim)
#include "TestDkim.moc"
