// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/integration/delivery/DeliveryBench.h"
#include "tests/support/dns/TestDnsServer.h"
#include "tests/support/mx/ScriptedMx.h"

#include <QtTest/QTest>

#include <algorithm>

namespace portcullis {

using namespace std::chrono_literals;
using test::DeliveryBench;
using test::ScriptedMx;
using Kind = delivery::DeliveryEvent::Kind;

class TestDelivery final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void deliversAndRemoves();
    void keepsConnectionsBusy();
    void groupsRecipientsOfOneNextHop();
    void splitsManyRecipients();
    void speaksLmtpWithAReplyForEachRecipient();
    void bouncesWhatIsRefused();
    void neverBouncesANullSender();
    void defersAndTriesAgain();
    void expiresAfterTheLifetime();
    void warnsOnceOfADelay();
    void reportsSuccessWhereTheNextHopDoesNot();
    void stopsLoopsByHops();
    void isolatesADestinationThatIsDown();
    void survivesA421AfterEachMail();
    void goesToTheNextMx();
    void bouncesNullMxAndUnknownDomains();
    void refusesToLoopToItself();
    void survivesHostileServers_data();
    void survivesHostileServers();
    void doesNotExpireOnAClockJump();
    void staysQueuedWhenStoppedInTheMiddle();
    void flushesOnDemand();
    void honoursAHold();
};

void TestDelivery::deliversAndRemoves()
{
    ScriptedMx mx;
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    bench.queue("a@b.example", {"c@d.example"}, "Subject: x\r\n\r\n.dot\r\nlast line without end");
    QTRY_COMPARE(mx.messages.size(), size_t(1));
    QTRY_COMPARE(bench.observer.count(Kind::Delivered), 1);
    QCOMPARE(mx.messages[0].data,
             QByteArray("Subject: x\r\n\r\n..dot\r\nlast line without end\r\n"));
    QCOMPARE(bench.waiting(), qint64(0));
    const auto event = bench.observer.events().front();
    QCOMPARE(event.reply.toLine(), QByteArray("250 2.0.0 kept"));
    QVERIFY2(event.nextHop.startsWith("[127.0.0.1]:"), event.nextHop.constData());
}

void TestDelivery::keepsConnectionsBusy()
{
    ScriptedMx mx;
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    for (int i = 0; i < 100; ++i) {
        bench.queue("a@b.example", {"c@d.example"});
    }
    bench.start();
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.count(Kind::Delivered), 100, 20'000);
    QCOMPARE(mx.messages.size(), size_t(100));
    QVERIFY2(mx.connections <= 20, "connections are used again");
    bench.stop();
    QTRY_COMPARE(mx.openConnections, 0);
}

void TestDelivery::groupsRecipientsOfOneNextHop()
{
    ScriptedMx one;
    ScriptedMx two;
    DeliveryBench bench;
    bench.routeTo(one.serverPort());
    bench.routeTo(two.serverPort(), "two.example");
    bench.start();
    bench.queue("a@b.example", {"1@one.example", "2@two.example", "3@other.example"});
    QTRY_COMPARE(bench.observer.count(Kind::Delivered), 3);
    QCOMPARE(one.messages.size(), size_t(1));
    QCOMPARE(one.messages[0].recipients.size(), size_t(2));
    QCOMPARE(two.messages.size(), size_t(1));
    QTRY_COMPARE(bench.waiting(), qint64(0));
}

void TestDelivery::splitsManyRecipients()
{
    ScriptedMx mx;
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.settings.connections.recipients = 30;
    bench.start();
    std::vector<QByteArray> recipients;
    for (int i = 0; i < 100; ++i) {
        recipients.push_back("r" + QByteArray::number(i) + "@d.example");
    }
    bench.queue("a@b.example", recipients);
    QTRY_COMPARE(bench.observer.count(Kind::Delivered), 100);
    QCOMPARE(mx.messages.size(), size_t(4));
    QTRY_COMPARE(bench.waiting(), qint64(0));
}

