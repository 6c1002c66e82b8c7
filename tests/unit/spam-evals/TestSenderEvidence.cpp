// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/DkimEvals.h"
#include "appliance/spam/evals/DmarcEvals.h"
#include "appliance/spam/evals/SpfEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QTest>

#include <array>

namespace portcullis::spam {

using test::FakeScan;
using test::rulesOf;

namespace {

constexpr const char *letter =
    "Received: from out.firm.org (out.firm.org [198.51.100.7]) by mx.example.org with ESMTP id 1;\n"
    "\tMon, 6 Jan 2025 10:00:00 +0000\n"
    "From: Boss <boss@mail.firm.org>\nTo: anna@example.org\nSubject: x\n\nx\n";

struct SpfName {
    const char *suffix;
    SpfAnswer answer;
};

constexpr std::array<SpfName, 7> spfNames{{{"none", SpfAnswer::None},
                                           {"neutral", SpfAnswer::Neutral},
                                           {"pass", SpfAnswer::Pass},
                                           {"fail", SpfAnswer::Fail},
                                           {"softfail", SpfAnswer::SoftFail},
                                           {"temperror", SpfAnswer::TempError},
                                           {"permerror", SpfAnswer::PermError}}};

SignatureEvidence signature(const QByteArray &domain, bool isValid = true, int bits = 2048)
{
    SignatureEvidence evidence;
    evidence.isValid = isValid;
    evidence.domain = domain;
    evidence.selector = "s1";
    evidence.keyBits = bits;
    return evidence;
}

SenderEvidence signedBy(std::vector<SignatureEvidence> signatures)
{
    SenderEvidence evidence;
    evidence.signatures = std::move(signatures);
    return evidence;
}

}  // namespace

class TestSenderEvidence : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void spfSaysWhatTheSessionFound()
    {
        for (const SpfName &said : spfNames) {
            SenderEvidence evidence;
            evidence.mailFrom = SpfEvidence{said.answer, "boss@firm.org", "go away"};
            evidence.helo = SpfEvidence{said.answer, "out.firm.org", {}};
            FakeScan scan(rulesOf(""), letter);
            scan.changeContext().evidence = &evidence;
            SpfEvals module;
            for (const SpfName &asked : spfNames) {
                const int expected = asked.answer == said.answer;
                QCOMPARE(scan.ask(module, QByteArray("check_for_spf_") + asked.suffix), expected);
                QCOMPARE(scan.ask(module, QByteArray("check_for_spf_helo_") + asked.suffix),
                         expected);
            }
            QCOMPARE(scan.notes.size(), size_t(said.answer == SpfAnswer::Fail ? 1 : 0));
            QCOMPARE(scan.ask(module, "check_spf_skipped_noenvfrom"), 0);
        }
    }

    void whatWasNotCheckedHitsNothing()
    {
        const SenderEvidence empty;
        for (const SenderEvidence *evidence :
             {static_cast<const SenderEvidence *>(nullptr), &empty}) {
            FakeScan scan(rulesOf("welcomelist_auth *@*\nadsp_override firm.org\n"), letter);
            scan.changeContext().evidence = evidence;
            SpfEvals spf;
            DkimEvals dkim;
            DmarcEvals dmarc;
            for (EvalModule *module : std::initializer_list<EvalModule *>{&spf, &dkim, &dmarc}) {
                for (const EvalModule::Entry &entry : module->functions()) {
                    const bool asksForSender = qstrcmp(entry.name, "check_spf_skipped_noenvfrom")
                                               == 0;
                    QCOMPARE(scan.ask(*module, entry.name,
                                      qstrcmp(entry.name, "check_dkim_adsp") == 0
                                          ? std::vector<QByteArray>{"*"}
                                          : std::vector<QByteArray>()),
                             asksForSender ? 1 : 0);
                }
            }
        }
    }

    void spfReadsFieldsOfInternalHosts_data()
    {
        QTest::addColumn<QByteArray>("field");
        QTest::addColumn<bool>("isUseful");
        QTest::addColumn<int>("answer");
        QTest::addColumn<bool>("isHelo");
        const auto row = [](const char *name, const char *field, bool isUseful,
                            SpfAnswer answer = SpfAnswer::None, bool isHelo = false) {
            QTest::newRow(name) << QByteArray(field) << isUseful << int(answer) << isHelo;
        };
        row("Received-SPF", "Received-SPF: Pass (mx: ok) identity=mailfrom; client-ip=1.2.3.4",
            true, SpfAnswer::Pass);
        row("Received-SPF without identity", "Received-SPF: softfail (x)", true,
            SpfAnswer::SoftFail);
        row("Received-SPF of HELO", "received-spf: none identity=helo;\n helo=x", true,
            SpfAnswer::None, true);
        row("Received-SPF of something else", "Received-SPF: pass identity=pra;", false);
        row("Received-SPF of nonsense", "Received-SPF: maybe", false);
        row("Authentication-Results",
            "Authentication-Results: mx.test; dkim=pass; spf=fail smtp.mailfrom=a.test", true,
            SpfAnswer::Fail);
        row("Authentication-Results, hardfail",
            "ARC-Authentication-Results: i=1; mx.test; spf=hardfail smtp.helo=a.test", true,
            SpfAnswer::Fail, true);
        row("Authentication-Results without SPF", "Authentication-Results: mx.test; dkim=pass",
            false);
        row("authserv-id alone", "Authentication-Results: spf=pass", false);
        row("other field", "X-Received-SPF: pass", false);
        row("no field", "pass", false);
    }

