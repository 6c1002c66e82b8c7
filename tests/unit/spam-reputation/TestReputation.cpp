// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/LearnPaths.h"
#include "appliance/spam/reputation/MemoryReputationStore.h"
#include "appliance/spam/reputation/ReputationKey.h"
#include "appliance/spam/reputation/ReputationModule.h"
#include "appliance/spam/reputation/ReputationSink.h"

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

    const RuleSet &rules() const override { return m_rules; }
    MessageText &text() override { return m_text; }
    const DomainTable &domains() const override { return m_domains; }
    const SpamContext &context() const override { qFatal("not asked for here"); }
    int scoreSet() const override { return 0; }
    std::chrono::steady_clock::time_point deadline() const override { return {}; }
    const Test *running() const override { return nullptr; }
    bool isActive(const Test &) const override { return true; }
    double valueOf(const QByteArray &) const override { return 0; }
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
    void theSnapshotFollowsTheStore();
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
