// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/RuleDocument.h"

#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtTest/QtTest>

namespace portcullis::rules {

class TestRuleDocument final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void factoryDefaultsAreComplete();
    void writesAndReadsItself();
    void fillsInNumbersAndDefaults();
    void refusesWithThePlace_data();
    void refusesWithThePlace();
    void normalisesValues_data();
    void normalisesValues();
    void resetKeepsTheAllowList();
    void digestFollowsActiveRulesOnly();
    void everyKindHasItsOwnNumberAndName();

private:
    static QByteArray documentWith(const QByteArray &object, const QByteArray &groupClass);
};

QByteArray TestRuleDocument::documentWith(const QByteArray &object, const QByteArray &groupClass)
{
    return "{\"groups\":[{\"class\":\"" + groupClass + "\",\"name\":\"g\",\"objects\":[" + object
           + "]}]}";
}

void TestRuleDocument::factoryDefaultsAreComplete()
{
    const RuleDocument &factory = factoryDefaults();
    QVERIFY(factory.validate());
    QCOMPARE(factory.rules.size(), size_t{13});
    QStringList order;
    for (const Rule *rule : factory.rulesInOrder()) {
        order << QString::number(rule->priority) + QLatin1Char(rule->isActive ? '+' : '-');
    }
    QCOMPARE(order.join(QLatin1Char(' ')),
             QStringLiteral("98+ 96+ 96+ 93+ 90+ 89- 87- 85+ 82- 81- 80+ 70- 60-"));
    QCOMPARE(factory.groups.size(), size_t{24});
    QCOMPARE(factory.rulesUsing(factory.rules[0].groupsOf(Category::From)[0]).size(), size_t{1});
}

void TestRuleDocument::writesAndReadsItself()
{
    const QByteArray json = factoryDefaults().toJson();
    const auto again = RuleDocument::fromJson(json);
    QVERIFY(again);
    QCOMPARE(*again, factoryDefaults());
    QCOMPARE(again->toJson(), json);
    const auto trusted = RuleDocument::fromTrustedJson(json);
    QVERIFY(trusted);
    QCOMPARE(*trusted, *again);
}

void TestRuleDocument::fillsInNumbersAndDefaults()
{
    const auto document = RuleDocument::fromJson(
        "{\"groups\":[{\"class\":\"what\",\"name\":\"a\",\"objects\":[{\"kind\":\"contenttype\","
        "\"contenttype\":\"image/.*\"}]},{\"id\":7,\"class\":\"action\",\"name\":\"b\",\"objects\":"
        "[{\"id\":3,\"kind\":\"bcc\",\"target\":\"x@y.example\"}]}],"
        "\"rules\":[{\"name\":\"r\",\"action\":[7]}]}");
    QVERIFY2(document, qPrintable(document ? QString() : document.error().detail));
    QCOMPARE(document->groups[0].id, 8);
    QCOMPARE(document->groups[0].objects[0].id, 4);
    QCOMPARE(document->groups[0].objects[0].properties.value(QLatin1String("only-content")),
             QJsonValue(false));
    QCOMPARE(document->groups[1].objects[0].properties.value(QLatin1String("original")),
             QJsonValue(true));
    QCOMPARE(document->rules[0].id, 1);
    QCOMPARE(document->rules[0].direction, RuleDirection::Both);
    QVERIFY(!document->rules[0].isActive);
    QCOMPARE(document->nextGroupId, 9);
}

