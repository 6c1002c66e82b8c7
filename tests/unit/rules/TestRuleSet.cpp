// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/rules/FakeMail.h"

#include <QtCore/QJsonArray>
#include <QtTest/QtTest>

namespace portcullis::rules {

class TestRuleSet final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void whoObjects_data();
    void whoObjects();
    void timeFrames_data();
    void timeFrames();
    void whatObjects_data();
    void whatObjects();
    void c3NamesMatchInEveryReading_data();
    void c3NamesMatchInEveryReading();
    void rulesByPriorityThenNewest();
    void finalActionEndsTheWayOfItsRecipients();
    void actionsRunInOrderUpToTheFirstFinal();
    void directionDecides();
    void emptyCategoryMatchesButEmptyGroupDoesNot();
    void spamTestRunsOnceAndOnlyIfNeeded();
    void failingSpamTestFailsTheEvaluation();
    void recipientListsOverrideSpamLevels();
    void stripsOnlyFieldsOfActiveRules();
    void directoryFailureIsReported();
    void c7HitLimitIsReportedAndCountsAsUnscannable();
    void factoryRulesOnCommonMails_data();
    void factoryRulesOnCommonMails();
    void explainsEveryRule();
    void largeListsMatch();
    void costOfPlainMail();

private:
    static bool evaluatesToMatch(const Object &object,
                                 GroupClass groupClass,
                                 Category category,
                                 FakeMail &mail,
                                 MatchedParts *parts = nullptr);
};

bool TestRuleSet::evaluatesToMatch(const Object &object,
                                   GroupClass groupClass,
                                   Category category,
                                   FakeMail &mail,
                                   MatchedParts *parts)
{
    DocumentMaker maker;
    const int group = maker.group(groupClass, {object});
    const int block = maker.action(ObjectType::Block);
    Rule &rule = maker.rule(50);
    rule.groupsOf(category) = {group};
    rule.groupsOf(Category::Action) = {block};
    const auto result = maker.compile()->evaluate(mail);
    if (!result) {
        return false;
    }
    if (parts != nullptr && !result->rules.empty()) {
        *parts = result->rules.front().parts;
    }
    return !result->rules.empty();
}

void TestRuleSet::whoObjects_data()
{
    QTest::addColumn<int>("type");
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("sender");
    QTest::addColumn<QString>("client");
    QTest::addColumn<bool>("expected");
    const auto row = [](const char *name, int type, const char *key, const char *value,
                        const char *sender, const char *client, bool expected) {
        QTest::newRow(name) << type << QString::fromUtf8(key) << QString::fromUtf8(value)
                            << QString::fromUtf8(sender) << QString::fromUtf8(client) << expected;
    };
    row("address equal", 1001, "email", "Anna@Example.org", "aNNa@example.ORG", "192.0.2.1", true);
    row("address other", 1001, "email", "anna@example.org", "anna2@example.org", "192.0.2.1",
        false);
    row("domain equal", 1002, "domain", "EXAMPLE.org", "x@Example.org", "192.0.2.1", true);
    row("domain without sub-domains", 1002, "domain", "example.org", "x@a.example.org", "192.0.2.1",
        false);
    row("domain is no suffix", 1002, "domain", "ample.org", "x@example.org", "192.0.2.1", false);
    row("regex whole address", 1000, "regex", ".*@example\\.org", "x@example.org", "192.0.2.1",
        true);
    row("regex anchored", 1000, "regex", "x@example\\.org", "ax@example.org", "192.0.2.1", false);
    row("regex ignores case", 1000, "regex", "X@EXAMPLE\\.ORG", "x@example.org", "192.0.2.1", true);
    row("regex on the null reverse-path", 1000, "regex", "", "", "192.0.2.1", true);
    row("null reverse-path is no address", 1002, "domain", "example.org", "", "192.0.2.1", false);
    row("ip equal", 1003, "ip", "192.0.2.1", "x@y.example", "192.0.2.1", true);
    row("ip other", 1003, "ip", "192.0.2.1", "x@y.example", "192.0.2.10", false);
    row("ip in IPv6 clothes", 1003, "ip", "192.0.2.1", "x@y.example", "::ffff:192.0.2.1", true);
    row("ip v6 in another spelling", 1003, "ip", "2001:DB8::1", "x@y.example", "2001:db8:0:0::1",
        true);
    row("network v4", 1004, "cidr", "192.0.2.0/24", "x@y.example", "192.0.2.200", true);
    row("network v4 outside", 1004, "cidr", "192.0.2.0/25", "x@y.example", "192.0.2.200", false);
    row("network v6", 1004, "cidr", "2001:db8::/32", "x@y.example", "2001:db8:5::1", true);
    row("network of the other family", 1004, "cidr", "2001:db8::/32", "x@y.example", "192.0.2.1",
        false);
}

