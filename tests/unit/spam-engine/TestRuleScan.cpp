// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/engine/RuleScan.h"

#include <QtTest/QtTest>

using namespace portcullis;
using namespace portcullis::spam;

namespace {

/// Eval functions for tests: one hits, one does not, one makes another test hit, one is slow.
class TestModule final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override { return QByteArrayLiteral("Test"); }
    void configure(const RuleSet & /*rules*/, ProblemSink & /*problems*/) override {}
    [[nodiscard]] std::vector<Entry> functions() const override
    {
        return {
            {"value_of", [](Scan &, const EvalCall &call) { return call.arguments.at(0).toInt(); }},
            {"hit_other",
             [](Scan &scan, const EvalCall &call) {
                 scan.hit(call.arguments.at(0), QByteArrayLiteral("[by another]"));
                 return 0;
             }},
            {"has_hit",
             [](Scan &scan, const EvalCall &call) {
                 return int(scan.valueOf(call.arguments.at(0)) > 0);
             }},
            {"score_so_far",
             [](Scan &scan, const EvalCall &) {
                 scan.hitWithScore("SUM", scan.scoreSoFar(), {});
                 return 0;
             }},
            {"past_deadline", [](Scan &scan, const EvalCall &) {
                 while (std::chrono::steady_clock::now() < scan.deadline()) {
                     QThread::msleep(5);
                 }
                 return 0;
             }}};
    }
    void finish(Scan &scan) const override { scan.hit("LATE_HIT", {}); }
};

const QByteArray message =
    "Received: from a.example (a.example [192.0.2.1]) by mx.example with SMTP\r\n"
    "From: Anna <anna@example.com>\r\n"
    "Subject: Your order\r\n"
    "X-List: one\r\n"
    "X-List: two\r\n"
    "Content-Type: text/plain\r\n"
    "\r\n"
    "Cheap pills and cheap watches.\r\n"
    "\r\n"
    "Call now, cheap. http://pills.example.com/buy\r\n";

EngineSettings withNetwork()
{
    EngineSettings settings;
    settings.usesNetwork = true;
    return settings;
}

EngineSettings withTimeLimit(std::chrono::milliseconds limit)
{
    EngineSettings settings;
    settings.timeLimit = limit;
    return settings;
}

/// Names of scored tests that hit, and the score.
struct Outcome {
    QSet<QByteArray> tests;
    double score = 0;
    QHash<QByteArray, double> values;
};

Outcome judge(const QByteArray &ruleText,
              const EngineSettings &settings = {},
              ScanDepth depth = ScanDepth::Needed)
{
    const auto rules = std::make_shared<const RuleSet>(readRuleText(ruleText));
    const auto compiled = CompiledRules::compile(rules, {std::make_shared<TestModule>()}, settings);
    MessageText text(mail::Content(message), compiled->textSettings(), compiled->domains());
    const mail::Envelope envelope;
    const mail::Client client;
    const SpamContext context{mail::Direction::In, envelope, client};
    RuleScan scan(*compiled, text, context, depth);
    scan.run();
    Outcome outcome;
    for (const SpamHit &hit : scan.finding().hits) {
        outcome.tests.insert(hit.test);
    }
    for (const Scan::Hit &hit : scan.hits()) {
        outcome.values.insert(hit.test->name, hit.value);
    }
    outcome.score = scan.finding().score();
    return outcome;
}

}  // namespace

class TestRuleScan : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void testsSeeTheirText_data();
    void testsSeeTheirText();
    void metasFollowTheirTests_data();
    void metasFollowTheirTests();
    void metasThatAreTooDeepDoNotRun();
    void longSumsRunUpToTheLimit();
    void subRulesRunOnlyWhereNeeded();
    void testsWithoutScoreDoNotRun();
    void anEvalAsksForAnotherTest();
    void lateHitsReachTheMetas();
    void reputationSeesWhatLookupsSaid();
    void capturedTextFillsTemplates();
    void aMissingCaptureStopsTheTest();
    void unknownFunctionsAreNamed();
    void refusedPatternsAreNamed();
    void theTimeLimitEndsTheScan();
    void shortCircuitEndsTheScan_data();
    void shortCircuitEndsTheScan();
    void explanationsNameThePlace();
};

