// SPDX-License-Identifier: GPL-2.0-or-later
// pmg.conf's section spam in SpamAssassin's words.
#include "appliance/filter/SpamRuleText.h"

#include <QtTest/QtTest>

namespace portcullis::filter {

class TestSpamRuleText final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void sayWhatIsSet_data();
    void sayWhatIsSet();
    void pluginsFollowTheirSettings();
};

namespace {

using Change = void (*)(config::Config &);

}  // namespace

}  // namespace portcullis::filter

Q_DECLARE_METATYPE(portcullis::filter::Change)

namespace portcullis::filter {

void TestSpamRuleText::sayWhatIsSet_data()
{
    QTest::addColumn<Change>("change");
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<bool>("isThere");
    const auto row = [](const char *name, const Change &change, const char *line, bool isThere) {
        QTest::newRow(name) << change << QByteArray(line) << isThere;
    };
    using config::Config;
    row(
        "Bayes on", [](Config &c) { c.spam.useBayes = true; }, "use_bayes 1", true);
    row(
        "Bayes off", [](Config &c) { c.spam.useBayes = false; }, "use_bayes 0", true);
    row(
        "lists off", [](Config &c) { c.spam.rblChecks = false; }, "skip_rbl_checks 1", true);
    row(
        "Razor needs the network", [](Config &c) { c.spam.rblChecks = false; }, "use_razor2 0",
        true);
    row(
        "all languages", [](Config &c) { c.spam.languages = "all"; }, "ok_languages all", false);
    row(
        "two languages", [](Config &c) { c.spam.languages = "de en"; }, "ok_languages de en", true);
    row(
        "own networks",
        [](Config &c) { c.trustedNetworks = {*config::Network::parse("192.0.2.0/24")}; },
        "trusted_networks 192.0.2.0/24", true);
    row(
        "bounces cost nothing", [](Config &c) { c.spam.bounceScore = 0; },
        "score ANY_BOUNCE_MESSAGE 0", false);
    row(
        "bounces cost", [](Config &c) { c.spam.bounceScore = 4; }, "score ANY_BOUNCE_MESSAGE 4",
        true);
    row(
        "own and other relays",
        [](Config &c) {
            c.spam.bounceScore = 4;
            c.fqdn = "mx.example.com";
            c.spam.welcomeBounceRelays = "relay.example.com";
        },
        "welcomelist_bounce_relays mx.example.com relay.example.com", true);
}

void TestSpamRuleText::sayWhatIsSet()
{
    QFETCH(Change, change);
    QFETCH(QByteArray, line);
    QFETCH(bool, isThere);
    config::Config config;
    change(config);
    QCOMPARE(spamRuleText(config).split('\n').contains(line), isThere);
}

void TestSpamRuleText::pluginsFollowTheirSettings()
{
    config::Config config;
    config.spam.useAwl = false;
    config.spam.languages = "all";
    QCOMPARE(spamPluginText(config), QByteArray());
    config.spam.useAwl = true;
    config.spam.languages = "de";
    QVERIFY(spamPluginText(config).contains("Plugin::AWL\n"));
    QVERIFY(spamPluginText(config).contains("Plugin::TextCat\n"));
    config.spam.useTxRep = true;  // Takes the place of AWL.
    QVERIFY(spamPluginText(config).contains("Plugin::TxRep\n"));
    QVERIFY(!spamPluginText(config).contains("Plugin::AWL\n"));
    QVERIFY(spamRuleText(config).contains("use_txrep 1\n"));
    QVERIFY(!spamRuleText(config).contains("use_auto_welcomelist"));
}

}  // namespace portcullis::filter

QTEST_GUILESS_MAIN(portcullis::filter::TestSpamRuleText)
#include "TestSpamRuleText.moc"
