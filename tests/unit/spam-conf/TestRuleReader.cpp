// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleReader.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

namespace portcullis::spam {

namespace {

const QByteArray twoTests = "body GOOD /good/\nscore GOOD 2\n";

QByteArray reasons(const RuleSet &rules)
{
    QByteArray text;
    for (const Problem &problem : rules.problems) {
        text += problem.origin.file + ':' + QByteArray::number(problem.origin.line) + ' '
                + problem.subject + ": " + problem.reason + '\n';
    }
    return text;
}

/// The steps of a meta, written out: "A B && 2 >".
QByteArray stepsOf(const RuleSet &rules, const QByteArray &name)
{
    static constexpr const char *names[] = {"",   "",  "!",  "neg", "+",  "-", "*",  "/",  "<",
                                            "<=", ">", ">=", "==",  "!=", "^", "&&", "||", "?:"};
    QByteArray text;
    for (const MetaTest::Step &step : std::get<MetaTest>(rules.find(name)->body).steps) {
        text += text.isEmpty() ? "" : " ";
        if (step.operation == MetaTest::Operation::Number) {
            text += QByteArray::number(step.number);
        } else if (step.operation == MetaTest::Operation::Test) {
            text += step.name;
        } else {
            text += names[static_cast<size_t>(step.operation)];
        }
    }
    return text;
}

void writeFile(const QString &path, const QByteArray &text)
{
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    QCOMPARE(file.write(text), text.size());
}

}  // namespace

class TestRuleReader : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void brokenLinesTakeNothingElseAway_data();
    void brokenLinesTakeNothingElseAway();
    void readsMetas_data();
    void readsMetas();
    void conditionsDecideWhatIsRead_data();
    void conditionsDecideWhatIsRead();
    void takesBackDirectives_data();
    void takesBackDirectives();
    void resolvesScores_data();
    void resolvesScores();
    void readsEvalArguments_data();
    void readsEvalArguments();
    void readsFilesInOrder();
    void aSiteFolderMayBeMissing();
    void readsWhatSaUpdateDownloads();
    void sameFileIncludedByItselfEnds();
    void circlesOfMetasNeverHit();
    void marksChangeWithFiles();
    void boundsAreKept();
    void redefinitionKeepsWhatOthersSaid();
};