void TestRuleSet::whoObjects()
{
    QFETCH(int, type);
    QFETCH(QString, key);
    QFETCH(QString, value);
    QFETCH(QString, sender);
    QFETCH(QString, client);
    QFETCH(bool, expected);
    if (value.isEmpty()) {
        value = QStringLiteral("^$");
    }
    FakeMail mail;
    mail.from(sender.toUtf8().constData());
    mail.m_client = QHostAddress(client);
    const Object object{0, static_cast<ObjectType>(type), {{key, value}}};
    QCOMPARE(evaluatesToMatch(object, GroupClass::Who, Category::From, mail), expected);
    // As recipient: the same for addresses, never for clients.
    if (!sender.isEmpty()) {
        mail.from("other@elsewhere.example").to({sender.toUtf8().constData()});
        const bool isClientObject = type == 1003 || type == 1004;
        QCOMPARE(evaluatesToMatch(object, GroupClass::Who, Category::To, mail),
                 expected && !isClientObject);
    }
}

void TestRuleSet::timeFrames_data()
{
    QTest::addColumn<QString>("start");
    QTest::addColumn<QString>("end");
    QTest::addColumn<QTime>("now");
    QTest::addColumn<bool>("expected");
    QTest::newRow("inside") << QStringLiteral("08:00") << QStringLiteral("16:00") << QTime(12, 0)
                            << true;
    QTest::newRow("start is inclusive")
        << QStringLiteral("8:00") << QStringLiteral("16:00") << QTime(8, 0) << true;
    QTest::newRow("end is inclusive")
        << QStringLiteral("08:00") << QStringLiteral("16:00") << QTime(16, 0, 59) << true;
    QTest::newRow("before") << QStringLiteral("08:00") << QStringLiteral("16:00")
                            << QTime(7, 59, 59) << false;
    QTest::newRow("after") << QStringLiteral("08:00") << QStringLiteral("16:00") << QTime(16, 1)
                           << false;
    QTest::newRow("over midnight, late")
        << QStringLiteral("22:00") << QStringLiteral("06:00") << QTime(23, 30) << true;
    QTest::newRow("over midnight, early")
        << QStringLiteral("22:00") << QStringLiteral("06:00") << QTime(5, 0) << true;
    QTest::newRow("over midnight, outside")
        << QStringLiteral("22:00") << QStringLiteral("06:00") << QTime(12, 0) << false;
    QTest::newRow("whole day") << QStringLiteral("00:00") << QStringLiteral("24:00")
                               << QTime(23, 59, 59) << true;
}

void TestRuleSet::timeFrames()
{
    QFETCH(QString, start);
    QFETCH(QString, end);
    QFETCH(QTime, now);
    QFETCH(bool, expected);
    FakeMail mail;
    mail.m_time = now;
    const Object frame{
        0, ObjectType::TimeFrame, {{QStringLiteral("start"), start}, {QStringLiteral("end"), end}}};
    QCOMPARE(evaluatesToMatch(frame, GroupClass::When, Category::When, mail), expected);
}

