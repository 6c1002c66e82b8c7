// SPDX-License-Identifier: GPL-2.0-or-later
// DMARC: rspamd's cases, our own for the record and alignment, and whole messages made to deceive (C8).
#include "appliance/authentication/DmarcEvaluator.h"
#include "appliance/authentication/DmarcRecord.h"
#include "Forge.h"
#include "ZoneLookup.h"

#include <QtCore/QDateTime>
#include <QtCore/QRegularExpression>
#include <QtTest/QtTest>

namespace portcullis::authentication {

class TestDmarc final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void judgesAsRspamdDoes_data();
    void judgesAsRspamdDoes();
    void readsRecords_data();
    void readsRecords();
    void choosesThePolicy_data();
    void choosesThePolicy();
    void alignsDomains_data();
    void alignsDomains();
    void spoofsNeverPassForTheVictim_data();
    void spoofsNeverPassForTheVictim();
    void openBodiesCarryNoPass();
    void dnsFailuresDecideNothing_data();
    void dnsFailuresDecideNothing();
    void asksForEverythingAtOnce();
    void excusesWhatATrustedSealerSaw();
    void explainsItselfInJson();
};

namespace {

using verdict::SpfFinding;
using verdict::SpfResult;

SpfFinding spfOf(SpfResult result, const QByteArray &identity)
{
    SpfFinding spf;
    spf.result = result;
    spf.identity = identity;
    spf.domain = identity.mid(identity.lastIndexOf('@') + 1);
    return spf;
}

Findings authenticate(const QByteArray &message,
                      const std::optional<SpfFinding> &spf,
                      TxtLookup &dns,
                      int drawn = 0,
                      const std::vector<QByteArray> &sealers = {})
{
    AuthenticatorSettings settings;
    settings.trustedSealers = sealers;
    settings.drawPercent = [drawn] { return drawn; };
    return Authenticator(settings, systemSuffixes()).authenticate(message, spf, dns);
}

// ---- rspamd's functional tests -------------------------------------------------------------------

QString rspamdFolder()
{
    return corporaFolder() + QStringLiteral("/auth/dmarc/rspamd/");
}

// Its fake records: { name = "…"; type = txt; replies = ["…"]; rcode = '…'; }
ZoneLookup rspamdZone()
{
    static const QRegularExpression entry(
        QStringLiteral(
            "\\{[^{}]*?name\\s*=\\s*\"([^\"]+)\"[^{}]*?type\\s*=\\s*\"?txt\"?[^{}]*?\\}"),
        QRegularExpression::CaseInsensitiveOption);
    static const QRegularExpression reply(QStringLiteral("replies\\s*=\\s*\\[\\s*([^\\]]*)\\]"));
    static const QRegularExpression text(QStringLiteral("\"([^\"]*)\""));
    static const QRegularExpression failure(QStringLiteral("rcode\\s*=\\s*'(timeout|servfail)'"));
    ZoneLookup zone;
    auto entries = entry.globalMatch(
        QString::fromLatin1(fileContent(rspamdFolder() + QStringLiteral("dns-records.conf"))));
    while (entries.hasNext()) {
        const auto match = entries.next();
        const QByteArray name = match.captured(1).toLatin1();
        if (failure.match(match.captured(0)).hasMatch()) {
            zone.fail(name);
        }
        auto replies = text.globalMatch(reply.match(match.captured(0)).captured(1));
        while (replies.hasNext()) {
            zone.add(name, replies.next().captured(1).toLatin1());
        }
    }
    return zone;
}

/// What rspamd found out about SPF for a case (its expected symbols, or the zone's obvious meaning).
SpfFinding rspamdSpf(const QByteArray &mailFrom,
                     const QByteArray &symbols,
                     const QByteArray &client)
{
    SpfResult result = SpfResult::None;
    if (symbols.contains("R_SPF_DNSFAIL")) {
        result = SpfResult::TempError;
    } else if (mailFrom.endsWith("mom.za.org") && client == "37.48.67.26") {
        result = SpfResult::Pass;  // v=spf1 ip4:37.48.67.26 -all
    }
    return spfOf(result, mailFrom);
}

/// Ours in rspamd's words.
QByteArrayList symbolsOf(const Findings &findings)
{
    QByteArrayList symbols;
    switch (findings.dmarc.result) {
    case DmarcResult::Pass:
        symbols << "DMARC_POLICY_ALLOW";
        break;
    case DmarcResult::TempError:
        symbols << "DMARC_DNSFAIL";
        break;
    case DmarcResult::Fail:
        symbols << (findings.dmarc.disposition == DmarcPolicy::Reject ? "DMARC_POLICY_REJECT"
                    : findings.dmarc.disposition == DmarcPolicy::Quarantine
                        ? "DMARC_POLICY_QUARANTINE"
                        : "DMARC_POLICY_SOFTFAIL");
        break;
    default:
        symbols << "DMARC_NA";
    }
    for (const DkimFinding &signature : findings.dkim) {
        switch (signature.result) {
        case DkimResult::Pass:
            symbols << "R_DKIM_ALLOW";
            break;
        case DkimResult::Fail:
            symbols << "R_DKIM_REJECT";
            break;
        case DkimResult::TempError:
            symbols << "R_DKIM_TEMPFAIL";
            break;
        default:
            symbols << "R_DKIM_PERMFAIL";
        }
    }
    return symbols;
}

// ---- our own -------------------------------------------------------------------------------------

constexpr const char *c_tags = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=%; s=x; h=from:to:subject";

QByteArray tagsFor(const QByteArray &domain)
{
    return QByteArray(c_tags).replace('%', domain);
}

ZoneLookup zoneWith(const QByteArray &record, const QByteArray &domain = "example.org")
{
    ZoneLookup zone;
    zone.add("_dmarc." + domain, record);
    for (const char *signer :
         {"example.org", "mail.example.org", "evil.example", "other.example.org"}) {
        zone.add(QByteArray("x._domainkey.") + signer, testKey().recordText());
    }
    return zone;
}

QByteArray signedBy(const QByteArray &domain, const QByteArray &message)
{
    return forgeSignature(message, tagsFor(domain), testKey()) + message;
}

}  // namespace

