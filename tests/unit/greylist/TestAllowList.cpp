// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/AllowListWatch.h"
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/RulesCache.h"
#include "appliance/rules/RuleStore.h"
#include "appliance/rules/SmtpAllowList.h"

#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

namespace portcullis::rules {

/// The SMTP allow list: its kinds, hostile addresses, and following the rules cache.
class TestAllowList final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void matchesClients_data();
    void matchesClients();
    void matchesAddresses_data();
    void matchesAddresses();
    void sidesAreApart();
    void nullPathMatchesNothing();
    void hostileAddressesMatchNothing_data();
    void hostileAddressesMatchNothing();
    void c7EvilPatternIsCutByItsLimit();
    void largeListsMatch();
    void followsTheCache();
    void f16BrokenCacheKeepsTheLastGoodList();

private:
    struct Item {
        ObjectType type;
        const char *property;
        QString value;
    };
    static RuleDocument documentOf(const std::vector<Item> &items);
    static std::shared_ptr<const SmtpAllowList> listOf(const std::vector<Item> &items);
    static QByteArray save(const RulesCache &cache, const std::vector<Item> &items);
};

namespace {

QString text(const char *latin1)
{
    return QString::fromUtf8(latin1);
}

mail::Address path(const QByteArray &text)
{
    mail::AddressLimits wide;
    wide.localPart = 1000;
    wide.path = 2000;
    const auto address = mail::Address::parsePath('<' + text + '>', wide);
    return address ? *address : mail::Address();
}

}  // namespace

RuleDocument TestAllowList::documentOf(const std::vector<Item> &items)
{
    RuleDocument document = factoryDefaults();
    for (Group &group : document.groups) {
        if (group.groupClass != GroupClass::Greylist) {
            continue;
        }
        for (const Item &item : items) {
            Object object;
            object.type = item.type;
            object.properties.insert(QLatin1String(item.property), item.value);
            object = checkedObject(object).value_or(object);
            object.id = document.nextObjectId++;
            group.objects.push_back(object);
        }
    }
    return document;
}

std::shared_ptr<const SmtpAllowList> TestAllowList::listOf(const std::vector<Item> &items)
{
    auto list = SmtpAllowList::compile(documentOf(items));
    return list ? list.take() : nullptr;
}

void TestAllowList::matchesClients_data()
{
    QTest::addColumn<QString>("cidrOrIp");
    QTest::addColumn<QString>("client");
    QTest::addColumn<bool>("isMatch");
    const auto row = [](const char *entry, const char *client, bool isMatch) {
        QTest::newRow(qPrintable(QStringLiteral("%1 in %2").arg(text(client), text(entry))))
            << text(entry) << text(client) << isMatch;
    };
    row("203.0.113.7", "203.0.113.7", true);
    row("203.0.113.7", "::ffff:203.0.113.7", true);
    row("203.0.113.7", "203.0.113.8", false);
    row("2001:db8::1", "2001:DB8:0::1", true);
    row("2001:db8::1", "2001:db8::2", false);
    row("203.0.113.0/24", "203.0.113.255", true);
    row("203.0.113.0/24", "203.0.112.255", false);
    row("203.0.113.0/24", "::ffff:203.0.113.9", true);
    row("203.0.113.128/25", "203.0.113.127", false);
    row("203.0.113.128/25", "203.0.113.128", true);
    row("0.0.0.0/0", "198.51.100.1", true);
    row("0.0.0.0/0", "2001:db8::1", false);
    row("203.0.113.7/32", "203.0.113.7", true);
    row("2001:db8::/32", "2001:db8:ffff::1", true);
    row("2001:db8::/32", "2001:db9::1", false);
    row("2001:db8:8000::/33", "2001:db8:7fff::1", false);
    row("::/0", "2001:db8::1", true);
    row("::/0", "203.0.113.7", false);
}

void TestAllowList::matchesClients()
{
    QFETCH(QString, cidrOrIp);
    QFETCH(QString, client);
    QFETCH(bool, isMatch);
    const bool isNetwork = cidrOrIp.contains(QLatin1Char('/'));
    const auto list = listOf({{isNetwork ? ObjectType::WhoNetwork : ObjectType::WhoIp,
                               isNetwork ? "cidr" : "ip", cidrOrIp},
                              {ObjectType::WhoNetwork, "cidr", text("192.0.2.0/30")},
                              {ObjectType::WhoIp, "ip", text("192.0.2.200")}});
    QVERIFY(list);
    QCOMPARE(list->size(), size_t{3});
    const auto entry = list->clientEntry(QHostAddress(client));
    QCOMPARE(entry.has_value(), isMatch);
    if (isMatch) {
        QCOMPARE(*entry, (isNetwork ? "IP network " : "IP address ") + cidrOrIp.toUtf8());
    }
}