void TestDelivery::speaksLmtpWithAReplyForEachRecipient()
{
    ScriptedMx mx;
    mx.isLmtp = true;
    mx.script = [&mx](int, const QByteArray &line) {
        if (line.startsWith(". ") && line.contains("full@")) {
            return QByteArray("452 4.2.2 mailbox full\r\n");
        }
        if (line.startsWith(". ") && line.contains("gone@")) {
            return QByteArray("550 5.1.1 nobody here\r\n");
        }
        return mx.polite(line.left(1) == "." ? QByteArray(".") : line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort(), {}, config::Protocol::Lmtp);
    bench.start();
    const QByteArray id = bench.queue({}, {"ok@d.example", "full@d.example", "gone@d.example"});
    QTRY_COMPARE(bench.observer.events().size(), size_t(3));
    QVERIFY(mx.lines.front().startsWith("LHLO "));
    const spool::Entry entry = bench.load(id);
    QCOMPARE(entry.progress[0].state, spool::RecipientState::Delivered);
    QCOMPARE(entry.progress[1].state, spool::RecipientState::Pending);
    QCOMPARE(entry.progress[1].lastReply, QByteArray("452 4.2.2 mailbox full"));
    QCOMPARE(entry.progress[2].state, spool::RecipientState::Failed);
}

void TestDelivery::bouncesWhatIsRefused()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT") && line.contains("gone@")
                   ? QByteArray("550 5.1.1 nobody here\r\n")
                   : mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    bench.queue("sender@b.example", {"gone@d.example", "here@d.example"});
    QTRY_COMPARE(mx.messages.size(), size_t(2));
    QCOMPARE(mx.messages[0].recipients.size(), size_t(1));
    QVERIFY(mx.messages[1].sender.startsWith("MAIL FROM:<> "));
    QCOMPARE(mx.messages[1].recipients[0], QByteArray("RCPT TO:<sender@b.example>"));
    for (const char *text :
         {"Final-Recipient: rfc822; gone@d.example\r\n", "Action: failed\r\n", "Status: 5.1.1\r\n",
          "Diagnostic-Code: smtp; 550 5.1.1 nobody here\r\n", "Auto-Submitted: auto-replied\r\n"}) {
        QVERIFY2(mx.messages[1].data.contains(text), text);
    }
    QVERIFY(!mx.messages[1].data.contains("here@d.example\r\nAction"));
    QTRY_COMPARE(bench.waiting(), qint64(0));
    QCOMPARE(bench.observer.count(Kind::Bounced), 1);
}

void TestDelivery::neverBouncesANullSender()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("MAIL") ? QByteArray("550 5.7.1 no\r\n") : mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    bench.queue({}, {"c@d.example"});
    QTRY_COMPARE(bench.observer.count(Kind::Bounced), 1);
    QTRY_COMPARE(bench.waiting(), qint64(0));
    QVERIFY(bench.observer.events().front().dsnQueueId.isEmpty());
}

void TestDelivery::defersAndTriesAgain()
{
    ScriptedMx mx;
    int attempts = 0;
    mx.script = [&](int, const QByteArray &line) {
        return line.startsWith("RCPT") && ++attempts < 3 ? QByteArray("450 4.2.0 later\r\n")
                                                         : mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.settings.messageBackoff = {1s, 1s, 0.0};
    bench.start();
    const QByteArray id = bench.queue("a@b.example", {"c@d.example"});
    QTRY_COMPARE(bench.observer.count(Kind::Deferred), 1);
    const spool::Entry entry = bench.load(id);
    QCOMPARE(entry.reason, QByteArray("450 4.2.0 later"));
    QCOMPARE(entry.progress[0].attempts, 1U);
    QVERIFY(entry.nextAttempt > entry.receivedAt);
    QTRY_COMPARE_WITH_TIMEOUT(mx.messages.size(), size_t(1), 10'000);
    QTRY_COMPARE(bench.waiting(), qint64(0));
    QCOMPARE(bench.observer.count(Kind::Deferred), 2);
}

void TestDelivery::expiresAfterTheLifetime()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT TO:<c@") ? QByteArray("450 4.2.0 later\r\n") : mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    bench.queue("a@b.example", {"c@d.example"}, "Subject: F13\r\n\r\nx\r\n",
                [&](spool::Entry &entry) { entry.receivedAt = bench.clock.wall() - 121h; });
    QTRY_COMPARE(bench.observer.count(Kind::Expired), 1);
    QTRY_COMPARE(mx.messages.size(), size_t(1));
    QVERIFY(mx.messages[0].data.contains("Status: 5.2.0\r\n"));
    QTRY_COMPARE(bench.waiting(), qint64(0));
}