void TestRuleSet::whatObjects_data()
{
    QTest::addColumn<int>("type");
    QTest::addColumn<QJsonObject>("properties");
    QTest::addColumn<bool>("isWholeMail");
    QTest::addColumn<QList<int>>("parts");
    const auto row = [](const char *name, int type, const QJsonObject &properties, bool whole,
                        const QList<int> &parts) {
        QTest::newRow(name) << type << properties << whole << parts;
    };
    const auto text = [](const char *key, const char *value) {
        return QJsonObject{{QString::fromLatin1(key), QString::fromLatin1(value)}};
    };
    const auto field = [](const char *name, const char *value, bool top) {
        return QJsonObject{{QStringLiteral("field"), QString::fromLatin1(name)},
                           {QStringLiteral("value"), QString::fromLatin1(value)},
                           {QStringLiteral("top-part-only"), top}};
    };
    const auto content = [](const char *pattern) {
        return QJsonObject{{QStringLiteral("contenttype"), QString::fromLatin1(pattern)},
                           {QStringLiteral("only-content"), true}};
    };
    // The mail of whatObjects(): 1 top, 2 text, 3 photo.jpg that is an executable, 4 an archive.
    row("spam level reached", 3000, {{QStringLiteral("spamlevel"), 5}}, true, {});
    row("spam level not reached", 3000, {{QStringLiteral("spamlevel"), 6}}, false, {});
    row("virus", 3001, {}, true, {});
    row("top header", 3002, field("subject", "hel+o", false), true, {});
    row("part header", 3002, field("Content-Description", "^holiday$", false), false, {3});
    row("part header, but top only", 3002, field("Content-Description", "holiday", true), false,
        {});
    row("field of another name", 3002, field("Subj", "hello", false), false, {});
    row("declared type", 3003, text("contenttype", "image/jpeg"), false, {3});
    row("detected type", 3003, text("contenttype", "application/x-executable"), false, {3});
    row("type by name", 3003, text("contenttype", "application/zip"), false, {4});
    row("only content ignores what is declared", 3003, content("image/.*"), false, {});
    row("only content", 3003, content("application/x-executable"), false, {3});
    row("types are matched anywhere", 3003, text("contenttype", "x-exec"), false, {3});
    row("types are matched exactly", 3003, text("contenttype", "IMAGE/JPEG"), false, {});
    row("old type name", 3003, text("contenttype", "application/x-javascript"), false, {2});
    row("file name", 3004, text("filename", ".*\\.JPG"), false, {3});
    row("file name is anchored", 3004, text("filename", "\\.jpg"), false, {});
    row("type inside an archive", 3005, text("contenttype", "application/x-msdownload"), false,
        {4});
    row("archive filter sees parts too", 3005, text("contenttype", "image/jpeg"), false, {3});
    row("name inside an archive", 3006, text("filename", "run\\.exe"), false, {4});
    row("path inside an archive", 3006, text("filename", "inner/run\\.exe"), false, {4});
    row("archive name filter sees parts too", 3006, text("filename", "photo\\.jpg"), false, {3});
    row("plain name filter does not look inside", 3004, text("filename", ".*\\.exe"), false, {});
    row("unscannable", 3100, {}, false, {4});
    row("encrypted", 3101, {}, true, {});
    row("ambiguous", 3102, {}, false, {2});
}

void TestRuleSet::whatObjects()
{
    QFETCH(int, type);
    QFETCH(QJsonObject, properties);
    QFETCH(bool, isWholeMail);
    QFETCH(QList<int>, parts);
    FakeMail mail;
    mail.m_virus = QStringLiteral("Eicar");
    mail.m_spam = SpamFacts{5, 5.9, {}};
    mail.part("text/plain", {}, "application/javascript");
    mail.part("image/jpeg", "photo.jpg", "application/x-executable");
    mail.m_parts.back().fields = {{"content-description", "holiday"}};
    mail.part("application/octet-stream", "a.zip");
    mail.m_parts.back().nameTypes = {"application/zip"};
    mail.m_archives = std::vector<ArchiveFacts>{
        {4, {{{"inner/run.exe"}, {"application/x-msdownload"}, {}}}, true, false}};
    mail.m_states = {{MailState::Encrypted, 0, QStringLiteral("S/MIME")},
                     {MailState::Ambiguous, 2, QStringLiteral("two charsets")}};
    MatchedParts found;
    const bool isMatch = evaluatesToMatch({0, static_cast<ObjectType>(type), properties},
                                          GroupClass::What, Category::What, mail, &found);
    QCOMPARE(isMatch, isWholeMail || !parts.isEmpty());
    QCOMPARE(found.isWholeMail, isWholeMail);
    QCOMPARE(QList<int>(found.parts.begin(), found.parts.end()), parts);
}

void TestRuleSet::c3NamesMatchInEveryReading_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::newRow("plain") << QByteArray("evil.exe");
    QTest::newRow("C3 trailing dot and space") << QByteArray("evil.exe. .");
    QTest::newRow("C3 NUL") << QByteArray("evil.exe\0.txt", 13);
    QTest::newRow("C3 direction override") << QByteArray("evil\xe2\x80\xae.e\xe2\x80\x8bxe");
    QTest::newRow("C3 line end inside") << QByteArray("ev\r\nil.ex\te");
}

