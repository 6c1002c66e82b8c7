// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/BounceEvals.h"
#include "appliance/spam/evals/GlobList.h"
#include "appliance/spam/evals/MailAddresses.h"
#include "appliance/spam/evals/WelcomeListEvals.h"
#include "appliance/spam/evals/WelcomeListSubjectEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QTest>

namespace portcullis::spam {

using test::FakeScan;
using test::rulesOf;

namespace {

constexpr const char *letter =
    "Return-Path: <bounce@firm.org>\n"
    "Received: from out.firm.org (out.firm.org [198.51.100.7]) by mx.example.org with ESMTP id 1\n"
    "\tfor <anna@inner.example>; Mon, 6 Jan 2025 10:00:00 +0000\n"
    "From: Boss <Boss@Firm.org>\n"
    "Reply-To: boss@elsewhere.test\n"
    "To: Anna <anna@example.org>, ben@example.org\n"
    "Cc: cleo@example.org\n"
    "Subject: [Bug 17] Make Money fast\n"
    "\n"
    "see http://www.shop.example/x and http://good.shop.example/ and http://192.0.2.9/\n";

constexpr const char *bounce =
    "From: MAILER-DAEMON@far.test\nSubject: failure\nContent-Type: text/plain\n\nYour mail:\n\n"
    "> Received: from a.test\n>\tby out.firm.org with ESMTP\n"
    "Received: from inner (inner [10.0.0.1])\n\tby relay7.isp.test (Postfix) with ESMTP id 5\n"
    "Subject: hello\n";

}  // namespace

class TestWelcomeLists : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void matchesGlobs_data()
    {
        QTest::addColumn<QByteArray>("glob");
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<bool>("anything");
        QTest::addColumn<bool>("withinLabel");
        QTest::newRow("equal") << QByteArray("a@b.c") << QByteArray("a@b.c") << true << true;
        QTest::newRow("star") << QByteArray("*@b.c") << QByteArray("x@b.c") << true << true;
        QTest::newRow("star of nothing") << QByteArray("a*") << QByteArray("a") << true << true;
        QTest::newRow("star over a dot")
            << QByteArray("*.c") << QByteArray("a.b.c") << true << false;
        QTest::newRow("two stars") << QByteArray("*a*b") << QByteArray("xaxaxb") << true << true;
        QTest::newRow("question mark") << QByteArray("a?c") << QByteArray("abc") << true << true;
        QTest::newRow("question mark needs one")
            << QByteArray("a?") << QByteArray("a") << false << false;
        QTest::newRow("anchored") << QByteArray("b") << QByteArray("abc") << false << false;
        QTest::newRow("brackets are themselves")
            << QByteArray("[b]") << QByteArray("b") << false << false;
        QTest::newRow("question mark for the dot")
            << QByteArray("*?*b") << QByteArray("aa.b") << true << true;
        QTest::newRow("a star for each label")
            << QByteArray("a*.*.c*") << QByteArray("ax.b.c") << true << true;
        QTest::newRow("one label too many")
            << QByteArray("a*.*.c") << QByteArray("a.b.b.c") << true << false;
        QTest::newRow("many stars")
            << QByteArray("*a").repeated(100) + 'b' << QByteArray(1'000, 'a') << false << false;
        QTest::newRow("empty text") << QByteArray("*") << QByteArray() << true << true;
    }

    void matchesGlobs()
    {
        QFETCH(QByteArray, glob);
        QFETCH(QByteArray, text);
        QTEST(matchesGlob(glob, text), "anything");
        QTEST(matchesGlob(glob, text, GlobStar::WithinLabel), "withinLabel");
    }