void TestRuleReader::brokenLinesTakeNothingElseAway_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<QByteArray>("reason");
    QTest::newRow("unknown directive") << QByteArray("frobnicate 1") << QByteArray("no such");
    QTest::newRow("regex without end") << QByteArray("body GOOD /x") << QByteArray("end with");
    QTest::newRow("regex without delimiters")
        << QByteArray("body GOOD x") << QByteArray("delimiter");
    QTest::newRow("broken regex") << QByteArray("body GOOD /(x/") << QByteArray("invalid regex");
    QTest::newRow("code in a regex") << QByteArray("body GOOD /(?{ exit })/") << QByteArray("code");
    QTest::newRow("unknown modifier") << QByteArray("body GOOD /x/g") << QByteArray("modifier");
    QTest::newRow("bare delimiter") << QByteArray("body GOOD /a/b/") << QByteArray("unquoted");
    QTest::newRow("header without operator")
        << QByteArray("header GOOD Subject /x/") << QByteArray("'=~'");
    QTest::newRow("unknown modifier of a header")
        << QByteArray("header GOOD From:adr =~ /x/") << QByteArray("modifier");
    QTest::newRow("meta with a hole") << QByteArray("meta GOOD A && ") << QByteArray("missing");
    QTest::newRow("meta with a signed number")
        << QByteArray("meta GOOD A +1 > 1") << QByteArray("space");
    QTest::newRow("meta with Perl in it") << QByteArray("meta GOOD $x{1}") << QByteArray("allowed");
    QTest::newRow("chained comparison") << QByteArray("meta GOOD A > B > C") << QByteArray("chain");
    QTest::newRow("three scores") << QByteArray("score GOOD 1 2 3") << QByteArray("one or four");
    QTest::newRow("a word for a score")
        << QByteArray("score GOOD high") << QByteArray("not a score");
    QTest::newRow("relative score of nothing")
        << QByteArray("score OTHER (1)") << QByteArray("before it");
    QTest::newRow("bad name") << QByteArray("body 1BAD /x/") << QByteArray("name");
    QTest::newRow("line ends") << QByteArray("body GOOD") << QByteArray("early");
    QTest::newRow("broken call") << QByteArray("body GOOD eval:check_x(a_b)") << QByteArray("call");
    QTest::newRow("open condition") << QByteArray("if (1)") << QByteArray("closed");
    QTest::newRow("condition without sense") << QByteArray("if (foo)\nendif") << QByteArray("foo");
    QTest::newRow("condition in too many parentheses")
        << "if " + QByteArray(100'000, '(') + "1\nendif" << QByteArray("too deep");
    QTest::newRow("condition with too many negations")
        << "if " + QByteArray(100'000, '!') + "1\nendif" << QByteArray("too deep");
    QTest::newRow("meta in too many parentheses")
        << "meta GOOD " + QByteArray(100'000, '(') + "1" << QByteArray("too deep");
    QTest::newRow("meta with too many choices")
        << "meta GOOD " + QByteArray("1?").repeated(50'000) << QByteArray("too deep");
    QTest::newRow("endif alone") << QByteArray("endif") << QByteArray("no 'if'");
    QTest::newRow("switch that is none")
        << QByteArray("use_bayes maybe") << QByteArray("valid value");
    QTest::newRow("record type") << QByteArray("askdns DNS x.example FOO") << QByteArray("record");
    QTest::newRow("other version") << QByteArray("require_version 3.4") << QByteArray("version");
    QTest::newRow("file that is missing")
        << QByteArray("include /nowhere/x.cf") << QByteArray("read");
}

void TestRuleReader::brokenLinesTakeNothingElseAway()
{
    QFETCH(QByteArray, line);
    QFETCH(QByteArray, reason);
    const RuleSet rules = readRuleText(twoTests + line + '\n');
    QVERIFY(rules.hasErrors());
    QVERIFY2(reasons(rules).contains(reason), reasons(rules).constData());
    QVERIFY2(reasons(rules).startsWith("(text):3 "), reasons(rules).constData());
    const Test *good = rules.find("GOOD");
    QVERIFY(good);
    QCOMPARE(good->kind, TestKind::Body);
    QCOMPARE(std::get<TextTest>(good->body).regex.source, QByteArray("good"));
    QCOMPARE(good->scores[0], 2.0);
}

void TestRuleReader::readsMetas_data()
{
    QTest::addColumn<QByteArray>("expression");
    QTest::addColumn<QByteArray>("steps");
    QTest::newRow("and binds closer than or")
        << QByteArray("A || B && C") << QByteArray("A B C && ||");
    QTest::newRow("not binds closest") << QByteArray("!A + B > 1") << QByteArray("A ! B + 1 >");
    QTest::newRow("products before sums") << QByteArray("A + B * 2") << QByteArray("A B 2 * +");
    QTest::newRow("left to right") << QByteArray("A - B - C") << QByteArray("A B - C -");
    QTest::newRow("choice") << QByteArray("A ? B : C ? D : 0") << QByteArray("A B C D 0 ?: ?:");
    QTest::newRow("without spaces") << QByteArray("(A&&!(B||C))") << QByteArray("A B C || ! &&");
    QTest::newRow("exclusive or") << QByteArray("A ^ B == C") << QByteArray("A B C == ^");
    QTest::newRow("declaration only") << QByteArray("( )") << QByteArray("0");
    QTest::newRow("all that match")
        << QByteArray("rules_matching(__M_*) >= 2") << QByteArray("__M_1 __M_2 + 2 >=");
    QTest::newRow("none matches") << QByteArray("rules_matching(NONE_?)") << QByteArray("0");
}

void TestRuleReader::readsMetas()
{
    QFETCH(QByteArray, expression);
    QFETCH(QByteArray, steps);
    const RuleSet rules = readRuleText("body __M_1 /a/\nbody __M_2 /b/\nmeta X " + expression
                                       + '\n');
    QVERIFY2(rules.problems.empty(), reasons(rules).constData());
    QCOMPARE(stepsOf(rules, "X"), steps);
}

void TestRuleReader::conditionsDecideWhatIsRead_data()
{
    QTest::addColumn<QByteArray>("condition");
    QTest::addColumn<bool>("isTrue");
    QTest::newRow("version") << QByteArray("if (version >= 3.004002)") << true;
    QTest::newRow("later version") << QByteArray("if version > 4.000001") << false;
    QTest::newRow("plugin") << QByteArray("ifplugin Mail::SpamAssassin::Plugin::FreeMail") << true;
    QTest::newRow("old name of a plugin")
        << QByteArray("ifplugin Mail::SpamAssassin::Plugin::Dmarc") << true;
    QTest::newRow("plugin not loaded")
        << QByteArray("ifplugin Mail::SpamAssassin::Plugin::DCC") << false;
    QTest::newRow("not") << QByteArray("if !plugin(Mail::SpamAssassin::Plugin::DCC)") << true;
    QTest::newRow("ability") << QByteArray("if can(Mail::SpamAssassin::Conf::feature_bug6558_free)")
                             << true;
    QTest::newRow("ability of a plugin that is not loaded")
        << QByteArray("if can(Mail::SpamAssassin::Plugin::ASN::has_check_asn)") << false;
    QTest::newRow("and, or") << QByteArray(
        "if (version < 3 || (version >= 4 && !(perl_version < 5)))")
                             << true;
    QTest::newRow("broken is false") << QByteArray("if (version >= )") << false;
}

void TestRuleReader::conditionsDecideWhatIsRead()
{
    QFETCH(QByteArray, condition);
    QFETCH(bool, isTrue);
    const RuleSet rules = readRuleText(
        condition + "\nbody YES /x/\nelse\nbody NO /x/\nendif\nbody AFTER /x/\n");
    QCOMPARE(rules.find("YES") != nullptr, isTrue);
    QCOMPARE(rules.find("NO") != nullptr, !isTrue);
    QVERIFY(rules.find("AFTER"));
}

void TestRuleReader::takesBackDirectives_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QByteArray>("left");
    QTest::newRow("old spelling") << QByteArray("whitelist_from a@x b@x")
                                  << QByteArray("welcomelist_from") << QByteArray("a@x b@x");
    QTest::newRow("one of a list") << QByteArray("welcomelist_from a@x b@x\nunwhitelist_from A@x")
                                   << QByteArray("welcomelist_from") << QByteArray("b@x");
    QTest::newRow("all of a list") << QByteArray("trusted_networks 10/8\nclear_trusted_networks")
                                   << QByteArray("trusted_networks") << QByteArray();
    QTest::newRow("again after clearing")
        << QByteArray(
               "trusted_networks 10/8\nclear-trusted-networks\ntrusted_networks 192.0.2.0/24")
        << QByteArray("trusted_networks") << QByteArray("192.0.2.0/24");
    QTest::newRow("received list") << QByteArray(
        "whitelist_from_rcvd a@x h\nwhitelist_from_rcvd b@x h\nunwhitelist_from_rcvd a@x")
                                   << QByteArray("welcomelist_from_rcvd") << QByteArray("b@x h");
    QTest::newRow("signed list") << QByteArray(
        "whitelist_from_dkim a@x d\nwhitelist_from_dkim a@x e\nunwhitelist_from_dkim a@x d")
                                 << QByteArray("welcomelist_from_dkim") << QByteArray("a@x e");
    QTest::newRow("hosts of a list")
        << QByteArray("blacklist_uri_host a.example b.example\ndelist_uri_host (BLOCK) a.example")
        << QByteArray("enlist_uri_host") << QByteArray("(BLOCK) b.example");
    QTest::newRow("hosts of another list stay")
        << QByteArray("enlist_uri_host (X) a.example\ndelist_uri_host (Y) a.example")
        << QByteArray("enlist_uri_host") << QByteArray("(X) a.example");
    QTest::newRow("skipped domains")
        << QByteArray(
               "uridnsbl_skip_domain a.example b.example\nclear_uridnsbl_skip_domain b.example")
        << QByteArray("uridnsbl_skip_domain") << QByteArray("a.example");
}

void TestRuleReader::takesBackDirectives()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, name);
    QFETCH(QByteArray, left);
    const RuleSet rules = readRuleText("body X /x/\n" + text + '\n');
    QVERIFY2(rules.problems.empty(), reasons(rules).constData());
    QByteArray values;
    for (const Directive &directive : rules.directive(name)) {
        values += (values.isEmpty() ? "" : "; ") + directive.value;
    }
    QCOMPARE(values, left);
}

void TestRuleReader::resolvesScores_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QList<double>>("scores");
    QTest::addColumn<QList<bool>>("active");
    const QList<bool> always{true, true, true, true};
    QTest::newRow("nothing said") << QByteArray("body X /x/") << QByteArray("X")
                                  << QList<double>{1, 1, 1, 1} << always;
    QTest::newRow("on trial") << QByteArray("body T_X /x/") << QByteArray("T_X")
                              << QList<double>{0.01, 0.01, 0.01, 0.01} << always;
    QTest::newRow("nice") << QByteArray("body X /x/\ntflags X nice") << QByteArray("X")
                          << QList<double>{-1, -1, -1, -1} << always;
    QTest::newRow("sub-rule") << QByteArray("body __X /x/\nscore __X 3") << QByteArray("__X")
                              << QList<double>{0, 0, 0, 0} << always;
    QTest::newRow("sub-rule switched off")
        << QByteArray("body __X /x/\nscore __X 0") << QByteArray("__X") << QList<double>{0, 0, 0, 0}
        << QList<bool>{false, false, false, false};
    QTest::newRow("four") << QByteArray("score X 1 0 -2.5 3\nbody X /x/") << QByteArray("X")
                          << QList<double>{1, 0, -2.5, 3} << QList<bool>{true, false, true, true};
    QTest::newRow("relative") << QByteArray("body X /x/\nscore X 1 2 3 4\nscore X (0.5)")
                              << QByteArray("X") << QList<double>{1.5, 2.5, 3.5, 4.5} << always;
    QTest::newRow("eval of the network")
        << QByteArray("header X eval:check_for_spf_pass()\ntflags X net") << QByteArray("X")
        << QList<double>{1, 1, 1, 1} << QList<bool>{false, true, false, true};
    QTest::newRow("eval of Bayes")
        << QByteArray("body X eval:check_bayes('0.5', '1')\ntflags X learn") << QByteArray("X")
        << QList<double>{1, 1, 1, 1} << QList<bool>{false, false, true, true};
    QTest::newRow("meta flagged net runs")
        << QByteArray("meta X A\ntflags X net") << QByteArray("X") << QList<double>{1, 1, 1, 1}
        << always;
}

void TestRuleReader::resolvesScores()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, name);
    QFETCH(QList<double>, scores);
    QFETCH(QList<bool>, active);
    const RuleSet rules = readRuleText(text + '\n');
    const Test *test = rules.find(name);
    QVERIFY(test);
    for (int set = 0; set < scoreSets; ++set) {
        QCOMPARE(test->scores[static_cast<size_t>(set)], scores[set]);
        QCOMPARE(test->isActive[static_cast<size_t>(set)], active[set]);
    }
}