void TestRuleScan::testsSeeTheirText_data()
{
    QTest::addColumn<QByteArray>("rule");
    QTest::addColumn<double>("value");
    QTest::newRow("header") << QByteArray("header T Subject =~ /order/") << 1.0;
    QTest::newRow("header, other case") << QByteArray("header T Subject =~ /ORDER/") << 0.0;
    QTest::newRow("negated") << QByteArray("header T Subject !~ /offer/") << 1.0;
    QTest::newRow("negated of a field that is not there")
        << QByteArray("header T X-None !~ /offer/") << 1.0;
    QTest::newRow("unset is empty") << QByteArray("header T X-None =~ /^$/") << 1.0;
    QTest::newRow("if-unset") << QByteArray("header T X-None =~ /^U$/ [if-unset: U]") << 1.0;
    QTest::newRow("exists") << QByteArray("header T exists:Subject") << 1.0;
    QTest::newRow("instances are joined") << QByteArray("header T X-List =~ /one\\ntwo/") << 1.0;
    QTest::newRow("address") << QByteArray("header T From:addr =~ /^anna\\@example\\.com$/") << 1.0;
    QTest::newRow("domain of the address")
        << QByteArray("header T From:addr:domain =~ /^example\\.com$/") << 1.0;
    QTest::newRow("header, multiple")
        << QByteArray("header T X-List =~ /[ot]/\ntflags T multiple") << 3.0;
    QTest::newRow("the Subject is the first body line") << QByteArray("body T /Your order/") << 1.0;
    QTest::newRow("nosubject") << QByteArray("body T /Your order/\ntflags T nosubject") << 0.0;
    QTest::newRow("body, once") << QByteArray("body T /cheap/i") << 1.0;
    QTest::newRow("body, multiple") << QByteArray("body T /cheap/i\ntflags T multiple") << 3.0;
    QTest::newRow("body, maxhits")
        << QByteArray("body T /cheap/i\ntflags T multiple maxhits=2") << 2.0;
    QTest::newRow("lines are apart") << QByteArray("body T /watches.*Call/s") << 0.0;
    QTest::newRow("rawbody") << QByteArray("rawbody T /watches\\.\\n\\nCall/") << 1.0;
    QTest::newRow("uri") << QByteArray("util_rb_tld com\nuri T /pills\\.example/") << 1.0;
    QTest::newRow("full") << QByteArray("full T /X-List: one\\nX-List/") << 1.0;
    QTest::newRow("mimeheader") << QByteArray("mimeheader T Content-Type =~ /^text\\/plain/")
                                << 1.0;
    QTest::newRow("eval") << QByteArray("header T eval:value_of('3')") << 3.0;
}

void TestRuleScan::testsSeeTheirText()
{
    QFETCH(QByteArray, rule);
    QFETCH(double, value);
    const Outcome outcome = judge(rule + "\nscore T 1.5\n");
    QCOMPARE(outcome.values.value("T"), value);
    // SpamAssassin 4.0.1 counts the points once a match of a test flagged "multiple".
    const double times = rule.contains("multiple") ? value : 1;
    QCOMPARE(outcome.score, value > 0 ? 1.5 * times : 0.0);
}