void TestRuleDocument::refusesWithThePlace_data()
{
    QTest::addColumn<QByteArray>("json");
    QTest::addColumn<QString>("expected");
    const auto object = [](const char *name, const char *json, const char *groupClass,
                           const char *expected) {
        QTest::newRow(name) << documentWith(json, groupClass) << QString::fromUtf8(expected);
    };
    QTest::newRow("broken JSON") << QByteArray("{\n\"rules\": [,]}") << QStringLiteral("line 2");
    QTest::newRow("not an object") << QByteArray("[]") << QStringLiteral("JSON object");
    QTest::newRow("unknown key") << QByteArray("{\"rulez\":[]}")
                                 << QStringLiteral("document: rulez: unknown key");
    QTest::newRow("future format") << QByteArray("{\"format\":2}") << QStringLiteral("format: 2");
    QTest::newRow("no class") << QByteArray("{\"groups\":[{\"name\":\"g\"}]}")
                              << QStringLiteral("group 1 'g': class");
    QTest::newRow("empty name") << QByteArray("{\"groups\":[{\"class\":\"who\",\"name\":\" \"}]}")
                                << QStringLiteral("name: must not be empty");
    QTest::newRow("long name") << QByteArray("{\"groups\":[{\"class\":\"who\",\"name\":\""
                                             + QByteArray(256, 'x') + "\"}]}")
                               << QStringLiteral("longer than 255");
    QTest::newRow("action without object")
        << QByteArray("{\"groups\":[{\"class\":\"action\",\"name\":\"g\"}]}")
        << QStringLiteral("exactly one object");
    QTest::newRow("same id twice")
        << QByteArray("{\"groups\":[{\"id\":1,\"class\":\"who\",\"name\":\"a\"},{\"id\":1,"
                      "\"class\":\"who\",\"name\":\"b\"}]}")
        << QStringLiteral("used twice");
    QTest::newRow("priority") << QByteArray("{\"rules\":[{\"name\":\"r\",\"priority\":101}]}")
                              << QStringLiteral("rule 1 'r': priority");
    QTest::newRow("direction") << QByteArray("{\"rules\":[{\"name\":\"r\",\"direction\":3}]}")
                               << QStringLiteral("direction");
    QTest::newRow("missing group") << QByteArray("{\"rules\":[{\"name\":\"r\",\"from\":[5]}]}")
                                   << QStringLiteral("from: there is no 'who' group 5");
    QTest::newRow("group of another class")
        << QByteArray("{\"groups\":[{\"id\":1,\"class\":\"what\",\"name\":\"a\"}],\"rules\":[{"
                      "\"name\":\"r\",\"from\":[1]}]}")
        << QStringLiteral("there is no 'who' group 1");
    object("regex error has a position", "{\"type\":3004,\"filename\":\"ab(c\"}", "what",
           "group 1 'g', object 1: filename: position 4: missing closing parenthesis");
    object("C7 unbounded pattern", "{\"type\":1000,\"regex\":\"(a+)+$\"}", "who",
           "regex: position 1: what is repeated here");
    object("object in the wrong class", "{\"type\":1001,\"email\":\"a@b.example\"}", "what",
           "type 1001 does not belong into a 'what' group");
    object("unknown type", "{\"type\":4711}", "who", "unknown type 4711");
    object("missing property", "{\"type\":1001}", "who", "email: is missing");
    object("unknown property", "{\"type\":1001,\"email\":\"a@b.example\",\"x\":1}", "who",
           "x: no such property");
    object("bad address", "{\"type\":1001,\"email\":\"nobody\"}", "who", "email: ");
    object("bad domain", "{\"type\":1002,\"domain\":\"a..b\"}", "who",
           "domain: 'a..b' is not a domain name");
    object("bad ip", "{\"type\":1003,\"ip\":\"1.2.3.256\"}", "who", "is not an IP address");
    object("abbreviated ip", "{\"type\":1003,\"ip\":\"1.2.3\"}", "who", "is not an IP address");
    object("bad network", "{\"type\":1004,\"cidr\":\"10.0.0.0/33\"}", "who", "is not a network");
    object("bad time", "{\"type\":2000,\"start\":\"25:00\",\"end\":\"26:00\"}", "when",
           "start: '25:00' is not a time");
    object("bad level", "{\"type\":3000,\"spamlevel\":-1}", "what",
           "spamlevel: must be a whole number");
    object("bad field name", "{\"type\":4003,\"field\":\"a: b\",\"value\":\"c\"}", "action",
           "field: 'a: b' is not a header field name");
    object("long text",
           ("{\"type\":4009,\"disclaimer\":\"" + QByteArray(2049, 'x') + "\"}").constData(),
           "action", "disclaimer: longer than 2048");
    object("bad position", "{\"type\":4009,\"disclaimer\":\"x\",\"position\":\"middle\"}", "action",
           "must be one of start, end");
    object("bad flag", "{\"type\":4005,\"target\":\"x\",\"original\":2}", "action",
           "original: must be true or false");
    object("LDAP group mode", "{\"type\":1005,\"mode\":\"group\"}", "who",
           "needs group and profile");
    object("receiver object outside of the allow list", "{\"type\":1007,\"email\":\"a@b.example\"}",
           "who", "does not belong");
}