void TestRuleSet::c3NamesMatchInEveryReading()
{
    QFETCH(QByteArray, name);
    FakeMail mail;
    mail.part("application/octet-stream", name);
    const Object filter{
        0, ObjectType::FileName, {{QStringLiteral("filename"), QStringLiteral(".*\\.exe")}}};
    QVERIFY(evaluatesToMatch(filter, GroupClass::What, Category::What, mail));
}

void TestRuleSet::rulesByPriorityThenNewest()
{
    DocumentMaker maker;
    const int header = maker.action(ObjectType::HeaderAttribute,
                                    {{QStringLiteral("field"), QStringLiteral("X-A")},
                                     {QStringLiteral("value"), QStringLiteral("b")}});
    for (const int priority : {10, 90, 50, 90}) {
        maker.rule(priority).groupsOf(Category::Action) = {header};
    }
    FakeMail mail;
    const auto result = maker.compile()->evaluate(mail);
    QVERIFY(result);
    QList<int> ids;
    for (const MatchedRule &rule : result->rules) {
        ids << rule.id;
    }
    QCOMPARE(ids, (QList<int>{4, 2, 3, 1}));
    QCOMPARE(QList<int>(result->hits.begin(), result->hits.end()), ids);
    QVERIFY(!result->recipients[0].deciding);
    QVERIFY(
        result->ruleInfo.contains(QLatin1String("Rule: rule 4\n  Receiver: anna@example.org\n")));
}

void TestRuleSet::finalActionEndsTheWayOfItsRecipients()
{
    DocumentMaker maker;
    const int anna = maker.group(
        GroupClass::Who,
        {DocumentMaker::object(ObjectType::WhoAddress,
                               {{QStringLiteral("email"), QStringLiteral("anna@example.org")}})});
    const int block = maker.action(ObjectType::Block);
    const int accept = maker.action(ObjectType::Accept);
    Rule &first = maker.rule(90);
    first.groupsOf(Category::To) = {anna};
    first.groupsOf(Category::Action) = {block};
    maker.rule(80).groupsOf(Category::Action) = {accept};
    FakeMail mail;
    mail.to({"anna@example.org", "bob@example.org", "carl@example.org"});
    const auto result = maker.compile()->evaluate(mail);
    QVERIFY(result);
    QCOMPARE(result->rules.size(), size_t{2});
    QCOMPARE(result->rules[0].targets, std::vector<size_t>{0});
    QCOMPARE(result->rules[1].targets, (std::vector<size_t>{1, 2}));
    QCOMPARE(result->recipients[0].deciding, std::optional<size_t>(0));
    QCOMPARE(result->recipients[1].deciding, std::optional<size_t>(1));
}

void TestRuleSet::actionsRunInOrderUpToTheFirstFinal()
{
    DocumentMaker maker;
    const int accept = maker.action(ObjectType::Accept);
    const int quarantine = maker.action(ObjectType::Quarantine);
    const int notify = maker.action(ObjectType::Notification,
                                    {{QStringLiteral("to"), QStringLiteral("__ADMIN__")},
                                     {QStringLiteral("subject"), QStringLiteral("s")},
                                     {QStringLiteral("body"), QStringLiteral("b")}});
    const int header = maker.action(ObjectType::HeaderAttribute,
                                    {{QStringLiteral("field"), QStringLiteral("X-A")},
                                     {QStringLiteral("value"), QStringLiteral("b")}});
    maker.rule(50).groupsOf(Category::Action) = {accept, quarantine, notify, header};
    FakeMail mail;
    const auto result = maker.compile()->evaluate(mail);
    QVERIFY(result);
    QList<int> orders;
    for (const ActionPointer &action : result->rules[0].actions) {
        orders << action->order;
    }
    QCOMPARE(orders, (QList<int>{10, 89, 90}));
    QVERIFY(result->rules[0].isFinal);
}

void TestRuleSet::directionDecides()
{
    DocumentMaker maker;
    const int block = maker.action(ObjectType::Block);
    for (const auto direction : {RuleDirection::In, RuleDirection::Out, RuleDirection::Both}) {
        Rule &rule = maker.rule(50);
        rule.direction = direction;
        rule.groupsOf(Category::Action) = {};
    }
    maker.rule(1).groupsOf(Category::Action) = {block};
    const auto rules = maker.compile();
    FakeMail mail;
    QCOMPARE(rules->evaluate(mail)->hits, (std::vector<int>{3, 1, 4}));
    mail.m_direction = mail::Direction::Out;
    QCOMPARE(rules->evaluate(mail)->hits, (std::vector<int>{3, 2, 4}));
}

