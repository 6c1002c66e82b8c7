// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/rules/FakeMail.h"

#include <QtTest/QtTest>

namespace portcullis::rules {

namespace {

Object typeObject(const char *pattern)
{
    return DocumentMaker::object(ObjectType::ContentType,
                                 {{QStringLiteral("contenttype"), QString::fromLatin1(pattern)}});
}

Object nameObject(const char *pattern)
{
    return DocumentMaker::object(ObjectType::FileName,
                                 {{QStringLiteral("filename"), QString::fromLatin1(pattern)}});
}

Object domainObject(const char *domain)
{
    return DocumentMaker::object(ObjectType::WhoDomain,
                                 {{QStringLiteral("domain"), QString::fromLatin1(domain)}});
}

/// "any", "all", "none", "not all" as people call them.
MatchMode modeOf(const QString &name)
{
    return {name == QLatin1String("all") || name == QLatin1String("not all"),
            name == QLatin1String("none") || name == QLatin1String("not all")};
}

}  // namespace

/// and / invert within groups and between them (facts/behaviour.md §3.2).
class TestRuleModes final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void whoGroups_data();
    void whoGroups();
    void betweenGroups_data();
    void betweenGroups();
    void whatGroupsWorkOnParts_data();
    void whatGroupsWorkOnParts();
    void partsOfMatchingGroupsAreUnited();
    void inversionOfWholeMailObjects();
};

void TestRuleModes::whoGroups_data()
{
    QTest::addColumn<QString>("mode");
    QTest::addColumn<int>("hits");
    QTest::addColumn<bool>("expected");
    const std::array<std::array<bool, 3>, 4> table{
        {{false, true, true}, {false, false, true}, {true, false, false}, {true, true, false}}};
    const std::array<const char *, 4> names{"any", "all", "none", "not all"};
    for (size_t mode = 0; mode < names.size(); ++mode) {
        for (size_t hits = 0; hits < 3; ++hits) {
            QTest::addRow("%s, %d of 2 objects hit", names[mode], static_cast<int>(hits))
                << QString::fromLatin1(names[mode]) << static_cast<int>(hits) << table[mode][hits];
        }
    }
}

void TestRuleModes::whoGroups()
{
    QFETCH(QString, mode);
    QFETCH(int, hits);
    QFETCH(bool, expected);
    DocumentMaker maker;
    const int group = maker.group(GroupClass::Who,
                                  {domainObject(hits > 0 ? "example.com" : "a.example"),
                                   domainObject(hits > 1 ? "example.com" : "b.example")},
                                  modeOf(mode));
    maker.rule(50).groupsOf(Category::From) = {group};
    FakeMail mail;
    QCOMPARE(!maker.compile()->evaluate(mail)->rules.empty(), expected);
    EvaluationOptions explained;
    explained.explain = true;
    QCOMPARE(!maker.compile()->evaluate(mail, explained)->rules.empty(), expected);
}

void TestRuleModes::betweenGroups_data()
{
    whoGroups_data();
}

void TestRuleModes::betweenGroups()
{
    QFETCH(QString, mode);
    QFETCH(int, hits);
    QFETCH(bool, expected);
    for (const Category category : {Category::From, Category::When, Category::What}) {
        DocumentMaker maker;
        std::vector<int> groups;
        for (int i = 0; i < 2; ++i) {
            const bool isHit = i < hits;
            if (category == Category::From) {
                groups.push_back(maker.group(
                    GroupClass::Who, {domainObject(isHit ? "example.com" : "other.example")}));
            } else if (category == Category::When) {
                groups.push_back(
                    maker.group(GroupClass::When,
                                {DocumentMaker::object(
                                    ObjectType::TimeFrame,
                                    {{QStringLiteral("start"), QStringLiteral("11:00")},
                                     {QStringLiteral("end"), isHit ? QStringLiteral("13:00")
                                                                   : QStringLiteral("11:30")}})}));
            } else {
                groups.push_back(maker.group(
                    GroupClass::What, {typeObject(isHit ? "multipart/mixed" : "image/png")}));
            }
        }
        Rule &rule = maker.rule(50);
        rule.groupsOf(category) = groups;
        rule.modes[static_cast<size_t>(category)] = modeOf(mode);
        FakeMail mail;
        QCOMPARE(!maker.compile()->evaluate(mail)->rules.empty(), expected);
    }
}