    void listsAgreeWithTheirGlobs_data()
    {
        QTest::addColumn<QByteArray>("pattern");
        QTest::addColumn<QByteArray>("address");
        QTest::addColumn<bool>("matches");
        QTest::newRow("exact, other case")
            << QByteArray("Joe@A.example") << QByteArray("jOE@a.Example") << true;
        QTest::newRow("host") << QByteArray("*@a.example") << QByteArray("x@a.example") << true;
        QTest::newRow("host is no suffix")
            << QByteArray("*@a.example") << QByteArray("x@b.a.example") << false;
        QTest::newRow("below a domain")
            << QByteArray("*@*.a.example") << QByteArray("x@b.a.example") << true;
        QTest::newRow("below is not the domain itself")
            << QByteArray("*@*.a.example") << QByteArray("x@a.example") << false;
        QTest::newRow("dots in the local part do not count")
            << QByteArray("*@*.a.example") << QByteArray("x.a.example@b.test") << false;
        QTest::newRow("suffix") << QByteArray("*.example") << QByteArray("x@a.example") << true;
        QTest::newRow("no address")
            << QByteArray("*@a.example") << QByteArray("a.example") << false;
    }

    void listsAgreeWithTheirGlobs()
    {
        QFETCH(QByteArray, pattern);
        QFETCH(QByteArray, address);
        QFETCH(bool, matches);
        GlobList list;
        QVERIFY(list.isEmpty());
        list.add(pattern);
        QVERIFY(!list.isEmpty());
        QCOMPARE(list.matches(address), matches);
        QCOMPARE(matchesGlob(pattern.toLower(), address.toLower()), matches);
    }

    void knowsSendersAndRecipients()
    {
        FakeScan scan(rulesOf(""), letter);
        QCOMPARE(sendersOf(scan.text()),
                 (std::vector<QByteArray>{"Boss@Firm.org", "bounce@firm.org"}));
        QCOMPARE(recipientsOf(scan.text()),
                 (std::vector<QByteArray>{"anna@inner.example", "anna@example.org",
                                          "ben@example.org", "cleo@example.org"}));
        FakeScan resent(rulesOf(""),
                        QByteArray("Resent-From: x@a.test\nResent-To: y@b.test\n") + letter);
        QCOMPARE(sendersOf(resent.text()), std::vector<QByteArray>{"x@a.test"});
        QCOMPARE(recipientsOf(resent.text()), std::vector<QByteArray>{"y@b.test"});
    }

    void ofManyAddressesTheFirstCount()
    {
        QByteArray letterToMany = "From: a@b.example\n";
        for (int field = 0; field < 30; ++field) {
            letterToMany += "To: ";
            for (int i = 0; i < 400; ++i) {
                letterToMany += 'u' + QByteArray::number(field * 400 + i) + "@x.example, ";
            }
            letterToMany += "last@x.example\n";
        }
        FakeScan scan(rulesOf(""), letterToMany + "\nx\n");
        const std::vector<QByteArray> recipients = recipientsOf(scan.text());
        QCOMPARE(recipients.size(), AddressLimits().addresses);
        QCOMPARE(recipients.front(), QByteArray("u0@x.example"));
    }

    void readsWhomMailIsReceivedFor_data()
    {
        QTest::addColumn<QByteArray>("received");
        QTest::addColumn<QByteArray>("recipient");
        QTest::newRow("bracketed")
            << QByteArray("by x for <a@b.test>; Mon") << QByteArray("a@b.test");
        QTest::newRow("bare") << QByteArray("by x for a@b.test; Mon") << QByteArray("a@b.test");
        QTest::newRow("no semicolon") << QByteArray("by x for <a@b.test> Mon") << QByteArray();
        QTest::newRow("no host") << QByteArray("by x for <a@b>; Mon") << QByteArray();
        QTest::newRow("second for")
            << QByteArray("by x for ever for <a@b.test>; Mon") << QByteArray("a@b.test");
        QTest::newRow("nothing") << QByteArray("by x for @; Mon") << QByteArray();
    }

    void readsWhomMailIsReceivedFor()
    {
        QFETCH(QByteArray, received);
        QTEST(recipientInReceived(received), "recipient");
    }