void TestRuleDocument::refusesWithThePlace()
{
    QFETCH(QByteArray, json);
    QFETCH(QString, expected);
    const auto document = RuleDocument::fromJson(json);
    QVERIFY(!document);
    QCOMPARE(document.error().id, QByteArray("rules.document"));
    QVERIFY2(document.error().detail.contains(expected), qPrintable(document.error().detail));
}

void TestRuleDocument::normalisesValues_data()
{
    QTest::addColumn<int>("type");
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("given");
    QTest::addColumn<QString>("expected");
    QTest::newRow("address") << 1001 << QStringLiteral("email")
                             << QStringLiteral("Anna@Example.ORG")
                             << QStringLiteral("anna@example.org");
    QTest::newRow("domain") << 1002 << QStringLiteral("domain") << QStringLiteral("Example.ORG.")
                            << QStringLiteral("example.org");
    QTest::newRow("ip") << 1003 << QStringLiteral("ip") << QStringLiteral("2001:DB8:0::1")
                        << QStringLiteral("2001:db8::1");
    QTest::newRow("network") << 1004 << QStringLiteral("cidr") << QStringLiteral("10.0.0.0/8")
                             << QStringLiteral("10.0.0.0/8");
}

void TestRuleDocument::normalisesValues()
{
    QFETCH(int, type);
    QFETCH(QString, key);
    QFETCH(QString, given);
    QFETCH(QString, expected);
    const auto checked = checkedObject({1, static_cast<ObjectType>(type), {{key, given}}});
    QVERIFY2(checked, qPrintable(checked ? QString() : checked.error().detail));
    QCOMPARE(checked->properties.value(key).toString(), expected);
}

void TestRuleDocument::resetKeepsTheAllowList()
{
    RuleDocument edited = factoryDefaults();
    edited.rules.clear();
    for (Group &group : edited.groups) {
        if (group.groupClass == GroupClass::Greylist) {
            group.objects.push_back({5,
                                     ObjectType::ReceiverDomain,
                                     {{QStringLiteral("domain"), QStringLiteral("kept.example")}}});
            group.objects.push_back({edited.nextObjectId++,
                                     ObjectType::WhoIp,
                                     {{QStringLiteral("ip"), QStringLiteral("192.0.2.1")}}});
        }
    }
    const RuleDocument reset = resetKeepingAllowList(edited);
    const Status valid = reset.validate();
    QVERIFY2(valid, qPrintable(valid ? QString() : valid.error().detail));
    QCOMPARE(reset.rules.size(), factoryDefaults().rules.size());
    const auto kept = std::find_if(reset.groups.begin(), reset.groups.end(), [](const Group &g) {
        return g.groupClass == GroupClass::Greylist;
    });
    QCOMPARE(kept->objects.size(), size_t{2});
    QVERIFY(reset.nextObjectId >= edited.nextObjectId);
}

void TestRuleDocument::digestFollowsActiveRulesOnly()
{
    RuleDocument document = factoryDefaults();
    const QByteArray before = document.digest();
    QCOMPARE(before.size(), 40);
    const auto inactive = std::find_if(document.rules.begin(), document.rules.end(),
                                       [](const Rule &r) { return !r.isActive; });
    inactive->name = QStringLiteral("renamed");
    QCOMPARE(document.digest(), before);
    inactive->isActive = true;
    QVERIFY(document.digest() != before);
}

void TestRuleDocument::everyKindHasItsOwnNumberAndName()
{
    QSet<int> numbers;
    QSet<QString> names;
    for (const ObjectKind &kind : objectKinds()) {
        numbers.insert(static_cast<int>(kind.type));
        names.insert(QString::fromLatin1(kind.urlName));
        QCOMPARE(kindOf(kind.type), &kind);
        QCOMPARE(kindOf(kind.groupClass, QString::fromLatin1(kind.urlName)), &kind);
    }
    QCOMPARE(numbers.size(), static_cast<qsizetype>(objectKinds().size()));
    QCOMPARE(names.size(), numbers.size());
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestRuleDocument)
#include "TestRuleDocument.moc"
