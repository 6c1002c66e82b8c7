// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/SpamEvidence.h"

#include <QtTest/QTest>

namespace portcullis::filter {

using authentication::DkimResult;
using authentication::DmarcPolicy;
using authentication::DmarcResult;
using verdict::SpfResult;

class TestSpamEvidence : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void whatWasNotCheckedStaysAway()
    {
        const spam::SenderEvidence nothing = spamEvidence({}, std::nullopt);
        QVERIFY(!nothing.mailFrom && !nothing.helo && !nothing.signatures && !nothing.dmarc
                && !nothing.arc);
        // DMARC that is switched off leaves an empty finding; DKIM and ARC were looked at.
        const spam::SenderEvidence withoutDmarc = spamEvidence({}, SenderFinding());
        QVERIFY(!withoutDmarc.dmarc);
        QVERIFY(withoutDmarc.signatures && withoutDmarc.signatures->empty());
        QVERIFY(withoutDmarc.arc && withoutDmarc.arc->sets == 0);
    }

    void tellsSpf_data()
    {
        QTest::addColumn<int>("result");
        QTest::addColumn<int>("answer");
        const auto row = [](SpfResult result, spam::SpfAnswer answer) {
            QTest::newRow(verdict::nameOf(result)) << int(result) << int(answer);
        };
        row(SpfResult::None, spam::SpfAnswer::None);
        row(SpfResult::Neutral, spam::SpfAnswer::Neutral);
        row(SpfResult::Pass, spam::SpfAnswer::Pass);
        row(SpfResult::Fail, spam::SpfAnswer::Fail);
        row(SpfResult::SoftFail, spam::SpfAnswer::SoftFail);
        row(SpfResult::TempError, spam::SpfAnswer::TempError);
        row(SpfResult::PermError, spam::SpfAnswer::PermError);
    }

    void tellsSpf()
    {
        QFETCH(int, result);
        QFETCH(int, answer);
        verdict::SessionEvidence session;
        session.spf.emplace();
        session.spf->result = SpfResult(result);
        session.spf->identity = "joe@a.example";
        session.spf->domain = "a.example";
        spam::SenderEvidence evidence = spamEvidence(session, std::nullopt);
        QCOMPARE(int(evidence.mailFrom->answer), answer);
        QCOMPARE(evidence.mailFrom->identity, QByteArray("joe@a.example"));
        QVERIFY(!evidence.helo);
        session.spf->isHelo = true;
        evidence = spamEvidence(session, std::nullopt);
        QCOMPARE(int(evidence.helo->answer), answer);
        QCOMPARE(evidence.helo->identity, QByteArray("a.example"));
        QVERIFY(!evidence.mailFrom);
    }

    void tellsHeloBesideTheReversePath()
    {
        verdict::SessionEvidence session;
        session.spf.emplace();
        session.spf->result = SpfResult::Pass;
        session.spf->identity = "joe@a.example";
        session.heloSpf.emplace();
        session.heloSpf->result = SpfResult::Fail;
        session.heloSpf->isHelo = true;
        session.heloSpf->domain = "mx.b.example";
        const spam::SenderEvidence evidence = spamEvidence(session, std::nullopt);
        QVERIFY(evidence.mailFrom->answer == spam::SpfAnswer::Pass);
        QVERIFY(evidence.helo->answer == spam::SpfAnswer::Fail);
        QCOMPARE(evidence.helo->identity, QByteArray("mx.b.example"));
    }

    void tellsSignatures()
    {
        SenderFinding sender;
        for (DkimResult result : {DkimResult::Pass, DkimResult::Fail, DkimResult::TempError}) {
            authentication::DkimFinding finding;
            finding.result = result;
            finding.domain = "a.example";
            finding.selector = "s";
            finding.keyBits = 2048;
            sender.findings.dkim.push_back(finding);
        }
        sender.findings.dkim[0].identity = "x@Sub.A.example";
        sender.findings.dkim[0].isTesting = true;
        const spam::SenderEvidence evidence = spamEvidence({}, sender);
        const auto &signatures = *evidence.signatures;
        QCOMPARE(signatures.size(), size_t(3));
        QVERIFY(signatures[0].isValid && signatures[0].isTesting);
        QCOMPARE(signatures[0].speaksFor(), QByteArray("sub.a.example"));
        QCOMPARE(signatures[0].keyBits, 2048);
        QVERIFY(!signatures[1].isValid && !signatures[1].isTempError);
        QCOMPARE(signatures[1].speaksFor(), QByteArray("a.example"));
        QVERIFY(!signatures[2].isValid && signatures[2].isTempError);
    }

    void tellsDmarc_data()
    {
        QTest::addColumn<int>("result");
        QTest::addColumn<int>("disposition");
        QTest::addColumn<QByteArray>("excusedBy");
        QTest::addColumn<int>("answer");
        QTest::addColumn<int>("wish");
        const auto row = [](const char *name, DmarcResult result, DmarcPolicy policy,
                            const char *excuse, spam::DmarcAnswer answer, spam::DmarcWish wish) {
            QTest::newRow(name) << int(result) << int(policy) << QByteArray(excuse) << int(answer)
                                << int(wish);
        };
        using Answer = spam::DmarcAnswer;
        using Wish = spam::DmarcWish;
        row("no record", DmarcResult::None, DmarcPolicy::None, "", Answer::None, Wish::None);
        row("pass", DmarcResult::Pass, DmarcPolicy::None, "", Answer::Pass, Wish::None);
        row("reject", DmarcResult::Fail, DmarcPolicy::Reject, "", Answer::Fail, Wish::Reject);
        row("quarantine", DmarcResult::Fail, DmarcPolicy::Quarantine, "", Answer::Fail,
            Wish::Quarantine);
        row("fail without wish", DmarcResult::Fail, DmarcPolicy::None, "", Answer::Fail,
            Wish::None);
        row("excused by a sealer", DmarcResult::Fail, DmarcPolicy::None, "s.example", Answer::Pass,
            Wish::None);
        row("no clear author", DmarcResult::PermError, DmarcPolicy::None, "", Answer::Error,
            Wish::None);
        row("trouble with DNS", DmarcResult::TempError, DmarcPolicy::None, "", Answer::Error,
            Wish::None);
    }

    void tellsDmarc()
    {
        QFETCH(int, result);
        QFETCH(int, disposition);
        SenderFinding sender;
        sender.findings.dmarc.fromDomain = "a.example";
        sender.findings.dmarc.result = DmarcResult(result);
        sender.findings.dmarc.disposition = DmarcPolicy(disposition);
        QFETCH(QByteArray, excusedBy);
        sender.findings.dmarc.excusedBy = excusedBy;
        const spam::SenderEvidence evidence = spamEvidence({}, sender);
        QTEST(int(evidence.dmarc->answer), "answer");
        QTEST(int(evidence.dmarc->wish), "wish");
    }

    void tellsSeals()
    {
        SenderFinding sender;
        sender.findings.arc.result = authentication::ArcResult::Fail;
        spam::SenderEvidence evidence = spamEvidence({}, sender);
        QVERIFY(evidence.arc->sets > 0 && !evidence.arc->isValid);
        sender.findings.arc.result = authentication::ArcResult::Pass;
        sender.findings.arc.sets.resize(2);
        evidence = spamEvidence({}, sender);
        QVERIFY(evidence.arc->sets == 2 && evidence.arc->isValid);
    }
};

}  // namespace portcullis::filter

QTEST_GUILESS_MAIN(portcullis::filter::TestSpamEvidence)
#include "TestSpamEvidence.moc"