    void asksLists_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<QByteArray>("function");
        QTest::addColumn<QByteArray>("argument");
        QTest::addColumn<int>("hits");
        const auto row = [](const char *name, const char *rules, const char *function,
                            const char *argument, int hits) {
            QTest::newRow(name) << QByteArray(rules) << QByteArray(function) << QByteArray(argument)
                                << hits;
        };
        row("blocked sender", "blocklist_from *@firm.org", "check_from_in_blocklist", "", 1);
        row("blocked sender, old names", "blacklist_from *@firm.org", "check_from_in_blacklist", "",
            1);
        row("sender not blocked", "blocklist_from *@other.org", "check_from_in_blocklist", "", 0);
        row("blocked reverse-path", "blocklist_from bounce@firm.org", "check_from_in_blocklist", "",
            1);
        row("blocked recipient", "blocklist_to cleo@example.org", "check_to_in_blocklist", "", 1);
        row("welcome recipient", "welcomelist_to anna@inner.example", "check_to_in_welcomelist", "",
            1);
        row("recipient old name", "whitelist_to ben@*", "check_to_in_whitelist", "", 1);
        row("more spam", "more_spam_to ben@example.org", "check_to_in_more_spam", "", 1);
        row("all spam", "all_spam_to b?n@example.org", "check_to_in_all_spam", "", 1);
        row("no list", "", "check_to_in_all_spam", "", 0);
        row("named list", "enlist_addrlist (BOSSES) *@firm.org x@y.z", "check_from_in_list",
            "BOSSES", 1);
        row("named list of recipients", "enlist_addrlist (US) *@example.org", "check_to_in_list",
            "US", 1);
        row("named list of answers", "enlist_addrlist (E) *@elsewhere.test",
            "check_replyto_in_list", "E", 1);
        row("answers elsewhere", "enlist_addrlist (E) *@firm.org", "check_replyto_in_list", "E", 0);
        row("unknown list", "enlist_addrlist (E) *", "check_from_in_list", "F", 0);
        row("directive by its name as a list", "blocklist_from *@firm.org", "check_from_in_list",
            "blocklist_from", 1);
        row("welcome sender", "welcomelist_from boss@firm.org", "check_from_in_welcomelist", "", 1);
        row("welcome sender taken back",
            "welcomelist_from boss@firm.org\nunwelcomelist_from boss@firm.org",
            "check_from_in_welcomelist", "", 0);
        row("welcome through its relay", "welcomelist_from_rcvd boss@firm.org firm.org",
            "check_from_in_welcomelist", "", 1);
        row("welcome through an address", "welcomelist_from_rcvd *@firm.org [198.51.100.7]",
            "check_from_in_welcomelist", "", 1);
        row("welcome through a network", "welcomelist_from_rcvd *@firm.org [198.51.100.0]/24",
            "check_from_in_welcomelist", "", 1);
        row("welcome through a classful network", "welcomelist_from_rcvd *@firm.org [198.51.100]",
            "check_from_in_welcomelist", "", 1);
        row("another network", "welcomelist_from_rcvd *@firm.org [198.51.10]",
            "check_from_in_welcomelist", "", 0);
        row("another relay", "welcomelist_from_rcvd boss@firm.org irm.org",
            "check_from_in_welcomelist", "", 0);
        row("another relay is forgery", "welcomelist_from_rcvd boss@firm.org other.test",
            "check_forged_in_welcomelist", "", 1);
        row("unless any relay may",
            "welcomelist_from_rcvd boss@firm.org other.test\nwelcomelist_allows_relays "
            "boss@firm.org",
            "check_forged_in_welcomelist", "", 0);
        row("unless it is welcome by default",
            "welcomelist_from_rcvd boss@firm.org other.test\ndef_welcomelist_from_rcvd *@firm.org "
            "firm.org",
            "check_forged_in_welcomelist", "", 0);
        row("welcome by default", "def_welcomelist_from_rcvd *@firm.org firm.org",
            "check_from_in_default_welcomelist", "", 1);
        row("forged default", "def_whitelist_from_rcvd *@firm.org other.test",
            "check_forged_in_default_whitelist", "", 1);
        row("host", "enlist_uri_host (H) shop.example", "check_uri_host_listed", "H", 1);
        row("host taken out",
            "enlist_uri_host (H) shop.example !www.shop.example !good.shop.example",
            "check_uri_host_listed", "H", 0);
        row("one of two hosts taken out", "enlist_uri_host (H) shop.example !good.shop.example",
            "check_uri_host_listed", "H", 1);
        row("address as host", "enlist_uri_host (H) 192.0.2.9", "check_uri_host_listed", "H", 1);
        row("network is no host", "enlist_uri_host (H) 0.2.9", "check_uri_host_listed", "H", 0);
        row("another list", "enlist_uri_host (H) shop.example", "check_uri_host_listed", "I", 0);
        row("blocked host", "blocklist_uri_host shop.example", "check_uri_host_in_blocklist", "",
            1);
        row("welcome host", "welcomelist_uri_host shop.example", "check_uri_host_in_welcomelist",
            "", 1);
        row("relay of the sender's domain", "", "check_mailfrom_matches_rcvd", "", 1);
    }