void TestAllowList::matchesAddresses_data()
{
    QTest::addColumn<int>("kind");  // 0 address, 1 domain, 2 regular expression
    QTest::addColumn<QString>("value");
    QTest::addColumn<QByteArray>("address");
    QTest::addColumn<bool>("isMatch");
    const auto row = [](int kind, const char *value, const char *address, bool isMatch) {
        QTest::newRow(qPrintable(QStringLiteral("%1 by %2").arg(text(address), text(value))))
            << kind << text(value) << QByteArray(address) << isMatch;
    };
    row(0, "anna@example.org", "anna@example.org", true);
    row(0, "Anna@Example.org", "aNNA@example.ORG", true);
    row(0, "anna@example.org", "hanna@example.org", false);
    row(0, "anna@example.org", "anna@sub.example.org", false);
    row(0, "anna@example.org", "anna+x@example.org", false);
    row(1, "example.org", "anyone@example.org", true);
    row(1, "Example.ORG", "anyone@EXAMPLE.org", true);
    row(1, "example.org", "anyone@sub.example.org", false);
    row(1, "example.org", "anyone@badexample.org", false);
    row(1, "example.org", "example.org@elsewhere.example", false);
    row(1, "example.org", R"("x@example.org"@elsewhere.example)", false);
    row(2, ".*@(.*\\.)?example\\.org", "anyone@sub.example.org", true);
    row(2, ".*@EXAMPLE\\.org", "anyone@example.org", true);
    row(2, "example\\.org", "anyone@example.org", false);
    row(2, ".*@example\\.org", "a@example.org.evil.example", false);
    row(2, ".*", "postmaster", true);
}

void TestAllowList::matchesAddresses()
{
    QFETCH(int, kind);
    QFETCH(QString, value);
    QFETCH(QByteArray, address);
    QFETCH(bool, isMatch);
    static constexpr std::array senderTypes{ObjectType::WhoAddress, ObjectType::WhoDomain,
                                            ObjectType::WhoRegex};
    static constexpr std::array receiverTypes{ObjectType::Receiver, ObjectType::ReceiverDomain,
                                              ObjectType::ReceiverRegex};
    static constexpr std::array properties{"email", "domain", "regex"};
    static constexpr std::array names{"", "domain ", "regular expression "};
    const auto index = static_cast<size_t>(kind);
    const mail::Address parsed = path(address);
    QVERIFY(!parsed.isNull());

    const auto senders = listOf({{senderTypes[index], properties[index], value}});
    const auto sender = senders->senderEntry(parsed);
    QCOMPARE(sender.has_value(), isMatch);
    QVERIFY(!senders->recipientEntry(parsed));
    const auto receivers = listOf({{receiverTypes[index], properties[index], value}});
    const auto receiver = receivers->recipientEntry(parsed);
    QCOMPARE(receiver.has_value(), isMatch);
    QVERIFY(!receivers->senderEntry(parsed));
    if (isMatch) {
        const QByteArray shown = kind == 2 ? value.toUtf8() : value.toLower().toUtf8();
        QCOMPARE(*sender, QByteArray("sender ") + names[index] + shown);
        QCOMPARE(*receiver, QByteArray("receiver ") + names[index] + shown);
    }
}

void TestAllowList::sidesAreApart()
{
    const auto list = listOf({{ObjectType::WhoDomain, "domain", text("in.example")},
                              {ObjectType::ReceiverDomain, "domain", text("out.example")}});
    QVERIFY(list->senderEntry(path("a@in.example")));
    QVERIFY(!list->senderEntry(path("a@out.example")));
    QVERIFY(list->recipientEntry(path("a@out.example")));
    QVERIFY(!list->recipientEntry(path("a@in.example")));
    QVERIFY(!list->clientEntry(QHostAddress(QStringLiteral("203.0.113.7"))));
}

void TestAllowList::nullPathMatchesNothing()
{
    const auto list = listOf({{ObjectType::WhoRegex, "regex", text(".*")},
                              {ObjectType::ReceiverRegex, "regex", text(".*")}});
    QVERIFY(!list->senderEntry(mail::Address()));
    QVERIFY(!list->recipientEntry(mail::Address()));
    QVERIFY(!SmtpAllowList().senderEntry(path("a@example.org")));
    QVERIFY(!SmtpAllowList().clientEntry(QHostAddress(QStringLiteral("203.0.113.7"))));
}

void TestAllowList::hostileAddressesMatchNothing_data()
{
    QTest::addColumn<QByteArray>("address");
    QTest::newRow("quoted at sign") << QByteArray(R"("x@good.example"@evil.example)");
    QTest::newRow("quoted pair") << QByteArray(R"("x\@good.example"@evil.example)");
    QTest::newRow("quoted space") << QByteArray(R"(" "@evil.example)");
    QTest::newRow("R6 long") << QByteArray(900, 'a') + "@evil.example";
    QTest::newRow("percent") << QByteArray("x%good.example@evil.example");
    QTest::newRow("UTF-8") << QByteArray("\xc3\xa4@ev\xc3\xafl.example");
    QTest::newRow("look-alike domain") << QByteArray("x@g\xd0\xbe\xd0\xbe"
                                                     "d.example");
    QTest::newRow("address literal") << QByteArray("x@[192.0.2.1]");
}

