// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/learning/LearnPaths.h"
#include "appliance/spam/reputation/MemoryReputationStore.h"
#include "appliance/spam/reputation/ReputationKey.h"
#include "appliance/spam/reputation/ReputationModule.h"
#include "appliance/spam/reputation/ReputationSink.h"
#include "appliance/spam/reputation/TxRepModule.h"

#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <map>

namespace portcullis {

using namespace spam;

namespace {

class NoProblems final : public ProblemSink
{
public:
    void report(Problem) override {}
};

/// One message whose tests have hit so far.
class FixedScan final : public Scan
{
public:
    FixedScan(const RuleSet &rules, const QByteArray &message)
        : m_rules(rules)
        , m_domains(rules)
        , m_settings(TextSettings::fromRules(rules))
        , m_text(mail::Content(message), m_settings, m_domains)
    {
    }
    std::vector<Hit> m_hits;
    std::map<QByteArray, double> made;
    std::map<QByteArray, std::vector<QByteArray>> tags;
    std::map<QByteArray, double> otherTests;

    const RuleSet &rules() const override { return m_rules; }
    MessageText &text() override { return m_text; }
    const DomainTable &domains() const override { return m_domains; }
    const SpamContext &context() const override { qFatal("not asked for here"); }
    int scoreSet() const override { return 0; }
    std::chrono::steady_clock::time_point deadline() const override { return {}; }
    const Test *running() const override { return nullptr; }
    bool isActive(const Test &) const override { return true; }
    double valueOf(const QByteArray &test) const override
    {
        const auto found = otherTests.find(test);
        return found == otherTests.end() ? 0 : found->second;
    }
    void hit(const QByteArray &, const QByteArray &, int) override {}
    void hitWithScore(const QByteArray &test, double score, const QByteArray &) override
    {
        made[test] = score;
    }
    void note(const QByteArray &) override {}
    double scoreSoFar() const override { return 0; }
    std::vector<Hit> hits() const override { return m_hits; }
    void setTag(const QByteArray &name, std::vector<QByteArray> values) override
    {
        tags[name] = std::move(values);
    }
    const std::vector<QByteArray> &tag(const QByteArray &name) const override
    {
        static const std::vector<QByteArray> none;
        const auto found = tags.find(name);
        return found == tags.end() ? none : found->second;
    }

private:
    const RuleSet &m_rules;
    DomainTable m_domains;
    TextSettings m_settings;
    MessageText m_text;
};

const QByteArray fromAnna =
    "Return-Path: <bounce@b.org>\r\n"
    "Received: from mail.a.org (mail.a.org [198.51.100.7]) by mx.example.com"
    " with ESMTP id abc; Mon, 2 Jan 2023 10:00:00 +0000\r\n"
    "From: Anna <Anna@a.org>\r\n\r\nx\r\n";

const QByteArray txRepRules = "loadplugin Mail::SpamAssassin::Plugin::TxRep\nuse_txrep 1\n";

}  // namespace

class TestReputation final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void networksAreCut_data();
    void networksAreCut();
    void keysAreSafe();
    void scoresMoveToTheMean_data();
    void scoresMoveToTheMean();
    void txRepKnowsSendersByTheirTraits_data();
    void txRepKnowsSendersByTheirTraits();
    void txRepWeighsTraitsAndMessages_data();
    void txRepWeighsTraitsAndMessages();
    void txRepScoresARowOfMailsAsSpamAssassin();
    void txRepWelcomesThoseWeWriteTo();
    void theSnapshotFollowsTheStore();
    void aSnapshotThatIsSpoiltIsMadeAnew();
};