void TestRuleScan::metasFollowTheirTests_data()
{
    QTest::addColumn<QByteArray>("meta");
    QTest::addColumn<double>("value");
    const auto row = [](const char *meta, double value) {
        QTest::newRow(meta) << QByteArray(meta) << value;
    };
    row("__A && __B", 1);
    row("__A && __NO", 0);
    row("!__NO && (__A || __NO)", 1);
    row("__MANY > 2", 1);
    row("__MANY > 3", 0);
    row("__A + __B + __NO", 2);
    row("(__A + __B) == 2 && __MANY", 3);
    row("__UNKNOWN || __A", 1);
    row("__NO - __A", 1);  // Not 0 and not above: hits once.
    row("__MANY * 2", 6);
    row("__DEEP && !__NO", 1);
}

void TestRuleScan::metasFollowTheirTests()
{
    QFETCH(QByteArray, meta);
    QFETCH(double, value);
    const QByteArray rules =
        "body __A /pills/\nheader __B Subject =~ /order/\nbody __NO /nothing/\n"
        "body __MANY /cheap/i\ntflags __MANY multiple\n"
        "meta __DEEP __DEEPER || __NO\nmeta __DEEPER __A\nmeta T "
        + meta + "\nscore T 1\n";
    QCOMPARE(judge(rules).values.value("T"), value);
    QCOMPARE(judge(rules, {}, ScanDepth::Complete).values.value("T"), value);
}

void TestRuleScan::metasThatAreTooDeepDoNotRun()
{
    constexpr int chain = 50'000;  // More than a stack holds.
    QByteArray rules = "body M0 /pills/\n";
    for (int i = 1; i <= chain; ++i) {
        rules += "meta M" + QByteArray::number(i) + " M" + QByteArray::number(i - 1) + '\n';
    }
    const int deepest = (EngineLimits().metaLevels - 1) / 4 + 1;
    const Outcome outcome = judge(rules, {}, ScanDepth::Complete);
    QCOMPARE(outcome.tests.size(), deepest + 1);
    QVERIFY(outcome.tests.contains("M" + QByteArray::number(deepest)));
    const auto compiled = CompiledRules::compile(
        std::make_shared<const RuleSet>(readRuleText(rules)), {}, {});
    QCOMPARE(compiled->problems().size(), size_t(1));
    QCOMPARE(compiled->problems().front().subject, "M" + QByteArray::number(deepest + 1));
}

void TestRuleScan::longSumsRunUpToTheLimit()
{
    const auto sum = [](const char *name, int tests) {
        return QByteArray("meta ") + name + " __A" + QByteArray(" + __A").repeated(tests - 1)
               + '\n';
    };
    const int longest = EngineLimits().metaLevels;
    const Outcome outcome = judge("body __A /pills/\n" + sum("LONG", longest)
                                  + sum("LONGER", longest + 1));
    QCOMPARE(outcome.tests, QSet<QByteArray>{"LONG"});
    QCOMPARE(outcome.values.value("LONG"), double(longest));
}

void TestRuleScan::subRulesRunOnlyWhereNeeded()
{
    const QByteArray rules =
        "body __USED /pills/\nbody __UNUSED /watches/\nbody __NO /none of it/\n"
        "meta T __USED\nmeta U __NO && __UNUSED\nscore T 1\nscore U 1\n";
    const Outcome needed = judge(rules);
    QVERIFY(needed.values.contains("__USED"));
    QVERIFY(!needed.values.contains("__UNUSED"));
    QVERIFY(judge(rules, {}, ScanDepth::Complete).values.contains("__UNUSED"));
}

void TestRuleScan::testsWithoutScoreDoNotRun()
{
    const Outcome outcome = judge("body ZERO /pills/\nscore ZERO 0\nmeta T ZERO\nscore T 1\n"
                                  "body SETS /pills/\nscore SETS 0 1 1 1\n");
    QVERIFY(outcome.tests.isEmpty());
}

void TestRuleScan::anEvalAsksForAnotherTest()
{
    const Outcome outcome = judge(
        "body __PILLS /pills/\nheader T eval:has_hit('__PILLS')\nscore T 2\n"
        "header __O eval:hit_other('OTHER')\nbody OTHER eval:value_of('0')\nscore OTHER 0.5\n");
    QCOMPARE(outcome.tests, (QSet<QByteArray>{"T", "OTHER"}));
    QCOMPARE(outcome.score, 2.5);
}