void TestDelivery::warnsOnceOfADelay()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT TO:<c@") ? QByteArray("450 4.2.0 later\r\n") : mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.settings.delayWarning = 4h;
    bench.settings.messageBackoff = {1s, 1s, 0.0};
    bench.start();
    const QByteArray id = bench.queue(
        "a@b.example", {"c@d.example"}, "Subject: late\r\n\r\nx\r\n",
        [&](spool::Entry &entry) { entry.receivedAt = bench.clock.wall() - 5h; });
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.count(Kind::Deferred), 3, 10'000);
    QCOMPARE(bench.observer.count(Kind::Delayed), 1);
    QCOMPARE(mx.messages.size(), size_t(1));
    QVERIFY(mx.messages[0].data.contains("Action: delayed\r\n"));
    QVERIFY(mx.messages[0].data.contains("Will-Retry-Until: "));
    QVERIFY(bench.load(id).progress[0].isDelayReported);
}

void TestDelivery::reportsSuccessWhereTheNextHopDoesNot()
{
    ScriptedMx mx;
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    const auto wantsSuccess = [](spool::Entry &entry) {
        entry.envelope.recipients[0].notify = mail::Notify::Success;
        entry.envelope.recipients[0].originalRecipient = "rfc822;c+2Bx@d.example";
        entry.envelope.envelopeId = "id-1";
    };
    bench.queue("a@b.example", {"c@d.example"}, "Subject: x\r\n\r\nx\r\n", wantsSuccess);
    QTRY_COMPARE(mx.messages.size(), size_t(2));
    QVERIFY(mx.messages[1].data.contains("Action: relayed\r\n"));
    QVERIFY(mx.messages[1].data.contains("Original-Recipient: rfc822; c+x@d.example\r\n"));

    mx.extensions += "\nDSN";
    ScriptedMx dsnMx;
    dsnMx.extensions += "\nDSN";
    bench.config->mail.smarthost->port = dsnMx.serverPort();
    bench.stop();
    bench.start();
    bench.queue("a@b.example", {"c@d.example"}, "Subject: x\r\n\r\nx\r\n", wantsSuccess);
    QTRY_COMPARE(dsnMx.messages.size(), size_t(1));
    QCOMPARE(dsnMx.messages[0].recipients[0],
             QByteArray("RCPT TO:<c@d.example> NOTIFY=SUCCESS ORCPT=rfc822;c+2Bx@d.example"));
    QVERIFY(dsnMx.messages[0].sender.contains(" ENVID=id-1"));
    QTRY_COMPARE(bench.waiting(), qint64(0));
}

void TestDelivery::stopsLoopsByHops()
{
    ScriptedMx mx;
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    QByteArray text;
    for (int i = 0; i < 51; ++i) {
        text += "Received: from x by y; now\r\n";
    }
    bench.queue("a@b.example", {"c@d.example"}, text + "Subject: R3\r\n\r\nx\r\n");
    QTRY_COMPARE(mx.messages.size(), size_t(1));  // One DSN, and not the message.
    QVERIFY(mx.messages[0].data.contains("Status: 5.4.6\r\n"));
    QTRY_COMPARE(bench.waiting(), qint64(0));
}