void TestRuleModes::whatGroupsWorkOnParts_data()
{
    QTest::addColumn<QString>("mode");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QList<int>>("parts");
    // The mail: 1 top, 2 text/plain, 3 image/png a.png, 4 image/png b.exe.
    QTest::newRow("any is the union") << QStringLiteral("any") << QByteArray("text/plain")
                                      << QByteArray(".*\\.exe") << QList<int>{2, 4};
    QTest::newRow("all needs one part that fulfils both")
        << QStringLiteral("all") << QByteArray("image/png") << QByteArray(".*\\.exe")
        << QList<int>{4};
    QTest::newRow("all, but in different parts")
        << QStringLiteral("all") << QByteArray("text/plain") << QByteArray(".*\\.exe")
        << QList<int>{};
    QTest::newRow("none is the complement of the union")
        << QStringLiteral("none") << QByteArray("text/plain") << QByteArray(".*\\.exe")
        << QList<int>{1, 3};
    QTest::newRow("none of what is not there is everything")
        << QStringLiteral("none") << QByteArray("audio/x") << QByteArray("y")
        << QList<int>{1, 2, 3, 4};
    QTest::newRow("not all is the complement of the intersection")
        << QStringLiteral("not all") << QByteArray("image/png") << QByteArray(".*\\.exe")
        << QList<int>{1, 2, 3};
    QTest::newRow("none, but all parts match")
        << QStringLiteral("none") << QByteArray(".*") << QByteArray("y") << QList<int>{};
}

void TestRuleModes::whatGroupsWorkOnParts()
{
    QFETCH(QString, mode);
    QFETCH(QByteArray, type);
    QFETCH(QByteArray, name);
    QFETCH(QList<int>, parts);
    DocumentMaker maker;
    const int group = maker.group(GroupClass::What,
                                  {typeObject(type.constData()), nameObject(name.constData())},
                                  modeOf(mode));
    maker.rule(50).groupsOf(Category::What) = {group};
    FakeMail mail;
    mail.part("text/plain");
    mail.part("image/png", "a.png");
    mail.part("image/png", "b.exe");
    const auto result = maker.compile()->evaluate(mail);
    QVERIFY(result);
    QCOMPARE(result->rules.empty(), parts.isEmpty());
    if (!parts.isEmpty()) {
        const auto &found = result->rules[0].parts;
        QCOMPARE(QList<int>(found.parts.begin(), found.parts.end()), parts);
        QVERIFY(!found.isWholeMail);
    }
}

void TestRuleModes::partsOfMatchingGroupsAreUnited()
{
    DocumentMaker maker;
    const int images = maker.group(GroupClass::What, {typeObject("image/.*")});
    const int texts = maker.group(GroupClass::What, {typeObject("text/.*")});
    const int sounds = maker.group(GroupClass::What, {typeObject("audio/.*")});
    maker.rule(50).groupsOf(Category::What) = {images, texts, sounds};
    FakeMail mail;
    mail.part("text/plain");
    mail.part("image/png");
    const auto result = maker.compile()->evaluate(mail);
    QCOMPARE(result->rules[0].parts.parts, (std::vector<int>{2, 3}));
}

void TestRuleModes::inversionOfWholeMailObjects()
{
    DocumentMaker maker;
    const int clean = maker.group(GroupClass::What, {DocumentMaker::object(ObjectType::Virus)},
                                  {false, true});
    maker.rule(50).groupsOf(Category::What) = {clean};
    const auto rules = maker.compile();
    FakeMail mail;
    const auto result = rules->evaluate(mail);
    QCOMPARE(result->rules.size(), size_t{1});
    QVERIFY(result->rules[0].parts.isWholeMail);
    QVERIFY(result->rules[0].parts.parts.empty());
    mail.m_virus = QStringLiteral("Eicar");
    QVERIFY(rules->evaluate(mail)->rules.empty());
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestRuleModes)
#include "TestRuleModes.moc"