void TestAllowList::hostileAddressesMatchNothing()
{
    QFETCH(QByteArray, address);
    const mail::Address parsed = path(address);
    QVERIFY(!parsed.isNull());
    const auto list = listOf({{ObjectType::WhoDomain, "domain", text("good.example")},
                              {ObjectType::WhoAddress, "email", text("x@good.example")},
                              {ObjectType::WhoRegex, "regex", text("[a-z]+@good\\.example")}});
    QVERIFY(!list->senderEntry(parsed));
}

void TestAllowList::c7EvilPatternIsCutByItsLimit()
{
    // Refused when saved; this is for a document that was saved by another version.
    std::vector<Item> items(200, {ObjectType::WhoRegex, "regex", text("(a+)+$")});
    items.push_back({ObjectType::WhoDomain, "domain", text("good.example")});
    const auto list = listOf(items);
    QVERIFY(list);
    QVERIFY(!list->senderEntry(path(QByteArray(60, 'a') + "@evil.example")));
    QVERIFY(list->senderEntry(path(QByteArray(60, 'a') + "@good.example")));
}

void TestAllowList::largeListsMatch()
{
    std::vector<Item> items;
    for (int i = 0; i < 5000; ++i) {
        items.push_back({ObjectType::WhoDomain, "domain", QStringLiteral("d%1.example").arg(i)});
        items.push_back({ObjectType::WhoNetwork, "cidr",
                         QStringLiteral("10.%1.%2.0/24").arg(i / 250).arg(i % 250)});
    }
    const auto list = listOf(items);
    QCOMPARE(list->size(), size_t{10'000});
    QCOMPARE(list->clientEntry(QHostAddress(QStringLiteral("10.19.249.7"))),
             QByteArray("IP network 10.19.249.0/24"));
    QVERIFY(list->senderEntry(path("a@d4999.example")));
    QVERIFY(!list->senderEntry(path("a@d5000.example")));
}

QByteArray TestAllowList::save(const RulesCache &cache, const std::vector<Item> &items)
{
    MemoryRuleStore store;
    const auto saved = store.save(documentOf(items), QStringLiteral("test"), QString());
    if (!saved) {
        return saved.error().toString().toUtf8();
    }
    const auto written = cache.write(*store.current());
    return written ? QByteArray() : written.error().toString().toUtf8();
}

void TestAllowList::followsTheCache()
{
    const QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("rules/current.json"));
    const RulesCache cache(file);
    const AllowListWatch watch(file, std::chrono::milliseconds(20));
    QCOMPARE(watch.current()->size(), size_t{0});
    QCOMPARE(save(cache, {{ObjectType::WhoDomain, "domain", text("example.org")}}), QByteArray());
    QTRY_VERIFY(watch.current()->senderEntry(path("a@example.org")));
    const auto old = watch.current();
    QCOMPARE(save(cache, {{ObjectType::WhoDomain, "domain", text("example.net")}}), QByteArray());
    QTRY_VERIFY(watch.current()->senderEntry(path("a@example.net")));
    QVERIFY(!watch.current()->senderEntry(path("a@example.org")));
    QVERIFY(old->senderEntry(path("a@example.org")));  // Whoever holds it goes on with it.
    // And one that begins with the file has the list at once.
    QVERIFY(AllowListWatch(file).current()->senderEntry(path("a@example.net")));
}

void TestAllowList::f16BrokenCacheKeepsTheLastGoodList()
{
    const QTemporaryDir folder;
    const QString path1 = folder.filePath(QStringLiteral("current.json"));
    const RulesCache cache(path1);
    QCOMPARE(save(cache, {{ObjectType::WhoDomain, "domain", text("example.org")}}), QByteArray());
    const AllowListWatch watch(path1, std::chrono::milliseconds(5));
    const auto list = watch.current();
    QFile file(path1);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("{\"portcullis-rules\": 1}\nhalf a docu");
    file.close();
    QTest::qWait(100);
    QCOMPARE(watch.current(), list);
    QVERIFY(QFile::remove(path1));
    QTest::qWait(100);
    QCOMPARE(watch.current(), list);
    QCOMPARE(save(cache, {{ObjectType::WhoDomain, "domain", text("example.net")}}), QByteArray());
    QTRY_VERIFY(watch.current()->senderEntry(path("a@example.net")));
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestAllowList)
#include "TestAllowList.moc"