void TestReputation::networksAreCut_data()
{
    QTest::addColumn<QByteArray>("ip");
    QTest::addColumn<int>("bits");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("16 bits") << QByteArray("192.0.2.1") << 16 << QByteArray("192.0");
    QTest::newRow("24 bits") << QByteArray("192.0.2.1") << 24 << QByteArray("192.0.2");
    QTest::newRow("32 bits") << QByteArray("192.0.2.0") << 32 << QByteArray("192.0.2.0");
    QTest::newRow("20 bits") << QByteArray("192.0.18.1") << 20 << QByteArray("192.0.16");
    QTest::newRow("IPv6") << QByteArray("2001:db8:1:2::3") << 48 << QByteArray("2001:0db8:0001::");
    QTest::newRow("all of IPv6") << QByteArray("2001:db8::1") << 128
                                 << QByteArray("2001:0db8:0000:0000:0000:0000:0000:0001");
    QTest::newRow("no address") << QByteArray("example.org") << 16 << QByteArray("none");
}

void TestReputation::networksAreCut()
{
    QFETCH(QByteArray, ip);
    QFETCH(int, bits);
    QFETCH(QByteArray, expected);
    QCOMPARE(reputationNetwork(ip, {bits, bits}), expected);
}

void TestReputation::keysAreSafe()
{
    QCOMPARE(reputationKey("Anna@Example.com", "192.0"), QByteArray("anna@example.com|ip=192.0"));
    QCOMPARE(reputationKey("a'b|c@d.e", {}), QByteArray("a_b_c@d.e|ip=none"));
    QCOMPARE(reputationKey("a@b.c", "192.0", "B.c"), QByteArray("a@b.c|ip=192.0|signedby=b.c"));
    QVERIFY(reputationHash("a") != reputationHash("b"));
}

void TestReputation::scoresMoveToTheMean_data()
{
    QTest::addColumn<double>("points");
    QTest::addColumn<int>("messages");
    QTest::addColumn<double>("sum");
    QTest::addColumn<double>("expected");
    QTest::newRow("unknown sender") << 4.0 << 0 << 0.0 << 0.0;
    QTest::newRow("good sender") << 4.0 << 2 << -4.0 << -3.0;
    QTest::newRow("bad sender") << 1.0 << 4 << 40.0 << 4.5;
    QTest::newRow("as always") << 3.0 << 3 << 9.0 << 0.0;
}

void TestReputation::scoresMoveToTheMean()
{
    QFETCH(double, points);
    QFETCH(int, messages);
    QFETCH(double, sum);
    QFETCH(double, expected);
    RuleSet rules;
    Test test;
    test.name = "SOME";
    test.scores.fill(points);
    Test quiet;
    quiet.name = "QUIET";
    quiet.scores.fill(50);
    quiet.flags = {"noautolearn"};
    rules.tests = {test, quiet};
    rules.buildIndex();
    std::vector<LearnRequest> told;
    ReputationModule module({[&](const QByteArray &key) -> std::optional<Reputation> {
                                 return messages > 0 && key == "anna@a.org|ip=198.51"
                                            ? std::optional(Reputation{messages, sum, 0})
                                            : std::nullopt;
                             },
                             [&](const LearnRequest &request) { told.push_back(request); }});
    NoProblems problems;
    module.configure(rules, problems);
    FixedScan scan(rules, "Received: from mail.a.org (mail.a.org [198.51.100.7]) by mx.example.com"
                          " with ESMTP id abc; Mon, 2 Jan 2023 10:00:00 +0000\r\n"
                          "From: Anna <Anna@a.org>\r\n\r\nx\r\n");
    scan.m_hits = {{&rules.tests[0], 1, points}, {&rules.tests[1], 1, 50}};
    QCOMPARE(module.functions().front().function(scan, {}), 0);
    QCOMPARE(scan.made["AWL"], expected);
    QCOMPARE(told.size(), 1U);
    const auto &add = std::get<AddReputation>(told.front());
    QCOMPARE(add.key, QByteArray("anna@a.org|ip=198.51"));
    QCOMPARE(add.score, points);
}