void TestDelivery::isolatesADestinationThatIsDown()
{
    ScriptedMx good;
    ScriptedMx silent;  // Takes connections, never greets: the worst kind of being down.
    silent.greeting = {};
    DeliveryBench bench;
    bench.routeTo(good.serverPort());
    bench.routeTo(silent.serverPort(), "silent.example");
    bench.routeTo(1, "closed.example");  // Nobody listens there.
    bench.settings.connections.total = 30;
    for (int i = 0; i < 50; ++i) {
        bench.queue({}, {"x@silent.example"});
        bench.queue({}, {"x@closed.example"});
    }
    for (int i = 0; i < 50; ++i) {
        bench.queue("a@b.example", {"c@d.example"});
    }
    bench.start();
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.count(Kind::Delivered), 50, 20'000);
    QTRY_COMPARE(bench.observer.count(Kind::Deferred), 50);
    QTRY_VERIFY(bench.manager->statistics().deadDestinations == 1);
    QVERIFY2(silent.connections <= 5, "a destination without success gets few connections");
}

void TestDelivery::survivesA421AfterEachMail()
{
    ScriptedMx mx;
    QHash<int, int> mails;
    mx.script = [&](int connection, const QByteArray &line) {
        if (line.startsWith("MAIL") && ++mails[connection] > 1) {
            return QByteArray("421 4.7.0 one mail a connection\r\n") + ScriptedMx::hangUp;
        }
        return mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    for (int i = 0; i < 20; ++i) {
        bench.queue("a@b.example", {"c@d.example"}, "Subject: F13\r\n\r\nx\r\n");
    }
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.count(Kind::Delivered), 20, 20'000);
    QCOMPARE(mx.messages.size(), size_t(20));
    QCOMPARE(bench.observer.count(Kind::Deferred), 0);
}

void TestDelivery::goesToTheNextMx()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    test::TestDnsServer dns;
    dns.addZone("example.test", "@ MX 10 dead\n@ MX 20 busy\n@ MX 30 good\ndead A 127.0.0.2\n"
                                "busy A 127.0.0.3\ngood A 127.0.0.4\n");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));
    ScriptedMx good(QHostAddress(QStringLiteral("127.0.0.4")));
    ScriptedMx busy(QHostAddress(QStringLiteral("127.0.0.3")), good.serverPort());
    busy.script = [&busy](int, const QByteArray &line) {
        return line.startsWith("MAIL") ? QByteArray("421 4.3.2 busy\r\n") + ScriptedMx::hangUp
                                       : busy.polite(line);
    };
    DeliveryBench bench;
    bench.settings.mxPort = good.serverPort();
    bench.resolver.servers = {dns.server()};
    bench.start();
    bench.queue("a@b.example", {"c@example.test"});
    QTRY_COMPARE(good.messages.size(), size_t(1));
    QTRY_COMPARE(bench.observer.count(Kind::Delivered), 1);
    QVERIFY(bench.observer.events().front().nextHop.startsWith("good.example.test[127.0.0.4]:"));
    QCOMPARE(busy.connections, 1);
}

void TestDelivery::bouncesNullMxAndUnknownDomains()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    test::TestDnsServer dns;
    dns.addZone("null.test", "@ MX 0 .\n");
    dns.addZone("test", "short.test. MX 10 nowhere\n");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));
    DeliveryBench bench;
    bench.resolver.servers = {dns.server()};
    bench.start();
    bench.queue({}, {"a@null.test"});
    bench.queue({}, {"a@unknown.test"});
    bench.queue({}, {"a@short.test"});
    bench.queue({}, {"a@servfail.example"});
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.events().size(), size_t(4), 15'000);
    QHash<QByteArray, QByteArray> codes;
    for (const auto &event : bench.observer.events()) {
        codes[event.recipient.address.domain()] = event.reply.enhanced;
    }
    QCOMPARE(codes["null.test"], QByteArray("5.1.10"));
    QCOMPARE(codes["unknown.test"], QByteArray("5.1.2"));
    QCOMPARE(codes["short.test"], QByteArray("5.4.4"));
    QCOMPARE(codes["servfail.example"], QByteArray("4.4.3"));
}