void TestDmarc::judgesAsRspamdDoes_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("mailFrom");
    QTest::addColumn<QByteArray>("client");
    QTest::addColumn<QByteArray>("symbols");
    const QByteArray table = fileContent(rspamdFolder() + QStringLiteral("expected.tsv"));
    if (table.isEmpty()) {
        QSKIP("corpora/auth/dmarc is not there");
    }
    for (const QByteArray &line : table.split('\n').mid(1)) {
        const auto columns = line.split('\t');
        // The other cases are of SPF alone, which is not checked here.
        if (columns.size() >= 7
            && (columns[6].contains("DMARC_") || columns[6].contains("R_DKIM_"))) {
            QTest::newRow(columns[1].constData()) << withCrlf(fileContent(
                rspamdFolder() + QStringLiteral("messages/") + QString::fromLatin1(columns[2])))
                                                  << columns[4] << columns[3] << columns[6];
        }
    }
}

void TestDmarc::judgesAsRspamdDoes()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, mailFrom);
    QFETCH(QByteArray, client);
    QFETCH(QByteArray, symbols);
    ZoneLookup zone = rspamdZone();
    const SpfFinding spf = rspamdSpf(mailFrom, symbols, client);
    const Findings findings = authenticate(message, spf, zone, 50);
    const QByteArrayList ours = symbolsOf(findings);
    for (const QByteArray &symbol : symbols.split(',')) {
        if (symbol.startsWith("DMARC_") || symbol.startsWith("R_DKIM_")) {
            QVERIFY2(ours.contains(symbol),
                     "expected " + symbol + ", have " + ours.join(',') + ' ' + findings.dmarc.reason
                         + (findings.dkim.empty() ? "" : ' ' + findings.dkim.front().reason));
        }
    }
}

void TestDmarc::readsRecords_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("summary");
    const auto row = [](const char *text, const char *summary) {
        QTest::newRow(text) << QByteArray(text) << QByteArray(summary);
    };
    row("v=DMARC1; p=reject", "reject reject 100 rr");
    row("v=DMARC1;p=quarantine;sp=none;pct=5;adkim=s;aspf=s", "quarantine none 5 ss");
    row("v=DMARC1 ; p = Reject ; rua = mailto:a@example.org", "reject reject 100 rr");
    row("v=DMARC1; p=none; sp=reject;", "none reject 100 rr");
    row("v=DMARC1; p=reject; pct=200", "reject reject 100 rr");
    row("v=DMARC1; p=reject; pct=-1; adkim=x", "reject reject 100 rr");
    row("v=DMARC1; p=reject; p=none", "reject reject 100 rr");
    row("v=DMARC1; x=y; p=reject", "reject reject 100 rr");
    row("v=DMARC1; rua=mailto:a@example.org", "none none 100 rr");
    row("v=DMARC1; p=bogus; rua=mailto:a@example.org", "none none 100 rr");
    row("v=DMARC1; p=reject; sp=bogus; rua=mailto:a@example.org", "none none 100 rr");
    row("v=DMARC1; p=bogus", "");
    row("v=DMARC1", "");
    row("v=DMARC2; p=reject", "");
    row("v=dmarc1; p=reject", "");
    row("p=reject; v=DMARC1", "");
    row(" v=DMARC1; p=reject", "reject reject 100 rr");
    row("", "");
    row(";;;", "");
}