    void asksLists()
    {
        QFETCH(QByteArray, rules);
        QFETCH(QByteArray, function);
        QFETCH(QByteArray, argument);
        QFETCH(int, hits);
        FakeScan scan(rulesOf(rules + '\n'), letter);
        WelcomeListEvals module;
        QCOMPARE(scan.ask(module, function,
                          argument.isEmpty() ? std::vector<QByteArray>() : std::vector{argument}),
                 hits);
        QVERIFY(scan.problems.problems.empty());
    }

    void aForeignRelayDoesNotMatchTheSender()
    {
        FakeScan scan(rulesOf(""), QByteArray(letter).replace("out.firm.org", "out.other.net"));
        WelcomeListEvals module;
        QCOMPARE(scan.ask(module, "check_mailfrom_matches_rcvd"), 0);
    }

    void comparesSubjects_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<int>("welcome");
        QTest::addColumn<int>("blocked");
        QTest::newRow("no lists") << QByteArray() << 0 << 0;
        QTest::newRow("glob anywhere") << QByteArray("welcomelist_subject [Bug *]\n") << 1 << 0;
        QTest::newRow("words in any case")
            << QByteArray("blocklist_subject make MONEY\n") << 0 << 1;
        QTest::newRow("old names")
            << QByteArray("whitelist_subject bug\nblacklist_subject fast\n") << 1 << 1;
        QTest::newRow("other words") << QByteArray("blocklist_subject money make\n") << 0 << 0;
    }

    void comparesSubjects()
    {
        QFETCH(QByteArray, rules);
        QFETCH(int, welcome);
        QFETCH(int, blocked);
        FakeScan scan(rulesOf(rules), letter);
        WelcomeListSubjectEvals module;
        QCOMPARE(scan.ask(module, "check_subject_in_welcomelist"), welcome);
        QCOMPARE(scan.ask(module, "check_subject_in_whitelist"), welcome);
        QCOMPARE(scan.ask(module, "check_subject_in_blocklist"), blocked);
        QCOMPARE(scan.ask(module, "check_subject_in_blacklist"), blocked);
        FakeScan without(rulesOf(rules), "From: a@b.test\n\nx\n");
        WelcomeListSubjectEvals other;
        QCOMPARE(without.ask(other, "check_subject_in_blocklist"), 0);
    }

    void knowsBouncesOfOurOwnMail_data()
    {
        QTest::addColumn<QByteArray>("relays");
        QTest::addColumn<int>("any");
        QTest::addColumn<int>("ours");
        QTest::newRow("none named") << QByteArray() << 0 << 0;
        QTest::newRow("in a folded field")
            << QByteArray("welcomelist_bounce_relays relay7.isp.test\n") << 1 << 1;
        QTest::newRow("glob, old name")
            << QByteArray("whitelist_bounce_relays x.y relay*.isp.test\n") << 1 << 1;
        QTest::newRow("another") << QByteArray("welcomelist_bounce_relays relay8.isp.test\n") << 1
                                 << 0;
    }

    void knowsBouncesOfOurOwnMail()
    {
        QFETCH(QByteArray, relays);
        QFETCH(int, any);
        QFETCH(int, ours);
        FakeScan scan(rulesOf(relays), bounce);
        BounceEvals module;
        QCOMPARE(scan.ask(module, "have_any_bounce_relays"), any);
        QCOMPARE(scan.ask(module, "check_welcomelist_bounce_relays"), ours);
        QCOMPARE(scan.ask(module, "check_whitelist_bounce_relays"), ours);
    }
};

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestWelcomeLists)
#include "TestWelcomeLists.moc"