void TestRuleReader::readsEvalArguments_data()
{
    QTest::addColumn<QByteArray>("call");
    QTest::addColumn<QList<QByteArray>>("arguments");
    QTest::newRow("none") << QByteArray("f()") << QList<QByteArray>{};
    QTest::newRow("space") << QByteArray("f( )") << QList<QByteArray>{};
    QTest::newRow("bare words") << QByteArray("f(0.5, -1 , example.org,::1)")
                                << QList<QByteArray>{"0.5", "-1", "example.org", "::1"};
    QTest::newRow("quotes") << QByteArray(R"(f('a b', "c'd", ''))")
                            << QList<QByteArray>{"a b", "c'd", ""};
    QTest::newRow("quote within") << QByteArray("f('it's', 2)") << QList<QByteArray>{"it's", "2"};
    QTest::newRow("parentheses within")
        << QByteArray("f('(?:a|b),c')") << QList<QByteArray>{"(?:a|b),c"};
}

void TestRuleReader::readsEvalArguments()
{
    QFETCH(QByteArray, call);
    QFETCH(QList<QByteArray>, arguments);
    const RuleSet rules = readRuleText("body X eval:" + call + '\n');
    QVERIFY2(rules.problems.empty(), reasons(rules).constData());
    const auto &parsed = std::get<EvalCall>(rules.find("X")->body);
    QCOMPARE(parsed.function, QByteArray("f"));
    QCOMPARE(QList<QByteArray>(parsed.arguments.begin(), parsed.arguments.end()), arguments);
}

void TestRuleReader::readsFilesInOrder()
{
    QTemporaryDir folder;
    const QDir root(folder.path());
    QVERIFY(root.mkpath(QStringLiteral("stock")) && root.mkpath(QStringLiteral("site/more"))
            && root.mkpath(QStringLiteral("updates")));
    const auto path = [&root](const char *name) {
        return root.filePath(QString::fromLatin1(name));
    };
    writeFile(path("stock/10_a.cf"), "body A /stock/\n");
    writeFile(path("site/init.pre"), "loadplugin Mail::SpamAssassin::Plugin::FreeMail\n");
    writeFile(path("site/custom-scores.cf"), "score A 9\n");
    writeFile(path("site/local.cf"), "score A 1\ninclude more/x.cf\n");
    writeFile(path("site/custom.cf"), "score A 5\nscore B 7\n");
    writeFile(path("site/more/x.cf"),
              "ifplugin Mail::SpamAssassin::Plugin::FreeMail\nbody B /b/\nendif");
    RuleSources sources;
    sources.stock = path("stock");
    sources.site = path("site");
    sources.updates = path("none");
    const RuleSet rules = readRules(sources);
    QVERIFY2(rules.problems.empty(), reasons(rules).constData());
    QCOMPARE(rules.find("A")->scores[0], 9.0);
    QCOMPARE(rules.find("B")->scores[0], 7.0);

    // sa-update's directory takes the place of the stock one.
    writeFile(path("updates/u.cf"), "body C /c/\n");
    sources.updates = path("updates");
    sources.extraText = "score C 3\n";
    const RuleSet updated = readRules(sources);
    QVERIFY(!updated.find("A"));
    QCOMPARE(updated.find("C")->scores[0], 3.0);
}

void TestRuleReader::aSiteFolderMayBeMissing()
{
    QTemporaryDir folder;
    writeFile(folder.filePath(QStringLiteral("10_a.cf")), "body A /stock/\n");
    RuleSources sources;
    sources.stock = folder.path();
    sources.site = folder.filePath(QStringLiteral("none"));
    const RuleSet rules = readRules(sources);
    QVERIFY2(rules.problems.empty(), reasons(rules).constData());
    sources.needsSite = true;
    QCOMPARE(readRules(sources).problems.size(), size_t(1));
}

void TestRuleReader::readsWhatSaUpdateDownloads()
{
    QTemporaryDir folder;
    const QDir root(folder.path());
    QVERIFY(root.mkpath(QStringLiteral("site")) && root.mkpath(QStringLiteral("u/kam"))
            && root.mkpath(QStringLiteral("u/updates_spamassassin_org")));
    const auto path = [&root](const char *name) {
        return root.filePath(QString::fromLatin1(name));
    };
    // The official channel is read before others, whatever their names.
    writeFile(path("u/kam.cf"), "# UPDATE version 2\ninclude kam/kam.cf\n");
    writeFile(path("u/kam/kam.cf"), "score A 8\n");
    writeFile(path("u/updates_spamassassin_org.cf"),
              "# UPDATE version 1900000\ninclude updates_spamassassin_org/10_a.cf\n");
    writeFile(path("u/updates_spamassassin_org/10_a.cf"),
              "require_version 4.000001\nbody A /a/\nscore A 2\n");
    RuleSources sources;
    sources.updates = path("u");
    sources.site = path("site");
    const RuleSet rules = readRules(sources);
    QVERIFY2(rules.problems.empty(), reasons(rules).constData());
    QCOMPARE(rules.tests.size(), size_t(1));
    QCOMPARE(rules.find("A")->scores[0], 8.0);
    QCOMPARE(rules.updateVersion, QByteArray("1900000"));

    const auto before = markRuleFiles(sources);
    writeFile(path("u/kam/kam.cf"), "score A 88\n");
    QVERIFY(markRuleFiles(sources) != before);
}

void TestRuleReader::sameFileIncludedByItselfEnds()
{
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("a.cf"));
    writeFile(path, "include a.cf\nbody A /a/\n");
    RuleSources sources;
    sources.stock = folder.path();
    sources.updates.clear();
    sources.site = folder.path();
    const RuleSet rules = readRules(sources);
    QCOMPARE(rules.tests.size(), size_t(1));
    QCOMPARE(rules.files.size(), size_t(1));
}