void TestDelivery::refusesToLoopToItself()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    test::TestDnsServer dns;
    dns.addZone("self.test", "@ MX 10 gateway.example.\n@ MX 20 other\nother A 192.0.2.1\n");
    dns.addZone("local.test", "@ MX 10 trick\ntrick A 127.0.0.1\n");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));
    DeliveryBench bench;
    bench.resolver.servers = {dns.server()};
    bench.settings.allowsLoopbackMx = false;
    bench.start();
    bench.queue({}, {"r3@self.test"});
    bench.queue({}, {"r8@local.test"});
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.count(Kind::Bounced), 2, 15'000);
    QHash<QByteArray, QByteArray> codes;
    for (const auto &event : bench.observer.events()) {
        codes[event.recipient.address.domain()] = event.reply.enhanced;
    }
    QCOMPARE(codes["self.test"], QByteArray("5.4.6"));
    QCOMPARE(codes["local.test"], QByteArray("5.4.4"));
}

void TestDelivery::survivesHostileServers_data()
{
    QTest::addColumn<QByteArray>("verb");
    QTest::addColumn<QByteArray>("reply");
    QByteArray endless;
    for (int i = 0; i < 2000; ++i) {
        endless += "250-more\r\n";
    }
    for (const char *verb : {"EHLO", "MAIL", "RCPT", "DATA", "."}) {
        const QByteArray name(verb);
        QTest::newRow("R7 endless multi-line reply to " + name) << name << endless;
        QTest::newRow("R7 a line of 1 MB to " + name)
            << name << "250 " + QByteArray(1'000'000, 'x') + "\r\n";
        QTest::newRow("R7 no line end to " + name) << name << QByteArray(200'000, '2');
        QTest::newRow("R7 not SMTP to " + name) << name << QByteArray("HTTP/1.1 200 OK\r\n\r\n");
        QTest::newRow("R7 NUL octets to " + name) << name << QByteArray(100, '\0') + "\r\n";
        QTest::newRow("R7 hang up at " + name) << name << QByteArray(ScriptedMx::hangUp);
        QTest::newRow("R7 silence at " + name) << name << QByteArray();
        QTest::newRow("R7 wrong class to " + name) << name << QByteArray("334 what?\r\n");
        QTest::newRow("R7 garbage enhanced code to " + name)
            << name << QByteArray("450 4.99999999999999.-1 \033[31m\xff\r\n");
    }
}

void TestDelivery::survivesHostileServers()
{
    QFETCH(QByteArray, verb);
    QFETCH(QByteArray, reply);
    ScriptedMx mx;
    mx.script = [&](int, const QByteArray &line) {
        return line.startsWith(verb) ? reply : mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.settings.timeouts.hello = 300ms;
    bench.settings.timeouts.mail = 300ms;
    bench.settings.timeouts.recipient = 300ms;
    bench.settings.timeouts.dataStart = 300ms;
    bench.settings.timeouts.dataEnd = 300ms;
    bench.start();
    const QByteArray id = bench.queue("a@b.example", {"c@d.example"});
    const bool isTaken = verb == "." && reply.startsWith("250 xxxx");
    QTRY_VERIFY_WITH_TIMEOUT(!bench.observer.events().empty(), 10'000);
    const auto event = bench.observer.events().front();
    if (reply.startsWith("250 xx") && verb != "DATA") {
        QVERIFY(event.kind == Kind::Delivered || event.kind == Kind::Deferred);
    } else {
        QCOMPARE(event.kind, isTaken ? Kind::Delivered : Kind::Deferred);
        QCOMPARE(bench.load(id).id, id);
    }
    QVERIFY(event.reply.toLine().size() < 3000);
    QVERIFY(!event.reply.toLine().contains('\033'));
    QVERIFY(event.reply.enhanced.size() < 12);
}

void TestDelivery::doesNotExpireOnAClockJump()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT") ? QByteArray("450 4.2.0 F12\r\n") : mx.polite(line);
    };
    ManualClock clock;
    DeliveryBench bench(clock);
    bench.routeTo(mx.serverPort());
    bench.start();
    const QByteArray id = bench.queue("a@b.example", {"c@d.example"});
    QTRY_COMPARE(bench.observer.count(Kind::Deferred), 1);

    clock.setWall(clock.wall() + std::chrono::years(10));  // Forwards: due at once, not expired.
    QTRY_COMPARE(bench.observer.count(Kind::Deferred), 2);
    QCOMPARE(bench.observer.count(Kind::Expired), 0);
    QCOMPARE(bench.load(id).id, id);

    clock.setWall(clock.wall() - std::chrono::years(20));  // Backwards: does not wait 20 years.
    QTRY_COMPARE(bench.observer.count(Kind::Deferred), 3);
    QCOMPARE(bench.observer.count(Kind::Expired), 0);
    bench.stop();
}

void TestDelivery::staysQueuedWhenStoppedInTheMiddle()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line == "." ? QByteArray() : mx.polite(line);  // Never answers the end of data.
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    for (int i = 0; i < 30; ++i) {
        bench.queue("a@b.example", {"c@d.example"}, "Subject: F21\r\n\r\nx\r\n");
    }
    QTRY_VERIFY(std::count(mx.lines.begin(), mx.lines.end(), QByteArray("DATA")) >= 3);
    bench.manager->stop(200ms);
    QCOMPARE(bench.waiting(), qint64(30));
    QVERIFY(bench.observer.events().empty());

    mx.script = {};
    bench.start();
    QTRY_COMPARE_WITH_TIMEOUT(mx.messages.size(), size_t(30), 20'000);
    QTRY_COMPARE(bench.waiting(), qint64(0));
}

void TestDelivery::flushesOnDemand()
{
    ScriptedMx mx;
    bool isOpen = false;
    mx.script = [&](int, const QByteArray &line) {
        return line.startsWith("RCPT") && !isOpen ? QByteArray("450 4.2.0 later\r\n")
                                                  : mx.polite(line);
    };
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    bench.queue("a@b.example", {"c@one.example"});
    bench.queue("a@b.example", {"c@two.example"});
    const QByteArray third = bench.queue("a@b.example", {"c@three.example"});
    QTRY_COMPARE(bench.observer.count(Kind::Deferred), 3);
    isOpen = true;
    bench.manager->flushDomain("one.example");
    QTRY_COMPARE(mx.messages.size(), size_t(1));
    QCOMPARE(mx.messages[0].recipients[0], QByteArray("RCPT TO:<c@one.example>"));
    bench.manager->flushMessage(third);
    QTRY_COMPARE(mx.messages.size(), size_t(2));
    QCOMPARE(mx.messages[1].recipients[0], QByteArray("RCPT TO:<c@three.example>"));
    bench.manager->flushAll();
    QTRY_COMPARE(mx.messages.size(), size_t(3));
    QTRY_COMPARE(bench.waiting(), qint64(0));
}

void TestDelivery::honoursAHold()
{
    ScriptedMx mx;
    DeliveryBench bench;
    bench.routeTo(mx.serverPort());
    bench.start();
    const QByteArray id = bench.queue(
        "a@b.example", {"c@d.example"}, "Subject: x\r\n\r\n",
        [&](spool::Entry &entry) { entry.nextAttempt = bench.clock.wall() + 1h; });
    spool::Transaction hold;
    hold.hold(id, "by the administrator");
    QVERIFY(bench.spool->commitAndWait(std::move(hold)).has_value());
    bench.manager->flushAll();
    QTest::qWait(300);
    QCOMPARE(mx.messages.size(), size_t(0));
    spool::Transaction release;
    release.release(id);
    QVERIFY(bench.spool->commitAndWait(std::move(release)).has_value());
    QTRY_COMPARE(mx.messages.size(), size_t(1));
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestDelivery)
#include "tst_delivery.moc"