void TestRuleSet::emptyCategoryMatchesButEmptyGroupDoesNot()
{
    DocumentMaker maker;
    const int empty = maker.group(GroupClass::Who, {});
    const int emptyAll = maker.group(GroupClass::Who, {}, {true, false});
    const int emptyWhat = maker.group(GroupClass::What, {});
    maker.rule(50);
    maker.rule(49).groupsOf(Category::From) = {empty};
    maker.rule(48).groupsOf(Category::From) = {emptyAll};
    maker.rule(47).groupsOf(Category::What) = {emptyWhat};
    FakeMail mail;
    QCOMPARE(maker.compile()->evaluate(mail)->hits, (std::vector<int>{1, 3}));
}

void TestRuleSet::spamTestRunsOnceAndOnlyIfNeeded()
{
    DocumentMaker maker;
    const int spam3 = maker.group(
        GroupClass::What,
        {DocumentMaker::object(ObjectType::SpamLevel, {{QStringLiteral("spamlevel"), 3}})});
    const int spam5 = maker.group(
        GroupClass::What,
        {DocumentMaker::object(ObjectType::SpamLevel, {{QStringLiteral("spamlevel"), 5}})});
    const int sender = maker.group(
        GroupClass::Who,
        {DocumentMaker::object(ObjectType::WhoDomain,
                               {{QStringLiteral("domain"), QStringLiteral("trusted.example")}})});
    const int accept = maker.action(ObjectType::Accept);
    Rule &trusted = maker.rule(90);
    trusted.groupsOf(Category::From) = {sender};
    trusted.groupsOf(Category::Action) = {accept};
    maker.rule(50).groupsOf(Category::What) = {spam3};
    maker.rule(40).groupsOf(Category::What) = {spam5};
    const auto rules = maker.compile();
    QVERIFY(rules->needs(mail::Direction::In).spam);
    QVERIFY(!rules->needs(mail::Direction::In).archives);
    FakeMail mail;
    mail.m_spam = SpamFacts{4, 4.5, {}};
    const auto result = rules->evaluate(mail);
    QVERIFY(result);
    QCOMPARE(mail.m_spamCalls, 1);
    QCOMPARE(result->hits, std::vector<int>{2});
    QCOMPARE(result->spam->level, 4);
    mail.from("x@trusted.example");
    QVERIFY(rules->evaluate(mail));
    QCOMPARE(mail.m_spamCalls, 1);
}

void TestRuleSet::failingSpamTestFailsTheEvaluation()
{
    DocumentMaker maker;
    const int spam = maker.group(
        GroupClass::What,
        {DocumentMaker::object(ObjectType::SpamLevel, {{QStringLiteral("spamlevel"), 3}})});
    maker.rule(50).groupsOf(Category::What) = {spam};
    FakeMail mail;
    mail.m_spam = Error::transient("spam.away", QStringLiteral("no answer"));
    const auto result = maker.compile()->evaluate(mail);
    QVERIFY(!result);
    QCOMPARE(result.error().id, QByteArray("spam.away"));
}

void TestRuleSet::recipientListsOverrideSpamLevels()
{
    DocumentMaker maker;
    const int spam = maker.group(
        GroupClass::What,
        {DocumentMaker::object(ObjectType::SpamLevel, {{QStringLiteral("spamlevel"), 3}})});
    const int quarantine = maker.action(ObjectType::Quarantine);
    Rule &rule = maker.rule(50);
    rule.groupsOf(Category::What) = {spam};
    rule.groupsOf(Category::Action) = {quarantine};
    const auto rules = maker.compile();
    FakeMail mail;
    mail.to({"a@example.org", "b@example.org", "c@example.org"});
    mail.m_standings = {{1, SenderStanding::Allowed}, {2, SenderStanding::Blocked}};
    mail.m_spam = SpamFacts{5, 5, {}};
    auto high = rules->evaluate(mail);
    QCOMPARE(high->rules.size(), size_t{1});
    QCOMPARE(high->rules[0].targets, (std::vector<size_t>{0, 2}));
    mail.m_spam = SpamFacts{1, 1, {}};
    auto low = rules->evaluate(mail);
    QCOMPARE(low->rules.size(), size_t{1});
    QCOMPARE(low->rules[0].targets, (std::vector<size_t>{2}));
    QCOMPARE(low->recipients[2].standing, SenderStanding::Blocked);
}