void TestDmarc::readsRecords()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, summary);
    const auto record = parseDmarcRecord(text);
    QCOMPARE(record.has_value(), !summary.isEmpty());
    if (record) {
        QCOMPARE(QByteArray(nameOf(record->policy)) + ' '
                     + nameOf(record->subdomainPolicy.value_or(record->policy)) + ' '
                     + QByteArray::number(record->percentage) + ' '
                     + (record->isDkimStrict ? 's' : 'r') + (record->isSpfStrict ? 's' : 'r'),
                 summary);
    }
}

void TestDmarc::choosesThePolicy_data()
{
    QTest::addColumn<QByteArray>("from");
    QTest::addColumn<QByteArray>("record");
    QTest::addColumn<int>("drawn");
    QTest::addColumn<QByteArray>("disposition");
    const auto row = [](const char *name, const char *from, const char *record, int drawn,
                        const char *disposition) {
        QTest::newRow(name) << QByteArray(from) << QByteArray(record) << drawn
                            << QByteArray(disposition);
    };
    row("p= of the domain", "a@example.org", "v=DMARC1; p=reject; sp=none", 0, "reject");
    row("sp= of a subdomain", "a@mail.example.org", "v=DMARC1; p=reject; sp=quarantine", 0,
        "quarantine");
    row("sp=none of a subdomain", "a@mail.example.org", "v=DMARC1; p=reject; sp=none", 0, "none");
    row("p= of a subdomain", "a@mail.example.org", "v=DMARC1; p=reject", 0, "reject");
    row("pct= catches", "a@example.org", "v=DMARC1; p=reject; pct=30", 29, "reject");
    row("pct= spares", "a@example.org", "v=DMARC1; p=reject; pct=30", 30, "quarantine");
    row("pct= spares quarantine", "a@example.org", "v=DMARC1; p=quarantine; pct=30", 30, "none");
    row("pct=0", "a@example.org", "v=DMARC1; p=reject; pct=0", 0, "quarantine");
    row("pct=100", "a@example.org", "v=DMARC1; p=reject; pct=100", 99, "reject");
}

void TestDmarc::choosesThePolicy()
{
    QFETCH(QByteArray, from);
    QFETCH(QByteArray, record);
    QFETCH(int, drawn);
    QFETCH(QByteArray, disposition);
    ZoneLookup zone = zoneWith(record);
    const auto dmarc = authenticate(plainMessage(from), std::nullopt, zone, drawn).dmarc;
    QCOMPARE(nameOf(dmarc.result), "fail");
    QCOMPARE(nameOf(dmarc.disposition), disposition);
    QCOMPARE(dmarc.policyDomain, "example.org");
}

void TestDmarc::alignsDomains_data()
{
    QTest::addColumn<QByteArray>("record");
    QTest::addColumn<QByteArray>("spfIdentity");
    QTest::addColumn<QByteArray>("signer");
    QTest::addColumn<QByteArray>("alignedBy");
    const auto row = [](const char *name, const char *record, const char *spf, const char *signer,
                        const char *alignedBy) {
        QTest::newRow(name) << QByteArray(record) << QByteArray(spf) << QByteArray(signer)
                            << QByteArray(alignedBy);
    };
    const char *relaxed = "v=DMARC1; p=reject";
    const char *strict = "v=DMARC1; p=reject; adkim=s; aspf=s";
    row("SPF of the domain", relaxed, "b@example.org", "", "spf=example.org");
    row("SPF of a subdomain", relaxed, "b@mail.example.org", "", "spf=mail.example.org");
    row("SPF of a subdomain, strict", strict, "b@mail.example.org", "", "");
    row("SPF of the domain, strict", strict, "b@example.org", "", "spf=example.org");
    row("DKIM of the domain", relaxed, "", "example.org", "dkim=example.org");
    row("DKIM of a subdomain", relaxed, "", "mail.example.org", "dkim=mail.example.org");
    row("DKIM of a subdomain, strict", strict, "", "mail.example.org", "");
    row("DKIM of the domain, strict", strict, "", "example.org", "dkim=example.org");
    row("C8 SPF of a stranger", relaxed, "b@evil.example", "", "");
    row("C8 DKIM of a stranger", relaxed, "", "evil.example", "");
    row("C8 SPF of a domain with this suffix", relaxed, "b@badexample.org", "", "");
    row("C8 SPF of a public suffix", relaxed, "b@org", "", "");
    row("C8 SPF of HELO below a stranger", relaxed, "postmaster@example.org.evil.example", "", "");
    row("C8 nothing", relaxed, "", "", "");
}

