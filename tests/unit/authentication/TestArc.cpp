// SPDX-License-Identifier: GPL-2.0-or-later
// ARC against the suite of RFC 8617's authors, and the limits that the suite does not try (C11).
#include "appliance/authentication/ArcVerifier.h"
#include "appliance/authentication/DmarcEvaluator.h"
#include "ZoneLookup.h"

#include <QtCore/QFile>
#include <QtTest/QtTest>

#include <yaml-cpp/yaml.h>

namespace portcullis::authentication {

class TestArc final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void validatesAsTheSuiteSays_data();
    void validatesAsTheSuiteSays();
    void refusesWhatIsNoChain_data();
    void refusesWhatIsNoChain();
    void doesNotAskForKeysOfABrokenChain();
    void saysWhenTheDnsFails();
    void believesTrustedSealersOnly_data();
    void believesTrustedSealersOnly();

private:
    ArcFinding verify(const QByteArray &message, ZoneLookup &zone);
};

namespace {

QByteArray suiteFile()
{
    return fileContent(corporaFolder()
                       + QStringLiteral("/auth/arc/arc-draft-validation-tests.yml"));
}

// One scenario's tests, each with the scenario's keys.
void addScenario(const YAML::Node &scenario)
{
    for (const auto &test : scenario["tests"]) {
        const YAML::Node &body = test.second;
        const auto text = [&](const char *key) {
            return body[key] && !body[key].IsNull()
                       ? QByteArray::fromStdString(body[key].as<std::string>())
                       : QByteArray();
        };
        auto records = std::make_shared<ZoneLookup>();
        for (const auto &record : scenario["txt-records"]) {
            records->add(QByteArray::fromStdString(record.first.as<std::string>()),
                         QByteArray::fromStdString(record.second.as<std::string>()));
        }
        QTest::addRow("C11 %s", test.first.as<std::string>().c_str())
            << withCrlf(text("message")) << text("cv").toLower() << records;
    }
}

// A field set that is well formed but signed by nobody.
QByteArray setOf(int instance, const QByteArray &cv)
{
    const QByteArray i = QByteArray::number(instance);
    return "ARC-Seal: i=" + i + "; a=rsa-sha256; d=example.org; s=x; cv=" + cv
           + "; b=AAAA\r\nARC-Message-Signature: i=" + i
           + "; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x; h=from; bh=AAAA; b=AAAA\r\n"
             "ARC-Authentication-Results: i="
           + i + "; example.org; spf=pass\r\n";
}

QByteArray chainOf(int length)
{
    QByteArray fields;
    for (int i = length; i > 0; --i) {
        fields += setOf(i, i == 1 ? "none" : "pass");
    }
    return fields;
}

}  // namespace

}  // namespace portcullis::authentication

Q_DECLARE_METATYPE(std::shared_ptr<portcullis::authentication::ZoneLookup>)

namespace portcullis::authentication {

ArcFinding TestArc::verify(const QByteArray &message, ZoneLookup &zone)
{
    const AuthenticationLimits limits;
    ReceivedMessage received(message, limits);
    return ArcVerifier(received, limits).verify(zone);
}

void TestArc::validatesAsTheSuiteSays_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("expected");
    QTest::addColumn<std::shared_ptr<ZoneLookup>>("zone");
    const QByteArray suite = suiteFile();
    if (suite.isEmpty()) {
        QSKIP("corpora/auth/arc is not there");
    }
    for (const YAML::Node &scenario : YAML::LoadAll(suite.toStdString())) {
        addScenario(scenario);
    }
}

void TestArc::validatesAsTheSuiteSays()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, expected);
    QFETCH(std::shared_ptr<ZoneLookup>, zone);
    const ArcFinding finding = verify(message, *zone);
    // The suite leaves it open what is said of a chain whose last seal already says cv=fail;
    // RFC 8617 §5.2 point 2 does not.
    const QByteArray wanted = expected.isEmpty() ? QByteArray("fail") : expected;
    QVERIFY2(nameOf(finding.result) == wanted, finding.reason.constData());
}