void TestRuleSet::stripsOnlyFieldsOfActiveRules()
{
    const auto rules = RuleSet::compile(factoryDefaults());
    QVERIFY(rules);
    QCOMPARE((*rules)->headersToStrip(mail::Direction::In),
             std::vector<QByteArray>{"x-spam-level"});
    QVERIFY((*rules)->headersToStrip(mail::Direction::Out).empty());
}

void TestRuleSet::directoryFailureIsReported()
{
    FakeMail mail;
    DocumentMaker maker;
    const int ldap = maker.group(
        GroupClass::Who,
        {DocumentMaker::object(ObjectType::WhoLdapGroup,
                               {{QStringLiteral("mode"), QStringLiteral("none")}})});
    maker.rule(50).groupsOf(Category::From) = {ldap};
    const auto result = maker.compile()->evaluate(mail);
    QVERIFY(result);
    QVERIFY(result->rules.empty());
    QCOMPARE(result->problems.size(), size_t{1});
    QCOMPARE(result->problems[0].id, QByteArray("directory.unavailable"));
}

void TestRuleSet::c7HitLimitIsReportedAndCountsAsUnscannable()
{
    // As if it had been saved before the check existed: compiled without validation.
    RuleDocument document;
    document.groups = {
        {1,
         GroupClass::What,
         QStringLiteral("evil"),
         {},
         {},
         {{1,
           ObjectType::MatchField,
           {{QStringLiteral("field"), QStringLiteral("Subject")},
            {QStringLiteral("value"), QStringLiteral("(a+)+$")}}}}},
        {2, GroupClass::What, QStringLiteral("state"), {}, {}, {{2, ObjectType::Unscannable, {}}}}};
    document.nextGroupId = 3;
    document.nextObjectId = 3;
    document.nextRuleId = 3;
    Rule evil{1, QStringLiteral("evil"), 90, true, RuleDirection::Both, {}, {}};
    evil.groupsOf(Category::What) = {1};
    Rule state{2, QStringLiteral("state"), 80, true, RuleDirection::Both, {}, {}};
    state.groupsOf(Category::What) = {2};
    document.rules = {evil, state};
    const auto rules = RuleSet::compile(document);
    QVERIFY(rules);
    FakeMail mail;
    mail.m_parts[0].fields.clear();
    for (int i = 0; i < 1000; ++i) {
        mail.m_parts[0].fields.push_back({"Subject", QByteArray(60, 'a') + 'b'});
    }
    const auto result = (*rules)->evaluate(mail);
    QVERIFY(result);
    QCOMPARE(result->hits, std::vector<int>{2});
    QVERIFY(!result->problems.empty());
    QVERIFY(result->problems.size() <= 100);
    QCOMPARE(result->problems[0].id, QByteArray("rules.match-limit"));
    QVERIFY(!document.validate());
}

void TestRuleSet::factoryRulesOnCommonMails_data()
{
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QStringList>("expected");
    QTest::newRow("plain mail") << QStringLiteral("plain")
                                << QStringList{QStringLiteral("Modify Header")};
    QTest::newRow("virus in") << QStringLiteral("virus")
                              << QStringList{QStringLiteral("Block Viruses")};
    QTest::newRow("virus out") << QStringLiteral("virus-out")
                               << QStringList{QStringLiteral("Virus Alert")};
    QTest::newRow("spam") << QStringLiteral("spam")
                          << QStringList{QStringLiteral("Modify Header"),
                                         QStringLiteral("Quarantine/Mark Spam (Level 3)")};
    QTest::newRow("dangerous name")
        << QStringLiteral("exe")
        << QStringList{QStringLiteral("Block Dangerous Files"), QStringLiteral("Modify Header")};
    QTest::newRow("blocked sender")
        << QStringLiteral("blocked") << QStringList{QStringLiteral("Blocklist")};
    QTest::newRow("welcome sender")
        << QStringLiteral("welcome")
        << QStringList{QStringLiteral("Modify Header"), QStringLiteral("Welcomelist")};
}