void TestRuleScan::lateHitsReachTheMetas()
{
    const Outcome outcome = judge("header LATE_HIT eval:value_of('0')\ntflags LATE_HIT net\n"
                                  "score LATE_HIT 0 1 0 1\nmeta T LATE_HIT\nscore T 1\n",
                                  withNetwork());
    QCOMPARE(outcome.tests, (QSet<QByteArray>{"LATE_HIT", "T"}));
}

void TestRuleScan::reputationSeesWhatLookupsSaid()
{
    const Outcome outcome = judge(
        "header SUM eval:score_so_far()\npriority SUM 1000\ntflags SUM userconf noautolearn\n"
        "header LATE_HIT eval:value_of('0')\ntflags LATE_HIT net\nscore LATE_HIT 0 2 0 2\n"
        "meta T LATE_HIT\nscore T 1\nmeta AFTER SUM\npriority AFTER 1001\nscore AFTER 0.5\n",
        withNetwork());
    QCOMPARE(outcome.tests, (QSet<QByteArray>{"LATE_HIT", "T", "SUM", "AFTER"}));
    QCOMPARE(outcome.score, 6.5);
}

void TestRuleScan::capturedTextFillsTemplates()
{
    const Outcome outcome = judge("header __CATCH From:addr =~ /^(?<WHO>\\w+)\\@/\n"
                                  "header T From:name =~ /^%{WHO}$/i\nscore T 1\n");
    QVERIFY(outcome.tests.contains("T"));
}

void TestRuleScan::aMissingCaptureStopsTheTest()
{
    const Outcome outcome = judge("header __CATCH From:addr =~ /^(?<WHO>\\d+)\\@/\n"
                                  "header T From:name !~ /^%{WHO}$/i\nscore T 1\n");
    QVERIFY(outcome.tests.isEmpty());
}

void TestRuleScan::unknownFunctionsAreNamed()
{
    const auto rules = std::make_shared<const RuleSet>(
        readRuleText("header T eval:no_such_thing()\nscore T 2\n"));
    const auto compiled = CompiledRules::compile(rules, {}, {});
    const auto &problems = compiled->problems();
    QVERIFY(std::any_of(problems.begin(), problems.end(), [](const Problem &problem) {
        return problem.subject == "no_such_thing" && problem.reason.contains("2.00 points");
    }));
}

void TestRuleScan::refusedPatternsAreNamed()
{
    const auto rules = std::make_shared<const RuleSet>(
        readRuleText("body T /(?{ die })x/\nscore T 2\nbody U /pills/\n"));
    const auto compiled = CompiledRules::compile(rules, {}, {});
    const bool isNamed = std::any_of(compiled->problems().begin(), compiled->problems().end(),
                                     [](const Problem &problem) { return problem.subject == "T"; })
                         || std::any_of(
                             rules->problems.begin(), rules->problems.end(),
                             [](const Problem &problem) { return problem.subject == "T"; });
    QVERIFY(isNamed);
}

void TestRuleScan::theTimeLimitEndsTheScan()
{
    QByteArray rules = "header SLOW eval:past_deadline()\npriority SLOW -10\n";
    for (int i = 0; i < 200; ++i) {
        rules += "header T" + QByteArray::number(i) + " eval:value_of('0')\npriority T"
                 + QByteArray::number(i) + " -5\n";
    }
    rules += "body LAST /pills/\n";
    const Outcome outcome = judge(rules, withTimeLimit(std::chrono::milliseconds(50)));
    QCOMPARE(outcome.tests, (QSet<QByteArray>{"TIME_LIMIT_EXCEEDED"}));
}

