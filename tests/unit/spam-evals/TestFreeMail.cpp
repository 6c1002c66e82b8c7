// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/FreeMailAddresses.h"
#include "appliance/spam/evals/FreeMailEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QTest>

namespace portcullis::spam {

using test::FakeScan;
using test::rulesOf;

namespace {

constexpr const char *providers = "freemail_domains free.example mail.test yahoo.* yahoo.co*.*\n";

QByteArray mailFrom(const QByteArray &from, const QByteArray &further, const QByteArray &body)
{
    return "Received: from relay.example (relay.example [198.51.100.7]) by mx.example.org with "
           "ESMTP "
           "id 1; Mon, 6 Jan 2025 10:00:00 +0000\nFrom: "
           + from + "\nTo: anna@example.org\n" + further + "Subject: greetings\n\n" + body + "\n";
}

}  // namespace

class TestFreeMail : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void findsAddressesInText_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("found");
        QTest::newRow("plain") << QByteArray("write to joe@mail.example today")
                               << QByteArray("joe@mail.example");
        QTest::newRow("upper case")
            << QByteArray("JOE@Mail.Example") << QByteArray("joe@mail.example");
        QTest::newRow("dot at the end of a sentence")
            << QByteArray("joe@mail.example. Bye") << QByteArray("joe@mail.example");
        QTest::newRow("no valid top level domain")
            << QByteArray("joe@mail.nonsense") << QByteArray();
        QTest::newRow("one label") << QByteArray("joe@example") << QByteArray();
        QTest::newRow("too many labels") << QByteArray("joe@a.b.c.d.e.example") << QByteArray();
        QTest::newRow("two dots in the local part")
            << QByteArray("joe..doe@mail.example") << QByteArray("doe@mail.example");
        QTest::newRow("long local part, from a dot on")
            << QByteArray(QByteArray(70, 'a') + ".b@mail.example") << QByteArray("b@mail.example");
        QTest::newRow("long local part without dot")
            << QByteArray(QByteArray(70, 'a') + "@mail.example") << QByteArray();
        QTest::newRow("second of two")
            << QByteArray("a@b.nonsense c@d.example") << QByteArray("c@d.example");
        QTest::newRow("label with a hyphen at its end")
            << QByteArray("a@b-.example") << QByteArray();
    }

    void findsAddressesInText()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, found);
        const RuleSet rules = rulesOf("");
        const DomainTable domains(rules);
        QCOMPARE(nextAddress(text, 0, domains).address, found);
    }

    void leavesOutQuotedAddresses_data()
    {
        QTest::addColumn<QByteArray>("line");
        QTest::addColumn<QByteArray>("left");
        QTest::newRow("in angle brackets")
            << QByteArray("Joe <joe@mail.example> is here") << QByteArray("Joe   is here");
        QTest::newRow("quoted by")
            << QByteArray("joe@mail.example wrote: hi") << QByteArray("  hi");
        QTest::newRow("followed by a number")
            << QByteArray("joe@mail.example Tel: 123") << QByteArray("joe@mail.example Tel: 123");
        QTest::newRow("plain stays")
            << QByteArray("ask joe@mail.example now") << QByteArray("ask joe@mail.example now");
        QTest::newRow("link with an address")
            << QByteArray("see http://x.example/?u=joe@mail.example ok") << QByteArray("see   ok");
        QTest::newRow("link with an escaped address")
            << QByteArray("see <HTTPS://x.example/joe%40mail.example ok") << QByteArray("see   ok");
        QTest::newRow("link without") << QByteArray("see http://x.example/ a@b.example ok")
                                      << QByteArray("see http://x.example/ a@b.example ok");
        QTest::newRow("mailto: stays")
            << QByteArray("mailto:joe@mail.example>") << QByteArray("mailto:joe@mail.example>");
    }

    void leavesOutQuotedAddresses()
    {
        QFETCH(QByteArray, line);
        QFETCH(QByteArray, left);
        const RuleSet rules = rulesOf("");
        const DomainTable domains(rules);
        QCOMPARE(withoutQuotedAddresses(line, domains), left);
    }

    void knowsRoles_data()
    {
        QTest::addColumn<QByteArray>("address");
        QTest::addColumn<bool>("isRole");
        QTest::addColumn<bool>("isBulk");
        QTest::newRow("person") << QByteArray("joe@a.example") << false << false;
        QTest::newRow("abuse") << QByteArray("abuse@a.example") << true << false;
        QTest::newRow("postmaster") << QByteArray("Postmaster@a.example") << true << true;
        QTest::newRow("undisclosed")
            << QByteArray("undisclosed-recipients@a.example") << true << false;
        QTest::newRow("request number")
            << QByteArray("request-0123456789abcdef@a.example") << true << false;
        QTest::newRow("hex name") << QByteArray("01234567.89abcdef@a.example") << true << false;
        QTest::newRow("uuid") << QByteArray("01234567-89ab-cdef-0123-456789abcdef@a.example")
                              << true << false;
        QTest::newRow("forwarder") << QByteArray("a+caf_=b=c@a.example") << true << true;
        QTest::newRow("VERP") << QByteArray("list-1=joe@a.example") << false << true;
        QTest::newRow("owner") << QByteArray("owner-x@a.example") << false << true;
        QTest::newRow("owner of nothing") << QByteArray("owner-@a.example") << false << false;
        QTest::newRow("bounces") << QByteArray("list-bounces@a.example") << false << true;
        QTest::newRow("noreply") << QByteArray("noreply@a.example") << false << true;
        QTest::newRow("do not reply") << QByteArray("info.donotreply@a.example") << false << true;
        QTest::newRow("no_replies") << QByteArray("no_replies@a.example") << false << true;
        QTest::newRow("piano reply is a name")
            << QByteArray("pianoreply@a.example") << false << false;
        QTest::newRow("no address") << QByteArray("noreply") << false << false;
    }

    void knowsRoles()
    {
        QFETCH(QByteArray, address);
        QFETCH(bool, isRole);
        QFETCH(bool, isBulk);
        QCOMPARE(isRoleAddress(address), isRole);
        QCOMPARE(isBulkSender(address), isBulk);
    }

    void asksWhoWrites_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<QByteArray>("from");
        QTest::addColumn<int>("hits");
        QTest::newRow("exact") << QByteArray() << QByteArray("joe@free.example") << 1;
        QTest::newRow("case") << QByteArray() << QByteArray("Joe <JOE@Free.Example>") << 1;
        QTest::newRow("sub-domain is another")
            << QByteArray() << QByteArray("joe@x.free.example") << 0;
        QTest::newRow("wildcard") << QByteArray() << QByteArray("joe@yahoo.de") << 1;
        QTest::newRow("wildcard stops at a dot")
            << QByteArray() << QByteArray("joe@yahoo.evil.test") << 0;
        QTest::newRow("two wildcards") << QByteArray() << QByteArray("joe@yahoo.co.uk") << 1;
        QTest::newRow("role") << QByteArray() << QByteArray("abuse@free.example") << 0;
        QTest::newRow("welcome address") << QByteArray("freemail_welcomelist joe@free.example\n")
                                         << QByteArray("joe@free.example") << 0;
        QTest::newRow("welcome domain, old name") << QByteArray("freemail_whitelist free.example\n")
                                                  << QByteArray("joe@free.example") << 0;
        QTest::newRow("imported welcome list")
            << QByteArray("freemail_import_welcomelist_auth 1\nwelcomelist_auth *@free.example\n")
            << QByteArray("joe@free.example") << 0;
        QTest::newRow("nobody") << QByteArray() << QByteArray("undisclosed") << 0;
    }

    void asksWhoWrites()
    {
        QFETCH(QByteArray, rules);
        QFETCH(QByteArray, from);
        QFETCH(int, hits);
        FakeScan scan(rulesOf(providers + rules), mailFrom(from, "", "hello"));
        FreeMailEvals module;
        QCOMPARE(scan.ask(module, "check_freemail_from"), hits);
        QCOMPARE(scan.notes.empty(), hits == 0);
    }

    void matchesTheAddressToo()
    {
        const QByteArray rules = QByteArray(providers)
                                 + "header T1 eval:check_freemail_from('\\d@')\n"
                                   "header T2 eval:check_freemail_header('Reply-To', '\\d@')\n";
        FakeScan scan(rulesOf(rules),
                      mailFrom("joe7@free.example", "Reply-To: joe@mail.test\n", "x"));
        FreeMailEvals module;
        QCOMPARE(scan.ask(module, "check_freemail_from", {"\\d@"}), 1);
        QCOMPARE(scan.notes.front(), QByteArray("joe7(at)free.example"));
        QCOMPARE(scan.ask(module, "check_freemail_header", {"Reply-To", "\\d@"}), 0);
        QCOMPARE(scan.ask(module, "check_freemail_header", {"Reply-To"}), 1);
        QCOMPARE(scan.ask(module, "check_freemail_header", {"X-Other"}), 0);
        QCOMPARE(scan.ask(module, "check_freemail_header"), 0);
    }

    void comparesWhereAnswersGo_data()
    {
        QTest::addColumn<QByteArray>("from");
        QTest::addColumn<QByteArray>("further");
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<int>("replyTo");
        QTest::addColumn<int>("reply");
        const QByteArray company("boss@firm.org");
        const QByteArray free("joe@free.example");
        QTest::newRow("another free address")
            << free << QByteArray("Reply-To: ann@mail.test\n") << QByteArray("hi") << 1 << 1;
        QTest::newRow("the same free address")
            << free << QByteArray("Reply-To: joe@free.example\n") << QByteArray("hi") << 0 << 0;
        QTest::newRow("from a firm, answers and body free")
            << company << QByteArray("Reply-To: ann@mail.test\n")
            << QByteArray("write to joe@free.example now") << 1 << 0;
        QTest::newRow("no Reply-To, another free address in the body")
            << free << QByteArray() << QByteArray("write to ann@mail.test now") << 0 << 1;
        QTest::newRow("own address in the body")
            << free << QByteArray() << QByteArray("write to joe@free.example now") << 0 << 0;
        QTest::newRow("quoted address in the body")
            << free << QByteArray() << QByteArray("Ann <ann@mail.test> wrote") << 0 << 0;
        QTest::newRow("a list of addresses")
            << free << QByteArray()
            << QByteArray("a@mail.test b@mail.test c@mail.test d@mail.test e@mail.test") << 0 << 0;
        QTest::newRow("bulk reverse-path")
            << free << QByteArray("Return-Path: <owner-list@lists.test>\nReply-To: ann@mail.test\n")
            << QByteArray("hi") << 0 << 0;
    }

    void comparesWhereAnswersGo()
    {
        QFETCH(QByteArray, from);
        QFETCH(QByteArray, further);
        QFETCH(QByteArray, body);
        // Return-Path stands on top, where a delivery agent puts it.
        const bool hasPath = further.startsWith("Return-Path");
        const qsizetype cut = hasPath ? further.indexOf('\n') + 1 : 0;
        FakeScan scan(rulesOf(providers),
                      further.first(cut) + mailFrom(from, further.sliced(cut), body));
        FreeMailEvals module;
        QTEST(scan.ask(module, "check_freemail_replyto", {"replyto"}), "replyTo");
        QTEST(scan.ask(module, "check_freemail_replyto", {"reply"}), "reply");
        QCOMPARE(scan.ask(module, "check_freemail_replyto", {"other"}), 0);
    }

    void looksIntoTheBody()
    {
        FakeScan scan(rulesOf(providers), mailFrom("boss@firm.org", "", "ask joe@free.example"));
        FreeMailEvals module;
        QCOMPARE(scan.ask(module, "check_freemail_body"), 1);
        QCOMPARE(scan.notes.front(), QByteArray("joe(at)free.example"));
    }

    void withoutProvidersNothingIsFree()
    {
        FakeScan scan(rulesOf("freemail_welcomelist a@b.example\n"),
                      mailFrom("joe@yahoo.com", "", "x"));
        FreeMailEvals module;
        QCOMPARE(scan.ask(module, "check_freemail_from"), 0);
    }

    void reportsWhatItCannotUse()
    {
        FakeScan scan(
            rulesOf("freemail_domains good.example b@d **a*b*c*.test\n"
                    "freemail_welcomelist nothing\nheader X eval:check_freemail_from('(')\n"),
            mailFrom("joe@good.example", "", "x"));
        FreeMailEvals module;
        QCOMPARE(scan.ask(module, "check_freemail_from"), 1);
        QCOMPARE(scan.problems.problems.size(), size_t(4));
        QCOMPARE(scan.ask(module, "check_freemail_from", {"("}), 0);
    }

    void hostileBodiesStayCheap()
    {
        const QByteArray body = QByteArray("a.").repeated(50'000) + "@"
                                + QByteArray("x@").repeated(50'000)
                                + QByteArray("http://").repeated(10'000)
                                + QByteArray("<@.").repeated(10'000);
        FakeScan scan(rulesOf(providers), mailFrom("joe@free.example", "", body));
        FreeMailEvals module;
        QCOMPARE(scan.ask(module, "check_freemail_replyto", {"reply"}), 0);
    }
};

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestFreeMail)
#include "TestFreeMail.moc"