void TestReputation::txRepKnowsSendersByTheirTraits_data()
{
    QTest::addColumn<QByteArray>("signedBy");
    QTest::addColumn<bool>("isSpfPass");
    QTest::addColumn<QByteArrayList>("keys");
    QTest::newRow("by its host") << QByteArray() << false
                                 << QByteArrayList{
                                        "txrep!anna@a.org|ip=198.51", "txrep!a.org|ip=198.51",
                                        "txrep!mail.a.org|ip=none|signedby=helo",
                                        "txrep!anna@a.org|ip=none", "txrep!198.51.100.7|ip=none"};
    QTest::newRow("by its signature")
        << QByteArray("a.org") << false
        << QByteArrayList{"txrep!anna@a.org|ip=none|signedby=a.org",
                          "txrep!a.org|ip=none|signedby=a.org",
                          "txrep!mail.a.org|ip=none|signedby=helo", "txrep!198.51.100.7|ip=none"};
    QTest::newRow("by SPF") << QByteArray() << true
                            << QByteArrayList{"txrep!anna@a.org|ip=none|signedby=spf-b.org",
                                              "txrep!a.org|ip=none|signedby=spf-b.org",
                                              "txrep!mail.a.org|ip=none|signedby=helo",
                                              "txrep!198.51.100.7|ip=none"};
}

void TestReputation::txRepKnowsSendersByTheirTraits()
{
    QFETCH(QByteArray, signedBy);
    QFETCH(bool, isSpfPass);
    QFETCH(QByteArrayList, keys);
    const RuleSet rules = readRuleText(txRepRules);
    TxRepModule module({}, [](const Scan &) { return 3.0; });
    NoProblems problems;
    module.configure(rules, problems);
    FixedScan scan(rules, fromAnna);
    if (!signedBy.isEmpty()) {
        scan.tags["DKIMDOMAIN"] = {signedBy};
    }
    scan.otherTests["SPF_PASS"] = isSpfPass ? 1 : 0;
    QByteArrayList found;
    for (const TxRepIdentity &identity : module.identitiesOf(scan, 3)) {
        found.append(identity.key);
    }
    QCOMPARE(found, keys);
}

void TestReputation::txRepWeighsTraitsAndMessages_data()
{
    QTest::addColumn<QByteArray>("known");
    QTest::addColumn<int>("messages");
    QTest::addColumn<double>("mean");
    QTest::addColumn<double>("expected");
    // Weights: address and network 10, address 3, domain 2, host 4, HELO 0.5; 19.5 in all.
    QTest::newRow("unknown") << QByteArray() << 0 << 0.0 << 0.0;
    QTest::newRow("one message tells little")
        << QByteArray("txrep!anna@a.org|ip=198.51") << 1 << -1.0 << -0.641;
    QTest::newRow("many tell more")
        << QByteArray("txrep!anna@a.org|ip=198.51") << 99 << -1.0 << -1.269;
    QTest::newRow("another address from this host")
        << QByteArray("txrep!198.51.100.7|ip=none") << 9 << 24.0 << 1.846;
}

void TestReputation::txRepWeighsTraitsAndMessages()
{
    QFETCH(QByteArray, known);
    QFETCH(int, messages);
    QFETCH(double, mean);
    QFETCH(double, expected);
    const RuleSet rules = readRuleText(txRepRules);
    std::vector<LearnRequest> told;
    TxRepModule module({[&](const QByteArray &key) {
                            return key == known
                                       ? std::optional(Reputation{messages, mean * messages, 0})
                                       : std::nullopt;
                        },
                        [&](const LearnRequest &request) { told.push_back(request); }},
                       [](const Scan &) { return 4.0; });
    NoProblems problems;
    module.configure(rules, problems);
    FixedScan scan(rules, fromAnna);
    QCOMPARE(module.functions().front().function(scan, {}), 0);
    QCOMPARE(scan.made["TXREP"], expected);
    QCOMPARE(told.size(), 5U);
    QCOMPARE(std::get<AddReputation>(told.front()).score, 4.0);
}