void TestDmarc::alignsDomains()
{
    if (systemSuffixes()->isEmpty()) {
        QSKIP("the package publicsuffix is not installed");
    }
    QFETCH(QByteArray, record);
    QFETCH(QByteArray, spfIdentity);
    QFETCH(QByteArray, signer);
    QFETCH(QByteArray, alignedBy);
    ZoneLookup zone = zoneWith(record);
    QByteArray message = plainMessage();
    message = signer.isEmpty() ? message : signedBy(signer, message);
    const auto spf = spfIdentity.isEmpty() ? std::nullopt
                                           : std::optional(spfOf(SpfResult::Pass, spfIdentity));
    const auto findings = authenticate(message, spf, zone);
    QCOMPARE(findings.dmarc.alignedBy, alignedBy);
    QCOMPARE(nameOf(findings.dmarc.result), alignedBy.isEmpty() ? "fail" : "pass");
    QCOMPARE(nameOf(findings.dmarc.disposition), alignedBy.isEmpty() ? "reject" : "none");
}

void TestDmarc::spoofsNeverPassForTheVictim_data()
{
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<QByteArray>("result");
    const auto row = [](const char *name, const QByteArray &header, const char *result) {
        QTest::newRow(name) << header << QByteArray(result);
    };
    row("C8 the victim alone", "From: <v@example.org>\r\n", "fail");
    row("C8 the victim first of two", "From: <v@example.org>\r\nFrom: <m@evil.example>\r\n",
        "permerror");
    row("C8 the victim second of two", "From: <m@evil.example>\r\nFrom: <v@example.org>\r\n",
        "permerror");
    row("C8 a blank before the colon", "From : <v@example.org>\r\nFrom: <m@evil.example>\r\n",
        "permerror");
    row("C8 From folded away", "From:\r\n <v@example.org>\r\n", "fail");
    row("C8 From folded to a blank line", "From:\r\n \r\n <v@example.org>\r\n", "fail");
    row("C8 two addresses", "From: <m@evil.example>, <v@example.org>\r\n", "permerror");
    row("C8 group", "From: a:<v@example.org>;\r\n", "permerror");
    row("C8 route", "From: <@evil.example:v@example.org>\r\n", "permerror");
    row("C8 NUL", QByteArray("From: v@example.org\0@evil.example\r\n", 36), "permerror");
    row("C8 Sender of the attacker", "Sender: <m@evil.example>\r\nFrom: <v@example.org>\r\n",
        "fail");
    row("C8 Resent-From of the attacker",
        "Resent-From: <m@evil.example>\r\nFrom: <v@example.org>\r\n", "fail");
    row("C8 subdomain of the victim", "From: <v@bank.example.org>\r\n", "fail");
    row("C8 case", "From: <v@EXAMPLE.Org>\r\n", "fail");
    row("C8 quoted with a false domain", "From: \"v@example.org\\\"<m@evil.example>\r\n",
        "permerror");
    row("C8 no From but Sender", "Sender: <v@example.org>\r\n", "permerror");
}

// The attacker's own domain passes SPF and signs; the victim's policy is reject.
void TestDmarc::spoofsNeverPassForTheVictim()
{
    QFETCH(QByteArray, header);
    QFETCH(QByteArray, result);
    ZoneLookup zone = zoneWith("v=DMARC1; p=reject");
    const QByteArray message = signedBy(
        "evil.example", header + "To: bob@example.com\r\nSubject: hello\r\n\r\nHello\r\n");
    const auto spf = spfOf(SpfResult::Pass, "m@evil.example");
    const auto dmarc = authenticate(message, spf, zone).dmarc;
    QCOMPARE(nameOf(dmarc.result), result);
    QCOMPARE(dmarc.isForgedFrom, result == "permerror");
    QCOMPARE(nameOf(dmarc.disposition), result == "fail" ? "reject" : "none");
}

void TestDmarc::openBodiesCarryNoPass()
{
    ZoneLookup zone = zoneWith("v=DMARC1; p=reject");
    const QByteArray message = plainMessage();
    const QByteArray open = forgeSignature(message, tagsFor("example.org") + "; l=3", testKey());
    const Findings findings = authenticate(open + message + "evil\r\n", std::nullopt, zone);
    QCOMPARE(nameOf(findings.dkim.front().result), "pass");
    QVERIFY(findings.dkim.front().isBodyOpen);
    QCOMPARE(nameOf(findings.dmarc.result), "fail");
}