void TestRuleReader::circlesOfMetasNeverHit()
{
    const RuleSet rules = readRuleText(
        "meta A B\nmeta B C\nmeta C A || D\nbody D /d/\nmeta E A + D\n");
    for (const char *name : {"A", "B", "C", "E"}) {
        QCOMPARE(stepsOf(rules, name), QByteArray("0"));
    }
    QCOMPARE(rules.problems.size(), size_t(4));
}

void TestRuleReader::marksChangeWithFiles()
{
    QTemporaryDir folder;
    RuleSources sources;
    sources.stock = folder.path();
    sources.updates = folder.filePath(QStringLiteral("none"));
    sources.site = folder.path();
    writeFile(folder.filePath(QStringLiteral("a.cf")), "body A /a/\n");
    const auto before = markRuleFiles(sources);
    QVERIFY(markRuleFiles(sources) == before);
    writeFile(folder.filePath(QStringLiteral("a.cf")), "body A /ab/\n");
    QVERIFY(markRuleFiles(sources) != before);
    const auto then = markRuleFiles(sources);
    writeFile(folder.filePath(QStringLiteral("b.cf")), "");
    QVERIFY(markRuleFiles(sources) != then);
}

void TestRuleReader::boundsAreKept()
{
    RuleLimits limits;
    limits.tests = 1;
    limits.lineBytes = 40;
    limits.problems = 2;
    limits.metaDepth = 5;
    const RuleSet rules = readRuleText("body A /a/\nbody B /b/\nbody A /" + QByteArray(60, 'x')
                                           + "/\nmeta A ((((((((1))))))))\nmeta A (1\n",
                                       limits);
    QCOMPARE(rules.tests.size(), size_t(1));
    QCOMPARE(rules.problems.size(), size_t(2));
    QVERIFY2(reasons(rules).contains("2 more"), reasons(rules).constData());
}

void TestRuleReader::redefinitionKeepsWhatOthersSaid()
{
    const RuleSet rules = readRuleText("body A /a/\ndescribe A words # no words\nscore A 4\n"
                                       "tflags A multiple maxhits=3\npriority A -7\n"
                                       "header A Subject =~ /\\#{,3}b/i [if-unset: none]\n");
    QVERIFY2(rules.problems.empty(), reasons(rules).constData());
    const Test &test = *rules.find("A");
    QCOMPARE(test.kind, TestKind::Header);
    const auto &header = std::get<HeaderTest>(test.body);
    QCOMPARE(header.regex.source, QByteArray("#{0,3}b"));
    QCOMPARE(header.ifUnset.value_or(QByteArray()), QByteArray("none"));
    QCOMPARE(test.description, QByteArray("words"));
    QCOMPARE(test.scores[3], 4.0);
    QCOMPARE(test.maxHits, 3);
    QCOMPARE(test.priority, -7);
    QCOMPARE(test.origin.line, 6);
}

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestRuleReader)
#include "TestRuleReader.moc"