void TestReputation::txRepScoresARowOfMailsAsSpamAssassin()
{
    // Observed with Mail::SpamAssassin 4.0.1, txrep_track_messages 0.
    struct Mail {
        const char *from;
        double points;
        double moved;
    };
    const std::vector<Mail> mails{{"anna@a.org", 10, 0},
                                  {"anna@a.org", 0, 2.5},
                                  {"anna@a.org", 2, 1},
                                  {"other@a.org", 0, 0.5},
                                  {"other@b.org", 10, 0.277}};
    const RuleSet rules = readRuleText(txRepRules);
    std::map<QByteArray, Reputation> store;
    double points = 0;
    TxRepModule module({[&](const QByteArray &key) {
                            const auto found = store.find(key);
                            return found == store.end() ? std::nullopt
                                                        : std::optional(found->second);
                        },
                        [&](const LearnRequest &request) {
                            const auto &add = std::get<AddReputation>(request);
                            Reputation &entry = store[add.key];
                            ++entry.messages;
                            entry.score += add.score;
                        }},
                       [&](const Scan &) { return points; });
    NoProblems problems;
    module.configure(rules, problems);
    for (const Mail &mail : mails) {
        points = mail.points;
        QByteArray message = fromAnna;
        FixedScan scan(rules, message.replace("Anna@a.org", mail.from));
        module.functions().front().function(scan, {});
        QCOMPARE(scan.made["TXREP"], mail.moved);
    }
}

void TestReputation::txRepWelcomesThoseWeWriteTo()
{
    const RuleSet rules = readRuleText(txRepRules);
    std::vector<QByteArray> welcomed;
    TxRepModule module({{},
                        [&](const LearnRequest &request) {
                            const auto &add = std::get<AddReputation>(request);
                            if (add.score == -10) {
                                welcomed.push_back(add.key);
                            }
                        }},
                       [](const Scan &) { return 0.5; });
    NoProblems problems;
    module.configure(rules, problems);
    FixedScan scan(rules, "Received: from desk.example.com (desk.example.com [192.168.1.5]) by"
                          " mx.example.com with ESMTP id a; Mon, 2 Jan 2023 10:00:00 +0000\r\n"
                          "From: Bert <bert@example.com>\r\nTo: Anna <anna@a.org>\r\n\r\nx\r\n");
    QCOMPARE(module.functions().front().function(scan, {}), 0);
    QCOMPARE(welcomed, std::vector<QByteArray>{"txrep!anna@a.org|ip=none"});
}

void TestReputation::aSnapshotThatIsSpoiltIsMadeAnew()
{
    QTemporaryDir folder;
    ManualClock clock;
    MemoryReputationStore store;
    const QString path = reputationSnapshotFile(folder.path());
    ReputationSink sink(store, clock, path);
    QVERIFY(sink.refresh());
    QVERIFY(sink.apply(std::vector<LearnRequest>{AddReputation{"a|ip=none", 2.5, 10}}));
    clock.advance(std::chrono::seconds(6));
    QVERIFY(sink.refresh());
    const ReputationLinks links = workerReputationLinks(folder.path());
    QVERIFY(links.find("a|ip=none"));
    QVERIFY(QFile::remove(path));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("spoilt");
    file.close();
    QVERIFY(links.find("a|ip=none"));  // Readers keep what they have.
    clock.advance(std::chrono::seconds(20));
    QVERIFY(sink.refresh());
    QVERIFY(workerReputationLinks(folder.path()).find("a|ip=none"));
}

void TestReputation::theSnapshotFollowsTheStore()
{
    QTemporaryDir folder;
    ManualClock clock;
    MemoryReputationStore store;
    ReputationSink sink(store, clock, reputationSnapshotFile(folder.path()));
    QVERIFY(sink.refresh());
    const std::vector<LearnRequest> requests{AddReputation{"a|ip=none", 2.5, 10},
                                             AddReputation{"a|ip=none", -7.125, 20}};
    QVERIFY(sink.apply(requests));
    clock.advance(std::chrono::seconds(6));
    QVERIFY(sink.refresh());
    const ReputationLinks links = workerReputationLinks(folder.path());
    const auto known = links.find("a|ip=none");
    QVERIFY(known);
    QCOMPARE(known->messages, 2);
    QCOMPARE(known->score, -4.625);
    QVERIFY(!links.find("b|ip=none"));
    QCOMPARE((*store.find("a|ip=none"))->seconds, 20);
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestReputation)
#include "TestReputation.moc"