void TestDmarc::dnsFailuresDecideNothing_data()
{
    QTest::addColumn<QByteArray>("failing");
    QTest::addColumn<QByteArray>("spf");
    QTest::addColumn<QByteArray>("result");
    const auto row = [](const char *name, const char *failing, const char *spf,
                        const char *result) {
        QTest::newRow(name) << QByteArray(failing) << QByteArray(spf) << QByteArray(result);
    };
    row("R8 the record", "_dmarc.mail.example.org", "", "temperror");
    row("R8 the organisation's record", "_dmarc.example.org", "", "temperror");
    row("R8 the key", "x._domainkey.mail.example.org", "", "temperror");
    row("R8 SPF of the domain", "", "a@mail.example.org", "temperror");
    row("R8 SPF of a stranger", "", "a@evil.example", "fail");
    row("C8 the key of a stranger who signs too", "x._domainkey.evil.example", "", "fail");
    row("R8 nothing", "", "", "fail");
}

void TestDmarc::dnsFailuresDecideNothing()
{
    QFETCH(QByteArray, failing);
    QFETCH(QByteArray, spf);
    QFETCH(QByteArray, result);
    ZoneLookup zone = zoneWith("v=DMARC1; p=reject");
    const QByteArray message = plainMessage("a@mail.example.org");
    QByteArray tampered = signedBy("mail.example.org", message);
    tampered.replace("Hello", "Hallo");
    if (!failing.isEmpty()) {
        zone.fail(failing);
        // A signature whose key nobody can fetch must not keep a forged message out of trouble.
        tampered = signedBy("evil.example", tampered);
    }
    const auto finding = spf.isEmpty() ? std::nullopt
                                       : std::optional(spfOf(SpfResult::TempError, spf));
    const Findings findings = authenticate(tampered, finding, zone);
    QCOMPARE(nameOf(findings.dmarc.result), result);
    QCOMPARE(nameOf(findings.dmarc.disposition), result == "fail" ? "reject" : "none");
}

void TestDmarc::asksForEverythingAtOnce()
{
    ZoneLookup zone = zoneWith("v=DMARC1; p=reject");
    const QByteArray message = signedBy(
        "example.org", signedBy("other.example.org", plainMessage("a@mail.example.org")));
    authenticate(message, std::nullopt, zone);
    QCOMPARE(zone.prefetched, (std::vector<QByteArray>{
                                  "_dmarc.mail.example.org", "_dmarc.example.org",
                                  "x._domainkey.example.org", "x._domainkey.other.example.org"}));
}

void TestDmarc::excusesWhatATrustedSealerSaw()
{
    const PublicSuffixes suffixes;
    const DmarcEvaluator evaluator(suffixes);
    ZoneLookup zone = zoneWith("v=DMARC1; p=reject");
    DmarcEvidence evidence;
    evidence.author.domain = "example.org";
    evidence.arc.result = ArcResult::Pass;
    evidence.arc.sets = {
        {"lists.example", "lists.example", "lists.example; dmarc=pass header.from=example.org"}};
    const auto excused = evaluator.evaluate(evidence, zone, 0, {"lists.example"});
    QCOMPARE(nameOf(excused.result), "fail");
    QCOMPARE(nameOf(excused.policy), "reject");
    QCOMPARE(nameOf(excused.disposition), "none");
    QCOMPARE(excused.excusedBy, "lists.example");
    const auto strange = evaluator.evaluate(evidence, zone, 0, {});
    QCOMPARE(nameOf(strange.disposition), "reject");
}

void TestDmarc::explainsItselfInJson()
{
    ZoneLookup zone = zoneWith("v=DMARC1; p=reject");
    const QJsonObject json =
        authenticate(signedBy("evil.example", plainMessage()), std::nullopt, zone).toJson();
    const QJsonObject dmarc = json.value(QLatin1String("dmarc")).toObject();
    QCOMPARE(dmarc.value(QLatin1String("result")).toString(), QStringLiteral("fail"));
    QCOMPARE(dmarc.value(QLatin1String("disposition")).toString(), QStringLiteral("reject"));
    QCOMPARE(dmarc.value(QLatin1String("record")).toString(), QStringLiteral("v=DMARC1; p=reject"));
    QVERIFY(!dmarc.value(QLatin1String("reason")).toString().isEmpty());
    QVERIFY(json.contains(QLatin1String("dkim")));
    QVERIFY(!json.contains(QLatin1String("arc")));
}

}  // namespace portcullis::authentication

QTEST_GUILESS_MAIN(portcullis::authentication::TestDmarc)
#include "TestDmarc.moc"