void TestArc::refusesWhatIsNoChain_data()
{
    QTest::addColumn<QByteArray>("fields");
    QTest::addColumn<QByteArray>("reason");
    QTest::newRow("C11 51 instances") << chainOf(51) << QByteArray("too many ARC sets");
    QTest::newRow("C11 5,000 instances") << chainOf(1600) << QByteArray("too many ARC sets");
    QTest::newRow("C11 a gap") << setOf(3, "pass") + setOf(1, "none")
                               << QByteArray("ARC-Authentication-Results has no i= that fits");
    QTest::newRow("C11 the same twice")
        << setOf(1, "none") + setOf(1, "none")
        << QByteArray("two fields ARC-Authentication-Results (i=1)");
    QTest::newRow("C11 cv=fail") << setOf(2, "fail") + setOf(1, "none")
                                 << QByteArray("the last sealer found the chain broken (i=2)");
    QTest::newRow("C11 cv=none twice")
        << setOf(2, "none") + setOf(1, "none") << QByteArray("cv= is wrong (i=2)");
    QTest::newRow("C11 huge instance")
        << QByteArray("ARC-Seal: i=99999999999999999999; cv=none\r\n")
        << QByteArray("not every ARC set has one ARC-Authentication-Results");
    QTest::newRow("C11 no key") << chainOf(1)
                                << QByteArray("ARC-Message-Signature: no key in the DNS (i=1)");
}

void TestArc::refusesWhatIsNoChain()
{
    QFETCH(QByteArray, fields);
    QFETCH(QByteArray, reason);
    ZoneLookup zone;
    const ArcFinding finding = verify(fields + plainMessage(), zone);
    QCOMPARE(nameOf(finding.result), "fail");
    QCOMPARE(finding.reason, reason);
}

void TestArc::doesNotAskForKeysOfABrokenChain()
{
    const AuthenticationLimits limits;
    const QByteArray broken = setOf(2, "fail") + setOf(1, "none") + plainMessage();
    ReceivedMessage received(broken, limits);
    QVERIFY(ArcVerifier(received, limits).keyNames().empty());
    const QByteArray whole = chainOf(50) + plainMessage();
    ReceivedMessage chained(whole, limits);
    QCOMPARE(ArcVerifier(chained, limits).keyNames(),
             std::vector<QByteArray>{"x._domainkey.example.org"});
}

void TestArc::saysWhenTheDnsFails()
{
    ZoneLookup zone;
    zone.fail("x._domainkey.example.org");
    QCOMPARE(nameOf(verify(chainOf(2) + plainMessage(), zone).result), "temperror");
}

void TestArc::believesTrustedSealersOnly_data()
{
    QTest::addColumn<QByteArray>("lastResults");
    QTest::addColumn<QByteArray>("lastSealer");
    QTest::addColumn<bool>("passes");
    QTest::addColumn<QByteArray>("excusing");
    const QByteArray pass("lists.example; dmarc=pass header.from=example.org");
    const QByteArray other("lists.example; dmarc=pass header.from=bank.example");
    const QByteArray fail("lists.example; dmarc=fail header.from=example.org");
    QTest::newRow("the last saw it pass")
        << pass << QByteArray("lists.example") << true << QByteArray("lists.example");
    QTest::newRow("the one before saw it pass")
        << fail << QByteArray("lists.example") << true << QByteArray("first.example");
    QTest::newRow("C11 a stranger sealed last")
        << fail << QByteArray("stranger.example") << true << QByteArray();
    QTest::newRow("C11 a stranger says pass")
        << pass << QByteArray("stranger.example") << true << QByteArray();
    QTest::newRow("C11 another domain passed")
        << other << QByteArray("lists.example") << true << QByteArray("first.example");
    QTest::newRow("C11 the chain fails")
        << pass << QByteArray("lists.example") << false << QByteArray();
}

void TestArc::believesTrustedSealersOnly()
{
    QFETCH(QByteArray, lastResults);
    QFETCH(QByteArray, lastSealer);
    QFETCH(bool, passes);
    QFETCH(QByteArray, excusing);
    ArcFinding arc;
    arc.result = passes ? ArcResult::Pass : ArcResult::Fail;
    arc.sets = {
        {"first.example", "first.example", "first.example; dmarc=pass header.from=example.org"},
        {lastSealer, lastSealer, lastResults}};
    QCOMPARE(excusingSealer(arc, "example.org", {"lists.example", "first.example"}), excusing);
}

}  // namespace portcullis::authentication

QTEST_GUILESS_MAIN(portcullis::authentication::TestArc)
#include "TestArc.moc"