/// The scores are those that SpamAssassin 4.0.1 gives for the same rules.
void TestRuleScan::shortCircuitEndsTheScan_data()
{
    QTest::addColumn<QByteArray>("lines");
    QTest::addColumn<QSet<QByteArray>>("tests");
    QTest::addColumn<double>("score");
    using Tests = QSet<QByteArray>;
    const Tests early{"EARLY", "SHORTCIRCUIT"};
    const Tests all{"EARLY", "SAME", "LAST", "LATE_HIT"};
    QTest::newRow("spam") << QByteArray("shortcircuit EARLY spam") << early << 101.0;
    QTest::newRow("its points for spam")
        << QByteArray("shortcircuit EARLY spam\nshortcircuit_spam_score 7") << early << 8.0;
    QTest::newRow("ham") << QByteArray("shortcircuit EARLY ham") << early << -99.0;
    QTest::newRow("its points for ham")
        << QByteArray("shortcircuit EARLY ham\nshortcircuit_ham_score -3") << early << -2.0;
    QTest::newRow("on keeps the points")
        << QByteArray("shortcircuit EARLY on\npriority EARLY -200") << early << 1.0001;
    QTest::newRow("on keeps the place")
        << QByteArray("shortcircuit EARLY on") << Tests{"EARLY", "SAME", "SHORTCIRCUIT"} << 3.0001;
    QTest::newRow("off") << QByteArray("shortcircuit EARLY spam\nshortcircuit EARLY off") << all
                         << 8.0;
    QTest::newRow("none of it without hit")
        << QByteArray("body ABSENT /not there/\nshortcircuit ABSENT spam") << all << 8.0;
    QTest::newRow("a sum above") << QByteArray("priority EARLY -5\nshortcircuit_max_spam_score 0.5")
                                 << Tests{"EARLY", "SAME", "SHORTCIRCUIT"} << 3.001;
    QTest::newRow("a sum below") << QByteArray(
        "priority EARLY -5\nscore EARLY -9\nshortcircuit_min_ham_score -8")
                                 << Tests{"EARLY", "SAME", "SHORTCIRCUIT"} << -7.001;
    QTest::newRow("sums within") << QByteArray("shortcircuit_max_spam_score 100") << all << 8.0;
}

void TestRuleScan::shortCircuitEndsTheScan()
{
    QFETCH(QByteArray, lines);
    const Outcome outcome = judge("loadplugin Mail::SpamAssassin::Plugin::Shortcircuit\n"
                                  "body EARLY /pills/\nscore EARLY 1\n"
                                  "body SAME /watches/\nscore SAME 2\n"
                                  "body LAST /watches/\nscore LAST 4\npriority LAST 5\n"
                                  "meta LATE_HIT 0\nscore LATE_HIT 1\n"
                                  + lines + '\n');
    QTEST(outcome.tests, "tests");
    QFETCH(double, score);
    QVERIFY2(std::abs(outcome.score - score) < 1e-6, QByteArray::number(outcome.score).constData());
}

void TestRuleScan::explanationsNameThePlace()
{
    const auto rules = std::make_shared<const RuleSet>(
        readRuleText("body T /cheap watches/\nmeta M T\nscore M 1\n"));
    const auto compiled = CompiledRules::compile(rules, {}, {});
    MessageText text(mail::Content(message), compiled->textSettings(), compiled->domains());
    const mail::Envelope envelope;
    const mail::Client client;
    const SpamContext context{mail::Direction::In, envelope, client};
    RuleScan scan(*compiled, text, context);
    scan.run();
    const auto evidence = scan.explain("T");
    QCOMPARE(evidence.size(), size_t(1));
    QCOMPARE(evidence[0].view, QByteArray("body"));
    QCOMPARE(evidence[0].line, qsizetype(1));
    QCOMPARE(evidence[0].text, QByteArray("cheap watches"));
    QCOMPARE(scan.explain("M").at(1).text, QByteArray("T = 1"));
}

QTEST_GUILESS_MAIN(TestRuleScan)
#include "TestRuleScan.moc"