    void spfReadsFieldsOfInternalHosts()
    {
        QFETCH(QByteArray, field);
        QFETCH(bool, isUseful);
        const std::optional<SpfFieldResult> result = readSpfField(field);
        QCOMPARE(result.has_value(), isUseful);
        if (result) {
            QTEST(int(result->answer), "answer");
            QTEST(result->isHelo, "isHelo");
        }
    }

    void spfTrustsFieldsAboveTheBorderOnly()
    {
        FakeScan ours(rulesOf(""), QByteArray("Received-SPF: pass identity=mailfrom\n") + letter);
        SpfEvals module;
        QCOMPARE(ours.ask(module, "check_for_spf_pass"), 1);
        FakeScan theirs(rulesOf(""),
                        QByteArray(letter).replace("From: ", "Received-SPF: pass\nFrom: "));
        SpfEvals other;
        QCOMPARE(theirs.ask(other, "check_for_spf_pass"), 0);
        FakeScan ignored(rulesOf("ignore_received_spf_header 1\n"),
                         QByteArray("Received-SPF: pass identity=mailfrom\n") + letter);
        SpfEvals third;
        QCOMPARE(ignored.ask(third, "check_for_spf_pass"), 0);
    }

    void spfWelcomesWhoPasses_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<bool>("passes");
        QTest::addColumn<int>("welcome");
        QTest::addColumn<int>("byDefault");
        QTest::newRow("listed") << QByteArray("welcomelist_from_spf *@firm.org") << true << 1 << 0;
        QTest::newRow("listed, old name")
            << QByteArray("whitelist_from_spf *@firm.org") << true << 1 << 0;
        QTest::newRow("listed for any check")
            << QByteArray("welcomelist_auth Boss@firm.org") << true << 1 << 0;
        QTest::newRow("default") << QByteArray("def_welcomelist_from_spf *@firm.org") << true << 0
                                 << 1;
        QTest::newRow("default for any check")
            << QByteArray("def_welcomelist_auth *@firm.org") << true << 0 << 1;
        QTest::newRow("failed") << QByteArray("welcomelist_from_spf *@firm.org") << false << 0 << 0;
        QTest::newRow("unlisted") << QByteArray("welcomelist_from_spf *@other.org") << true << 0
                                  << 0;
    }

    void spfWelcomesWhoPasses()
    {
        QFETCH(QByteArray, rules);
        QFETCH(bool, passes);
        SenderEvidence evidence;
        evidence.mailFrom = SpfEvidence{
            passes ? SpfAnswer::Pass : SpfAnswer::Fail, "boss@firm.org", {}};
        FakeScan scan(rulesOf(rules + '\n'), letter);
        scan.changeContext().evidence = &evidence;
        SpfEvals module;
        QTEST(scan.ask(module, "check_for_spf_welcomelist_from"), "welcome");
        QTEST(scan.ask(module, "check_for_def_spf_welcomelist_from"), "byDefault");
    }

    void dkimTellsWhoSigned_data()
    {
        QTest::addColumn<QByteArray>("domain");
        QTest::addColumn<bool>("isValid");
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("valid");
        QTest::addColumn<int>("author");
        QTest::addColumn<int>("listed");
        QTest::newRow("author's domain")
            << QByteArray("mail.firm.org") << true << 2048 << 1 << 1 << 1;
        QTest::newRow("parent domain") << QByteArray("firm.org") << true << 2048 << 1 << 0 << 1;
        QTest::newRow("somebody else") << QByteArray("other.test") << true << 2048 << 1 << 0 << 0;
        QTest::newRow("broken") << QByteArray("mail.firm.org") << false << 2048 << 0 << 0 << 0;
        QTest::newRow("short key") << QByteArray("mail.firm.org") << true << 512 << 1 << 0 << 0;
        QTest::newRow("unknown key") << QByteArray("mail.firm.org") << true << 0 << 1 << 1 << 1;
    }

    void dkimTellsWhoSigned()
    {
        QFETCH(QByteArray, domain);
        QFETCH(bool, isValid);
        QFETCH(int, bits);
        const SenderEvidence evidence = signedBy({signature(domain, isValid, bits)});
        FakeScan scan(rulesOf(""), QByteArray("Return-Path: <x@mail.firm.org>\n") + letter);
        scan.changeContext().evidence = &evidence;
        DkimEvals module;
        QCOMPARE(scan.ask(module, "check_dkim_signed"), 1);
        QCOMPARE(scan.ask(module, "check_dkim_dependable"), 1);
        QTEST(scan.ask(module, "check_dkim_valid"), "valid");
        QTEST(scan.ask(module, "check_dkim_verified"), "valid");
        QTEST(scan.ask(module, "check_dkim_valid_author_sig"), "author");
        QTEST(scan.ask(module, "check_dkim_valid_envelopefrom"), "author");
        QTEST(scan.ask(module, "check_dkim_valid", {"x.test", "*.firm.org"}), "listed");
        QCOMPARE(scan.ask(module, "check_dkim_signed", {"x.test"}), 0);
        QCOMPARE(scan.tags["DKIMDOMAIN"],
                 isValid ? std::vector{domain} : std::vector<QByteArray>());
    }

    void domainKeysAreSignaturesThatProveNothing()
    {
        const SenderEvidence evidence = signedBy({});
        for (const char *field :
             {"a=rsa-sha1; s=one; d=firm.org; c=nofws; q=dns; b=AAAA", "d=firm.org"}) {
            FakeScan scan(rulesOf(""), QByteArray("DomainKey-Signature: ") + field + '\n' + letter);
            scan.changeContext().evidence = &evidence;
            DkimEvals module;
            const int isWhole = QByteArray(field).contains("s=one");
            QCOMPARE(scan.ask(module, "check_dkim_signed"), isWhole);
            QCOMPARE(scan.ask(module, "check_dkim_valid"), 0);
        }
    }

    void dkimTellsTestingKeys()
    {
        SignatureEvidence testing = signature("a.test");
        testing.isTesting = true;
        for (bool isTesting : {true, false}) {
            const SenderEvidence evidence = signedBy({isTesting ? testing : signature("a.test")});
            FakeScan scan(rulesOf(""), letter);
            scan.changeContext().evidence = &evidence;
            DkimEvals module;
            QCOMPARE(scan.ask(module, "check_dkim_testing"), int(isTesting));
            QCOMPARE(scan.ask(module, "check_dkim_signsome"), 0);
        }
    }

    void dkimWelcomes_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<QByteArray>("signer");
        QTest::addColumn<int>("welcome");
        QTest::addColumn<int>("byDefault");
        const auto row = [](const char *name, const char *rules, const char *signer, int welcome,
                            int byDefault) {
            QTest::newRow(name) << QByteArray(rules) << QByteArray(signer) << welcome << byDefault;
        };
        row("author's signature", "welcomelist_from_dkim *@mail.firm.org", "mail.firm.org", 1, 0);
        row("not the author's", "welcomelist_from_dkim *@mail.firm.org", "firm.org", 0, 0);
        row("named signer", "welcomelist_from_dkim *@mail.firm.org esp.test", "esp.test", 1, 0);
        row("signer as address", "welcomelist_from_dkim *@mail.firm.org x@esp.test", "esp.test", 1,
            0);
        row("below a signer", "whitelist_from_dkim *@* *.esp.test", "a.esp.test", 1, 0);
        row("below is not itself", "welcomelist_from_dkim *@* *.esp.test", "esp.test", 0, 0);
        row("default", "def_welcomelist_from_dkim *@mail.firm.org", "mail.firm.org", 0, 1);
        row("any check", "welcomelist_auth *@*.firm.org", "mail.firm.org", 1, 0);
        row("any check, foreign signer", "welcomelist_auth *@*.firm.org", "esp.test", 0, 0);
        row("default any check", "def_whitelist_auth *@*.firm.org", "mail.firm.org", 0, 1);
        row("another author", "welcomelist_from_dkim *@other.test", "mail.firm.org", 0, 0);
    }

    void dkimWelcomes()
    {
        QFETCH(QByteArray, rules);
        QFETCH(QByteArray, signer);
        const SenderEvidence evidence = signedBy({signature("z.test", false), signature(signer)});
        FakeScan scan(rulesOf(rules + '\n'), letter);
        scan.changeContext().evidence = &evidence;
        DkimEvals module;
        QTEST(scan.ask(module, "check_for_dkim_welcomelist_from"), "welcome");
        QTEST(scan.ask(module, "check_for_def_dkim_welcomelist_from"), "byDefault");
    }

    void adspFollowsOverrides_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<QByteArray>("hit");
        QTest::newRow("nothing said") << QByteArray() << QByteArray();
        QTest::newRow("discardable")
            << QByteArray("adsp_override mail.firm.org") << QByteArray("D");
        QTest::newRow("all") << QByteArray("adsp_override @Mail.Firm.org ALL") << QByteArray("A");
        QTest::newRow("below") << QByteArray("adsp_override *.firm.org custom_high")
                               << QByteArray("3");
        QTest::newRow("below is not itself")
            << QByteArray("adsp_override *.mail.firm.org custom_med") << QByteArray();
        QTest::newRow("everybody") << QByteArray("adsp_override * custom_low") << QByteArray("1");
        QTest::newRow("nearest counts")
            << QByteArray("adsp_override * nxdomain\nadsp_override *.firm.org custom_med")
            << QByteArray("2");
        QTest::newRow("unknown") << QByteArray("adsp_override mail.firm.org unknown")
                                 << QByteArray();
    }

    void adspFollowsOverrides()
    {
        QFETCH(QByteArray, rules);
        QFETCH(QByteArray, hit);
        const SenderEvidence evidence = signedBy({});
        FakeScan scan(rulesOf(rules + '\n'), letter);
        scan.changeContext().evidence = &evidence;
        DkimEvals module;
        for (const char *practice : {"N", "A", "D", "1", "2", "3"}) {
            QCOMPARE(scan.ask(module, "check_dkim_adsp", {practice}), int(hit == practice));
        }
        QCOMPARE(scan.ask(module, "check_dkim_adsp", {"*"}), int(!hit.isEmpty()));
        QCOMPARE(scan.ask(module, "check_dkim_adsp", {"*", "*.firm.org"}), int(!hit.isEmpty()));
        QCOMPARE(scan.ask(module, "check_dkim_adsp", {"*", "other.test"}), 0);
        QCOMPARE(scan.ask(module, "check_dkim_signall"), int(hit == "A"));
    }

    void adspSparesSignedMailAndTroubleWithDns()
    {
        SignatureEvidence unchecked = signature("mail.firm.org", false);
        unchecked.isTempError = true;
        for (const SignatureEvidence &one : {signature("mail.firm.org"), unchecked}) {
            const SenderEvidence evidence = signedBy({one});
            FakeScan scan(rulesOf("adsp_override mail.firm.org\n"), letter);
            scan.changeContext().evidence = &evidence;
            DkimEvals module;
            QCOMPARE(scan.ask(module, "check_dkim_adsp", {"*"}), 0);
        }
    }

    void arcTellsSeals_data()
    {
        QTest::addColumn<int>("sets");
        QTest::addColumn<bool>("isValid");
        QTest::newRow("not sealed") << 0 << false;
        QTest::newRow("broken") << 2 << false;
        QTest::newRow("valid") << 1 << true;
    }

    void arcTellsSeals()
    {
        QFETCH(int, sets);
        QFETCH(bool, isValid);
        SenderEvidence evidence;
        evidence.arc = ArcEvidence{sets, isValid};
        FakeScan scan(rulesOf(""), letter);
        scan.changeContext().evidence = &evidence;
        DkimEvals module;
        QCOMPARE(scan.ask(module, "check_arc_signed"), int(sets > 0));
        QCOMPARE(scan.ask(module, "check_arc_valid"), int(isValid));
    }

    void dmarcTellsOneThing_data()
    {
        QTest::addColumn<int>("answer");
        QTest::addColumn<int>("wish");
        QTest::addColumn<QByteArray>("hit");
        const auto row = [](const char *name, DmarcAnswer answer, DmarcWish wish, const char *hit) {
            QTest::newRow(name) << int(answer) << int(wish) << QByteArray(hit);
        };
        row("no record", DmarcAnswer::None, DmarcWish::None, "missing");
        row("pass", DmarcAnswer::Pass, DmarcWish::None, "pass");
        row("fail, none", DmarcAnswer::Fail, DmarcWish::None, "none");
        row("fail, quarantine", DmarcAnswer::Fail, DmarcWish::Quarantine, "quarantine");
        row("fail, reject", DmarcAnswer::Fail, DmarcWish::Reject, "reject");
        row("error", DmarcAnswer::Error, DmarcWish::Reject, "");
    }

    void dmarcTellsOneThing()
    {
        QFETCH(int, answer);
        QFETCH(int, wish);
        QFETCH(QByteArray, hit);
        SenderEvidence evidence;
        evidence.dmarc = DmarcEvidence{DmarcAnswer(answer), DmarcWish(wish)};
        FakeScan scan(rulesOf(""), letter);
        scan.changeContext().evidence = &evidence;
        DmarcEvals module;
        for (const char *name : {"missing", "pass", "none", "quarantine", "reject"}) {
            QCOMPARE(scan.ask(module, QByteArray("check_dmarc_") + name), int(hit == name));
        }
    }
};

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestSenderEvidence)
#include "TestSenderEvidence.moc"