void TestRuleSet::factoryRulesOnCommonMails()
{
    QFETCH(QString, kind);
    QFETCH(QStringList, expected);
    FakeMail mail;
    mail.part("text/plain");
    if (kind.startsWith(QLatin1String("virus"))) {
        mail.m_virus = QStringLiteral("Eicar");
        mail.m_direction = kind.endsWith(QLatin1String("out")) ? mail::Direction::Out
                                                               : mail::Direction::In;
    } else if (kind == QLatin1String("spam")) {
        mail.m_spam = SpamFacts{3, 3.2, {}};
    } else if (kind == QLatin1String("exe")) {
        mail.part("application/octet-stream", "Rechnung.VBS");
    } else if (kind == QLatin1String("blocked")) {
        mail.from("nomail@fromthisdomain.example");
    } else if (kind == QLatin1String("welcome")) {
        mail.from("mail@fromthisdomain.example");
        mail.m_spam = SpamFacts{30, 30, {}};
    }
    const auto rules = RuleSet::compile(factoryDefaults());
    const auto result = (*rules)->evaluate(mail);
    QVERIFY(result);
    QStringList names;
    for (const MatchedRule &rule : result->rules) {
        names << rule.name;
    }
    QCOMPARE(names, expected);
}

void TestRuleSet::explainsEveryRule()
{
    const auto rules = RuleSet::compile(factoryDefaults());
    FakeMail mail;
    mail.to({"a@example.org", "b@example.org"});
    mail.m_virus = QStringLiteral("Eicar-Test");
    const auto result = (*rules)->evaluate(mail, {true, nullptr});
    QVERIFY(result);
    const QJsonArray recipients = result->explanation.value(QLatin1String("recipients")).toArray();
    QCOMPARE(recipients.size(), 2);
    const QJsonObject anna = recipients[0].toObject();
    QCOMPARE(anna.value(QLatin1String("decided-by")).toString(), QStringLiteral("Block Viruses"));
    const QJsonArray tried = anna.value(QLatin1String("rules")).toArray();
    size_t active = 0;
    for (const Rule &rule : factoryDefaults().rules) {
        active += rule.isActive ? 1 : 0;
    }
    QCOMPARE(static_cast<size_t>(tried.size()), active);
    QCOMPARE(tried[0].toObject().value(QLatin1String("result")).toString(),
             QStringLiteral("no match"));
    const auto virusRule = std::find_if(tried.begin(), tried.end(), [](const QJsonValue &rule) {
        return rule.toObject().value(QLatin1String("result")).toString() == QLatin1String("match");
    });
    QVERIFY(virusRule != tried.end());
    QVERIFY(virusRule->toObject()
                .value(QLatin1String("why"))
                .toString()
                .contains(QLatin1String("Eicar-Test")));
    QCOMPARE(tried.last().toObject().value(QLatin1String("result")).toString(),
             QStringLiteral("not tried"));
    // Without being asked nothing is collected, and the decision is the same.
    const auto quiet = (*rules)->evaluate(mail);
    QVERIFY(quiet->explanation.isEmpty());
    QCOMPARE(quiet->hits, result->hits);
}

void TestRuleSet::largeListsMatch()
{
    DocumentMaker maker;
    std::vector<Object> objects;
    for (int i = 0; i < 20000; ++i) {
        objects.push_back(DocumentMaker::object(
            ObjectType::WhoAddress,
            {{QStringLiteral("email"), QStringLiteral("user%1@example.net").arg(i)}}));
    }
    const int list = maker.group(GroupClass::Who, objects);
    const int none = maker.group(GroupClass::Who, objects, {false, true});
    maker.rule(50).groupsOf(Category::From) = {list};
    maker.rule(40).groupsOf(Category::From) = {none};
    const auto rules = maker.compile();
    FakeMail mail;
    QCOMPARE(rules->evaluate(mail)->hits, std::vector<int>{2});
    mail.from("User19999@Example.net");
    QCOMPARE(rules->evaluate(mail)->hits, std::vector<int>{1});
}

void TestRuleSet::costOfPlainMail()
{
    const auto rules = RuleSet::compile(factoryDefaults());
    FakeMail mail;
    mail.part("text/plain");
    mail.part("text/html");
    QBENCHMARK
    {
        const auto result = (*rules)->evaluate(mail);
        QVERIFY(result);
    }
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestRuleSet)
#include "TestRuleSet.moc"
