// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/HttpReplyReader.h"
#include "appliance/delivery/StsCache.h"
#include "appliance/delivery/StsPolicy.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

namespace portcullis::delivery {

using namespace std::chrono_literals;

class TestMtaStsParts final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readsPolicies_data();
    void readsPolicies();
    void boundsPolicies();
    void matchesHosts_data();
    void matchesHosts();
    void readsRecords_data();
    void readsRecords();
    void readsReplies_data();
    void readsReplies();
    void keepsPolicies();
};

void TestMtaStsParts::readsPolicies_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("expected");  // Empty: refused.
    QTest::newRow("the RFC's example")
        << QByteArray("version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\n"
                      "mx: backupmx.example.com\nmax_age: 604800\n")
        << QByteArray("enforce 604800 mail.example.com *.example.net backupmx.example.com");
    QTest::newRow("CRLF, capitals, blanks, no line end")
        << QByteArray("version:STSv1  \r\nmode:   testing\r\nmx: MX.Example.ORG\r\nmax_age: 1")
        << QByteArray("testing 1 mx.example.org");
    QTest::newRow("none needs no mx")
        << QByteArray("version: STSv1\nmode: none\nmax_age: 86400\n") << QByteArray("none 86400");
    QTest::newRow("unknown fields")
        << QByteArray("version: STSv1\nx-new: 1\nmode: enforce\nmx: a.example\nmax_age: 60\n")
        << QByteArray("enforce 60 a.example");
    QTest::newRow("of repeated fields the first")
        << QByteArray("version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 60\n"
                      "max_age: 1\n")
        << QByteArray("enforce 60 a.example");
    QTest::newRow("longer than a year")
        << QByteArray("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9999999999\n")
        << QByteArray("enforce 31557600 a.example");
    QTest::newRow("no version") << QByteArray("mode: enforce\nmx: a.example\nmax_age: 60\n")
                                << QByteArray();
    QTest::newRow("another version")
        << QByteArray("version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 60\n")
        << QByteArray();
    QTest::newRow("no mode") << QByteArray("version: STSv1\nmx: a.example\nmax_age: 60\n")
                             << QByteArray();
    QTest::newRow("no max_age") << QByteArray("version: STSv1\nmode: enforce\nmx: a.example\n")
                                << QByteArray();
    QTest::newRow("negative max_age")
        << QByteArray("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n")
        << QByteArray();
    QTest::newRow("enforce without mx")
        << QByteArray("version: STSv1\nmode: enforce\nmax_age: 60\n") << QByteArray();
    QTest::newRow("a wildcard inside")
        << QByteArray("version: STSv1\nmode: enforce\nmx: mx.*.example\nmax_age: 60\n")
        << QByteArray();
    QTest::newRow("a bare wildcard")
        << QByteArray("version: STSv1\nmode: enforce\nmx: *\nmax_age: 60\n") << QByteArray();
    QTest::newRow("no policy") << QByteArray("<html>") << QByteArray();
    QTest::newRow("empty") << QByteArray() << QByteArray();
}

void TestMtaStsParts::readsPolicies()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, expected);
    const auto policy = StsPolicy::parse(text);
    QCOMPARE(policy.has_value(), !expected.isEmpty());
    if (policy.has_value()) {
        QByteArrayList words{nameOf(policy->mode), QByteArray::number(policy->maxAge.count())};
        words.append(QByteArrayList(policy->hosts.begin(), policy->hosts.end()));
        QCOMPARE(words.join(' '), expected);
    }
}

void TestMtaStsParts::boundsPolicies()
{
    const QByteArray head = "version: STSv1\nmode: enforce\nmax_age: 60\n";
    const auto many = StsPolicy::parse(head + QByteArray("mx: a.example\n").repeated(4000));
    QVERIFY(many.has_value());
    QCOMPARE(many->hosts.size(), StsPolicyLimits().hosts);
    QVERIFY(!StsPolicy::parse(head + QByteArray("mx: a.example\n").repeated(5000)).has_value());
}

void TestMtaStsParts::matchesHosts_data()
{
    QTest::addColumn<QByteArray>("pattern");
    QTest::addColumn<QByteArray>("host");
    QTest::addColumn<bool>("isMatch");
    QTest::newRow("same") << QByteArray("mx.example.org") << QByteArray("MX.example.org") << true;
    QTest::newRow("another") << QByteArray("mx.example.org") << QByteArray("mx2.example.org")
                             << false;
    QTest::newRow("wildcard") << QByteArray("*.example.org") << QByteArray("mx.example.org")
                              << true;
    QTest::newRow("wildcard is one label")
        << QByteArray("*.example.org") << QByteArray("a.mx.example.org") << false;
    QTest::newRow("wildcard is a label")
        << QByteArray("*.example.org") << QByteArray("example.org") << false;
    QTest::newRow("S19 suffix without a dot")
        << QByteArray("*.example.org") << QByteArray("mx.badexample.org") << false;
}

void TestMtaStsParts::matchesHosts()
{
    QFETCH(QByteArray, pattern);
    QFETCH(QByteArray, host);
    QFETCH(bool, isMatch);
    const StsPolicy policy{StsPolicy::Mode::Enforce, {pattern}, 60s};
    QCOMPARE(policy.allows(host), isMatch);
}

void TestMtaStsParts::readsRecords_data()
{
    QTest::addColumn<QByteArrayList>("texts");
    QTest::addColumn<QByteArray>("id");
    const auto row = [](const char *name, const QByteArrayList &texts, const QByteArray &id) {
        QTest::newRow(name) << texts << id;
    };
    row("the RFC's example", {"v=STSv1; id=20160831085700Z;"}, "20160831085700Z");
    row("without the last semicolon", {"v=STSv1; id=1"}, "1");
    row("beside others", {"v=spf1 -all", "v=STSv1;id=1;", ""}, "1");
    row("unknown fields", {"v=STSv1; x=y; id=1;"}, "1");
    row("two records", {"v=STSv1; id=1;", "v=STSv1; id=2;"}, {});
    row("no id", {"v=STSv1;"}, {});
    row("id of 33 octets", {"v=STSv1; id=" + QByteArray(33, 'a') + ";"}, {});
    row("id with a blank", {"v=STSv1; id=a b;"}, {});
    row("version last", {"id=1; v=STSv1;"}, {});
    row("another version", {"v=STSv10; id=1;"}, {});
    row("none", {}, {});
}

void TestMtaStsParts::readsRecords()
{
    QFETCH(QByteArrayList, texts);
    QFETCH(QByteArray, id);
    QCOMPARE(stsIdOf({texts.begin(), texts.end()}).value_or(QByteArray()), id);
}

void TestMtaStsParts::readsReplies_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("expected");  // "STATUS TYPE BODY", or the error's id.
    const auto row = [](const char *name, const QByteArray &bytes, const QByteArray &expected) {
        QTest::newRow(name) << bytes << expected;
    };
    const QByteArray head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    row("with a length", head + "Content-Length: 5\r\n\r\nhello", "200 text/plain hello");
    row("more than the length", head + "Content-Length: 5\r\n\r\nhello, more",
        "200 text/plain hello");
    row("until the end", head + "\r\nhello", "200 text/plain hello");
    row("in chunks",
        head + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n",
        "200 text/plain hello");
    row("after an interim reply", "HTTP/1.1 100 Continue\r\n\r\n" + head + "\r\nhello",
        "200 text/plain hello");
    row("R7 cut within the body", head + "Content-Length: 9\r\n\r\nhello", "http.cut");
    row("R7 cut within the header", head, "http.cut");
    row("R7 cut within a chunk", head + "Transfer-Encoding: chunked\r\n\r\n9\r\nhello", "http.cut");
    row("R7 a chunk longer than its size",
        head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", "http.syntax");
    row("R7 a chunk of a negative size", head + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx",
        "http.syntax");
    row("R7 another coding", head + "Transfer-Encoding: gzip\r\n\r\nx", "http.syntax");
    row("R7 a length that is no number", head + "Content-Length: +5\r\n\r\nhello", "http.syntax");
    row("R7 a length beyond the bound", head + "Content-Length: 99999999999\r\n\r\n",
        "http.too-long");
    row("R7 an endless header", head + "X: " + QByteArray(100'000, 'x'), "http.too-long");
    row("R7 many fields", head + QByteArray("X: y\r\n").repeated(10'000), "http.too-long");
    row("R7 endless interim replies", QByteArray("HTTP/1.1 100 Go\r\n\r\n").repeated(10'000),
        "http.too-long");
    row("R7 an endless body", head + "\r\n" + QByteArray(100'000, 'x'), "http.too-long");
    row("R7 endless chunks",
        head + "Transfer-Encoding: chunked\r\n\r\n" + QByteArray("1\r\nx\r\n").repeated(70'000),
        "http.too-long");
    row("R7 no HTTP", "220 mx.example.org ESMTP\r\n", "http.syntax");
    row("R7 a field without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "http.syntax");
}

void TestMtaStsParts::readsReplies()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, expected);
    for (const qsizetype piece : {qsizetype(1), qsizetype(7), bytes.size()}) {
        HttpReplyReader reader;
        for (qsizetype start = 0; start < bytes.size(); start += piece) {
            reader.receive(
                QByteArrayView(bytes).sliced(start, std::min(piece, bytes.size() - start)));
        }
        reader.end();
        const QByteArray outcome = reader.failure()
                                       ? reader.failure()->id
                                       : QByteArray::number(reader.status()) + ' '
                                             + reader.contentType() + ' ' + reader.body();
        QCOMPARE(outcome, expected);
        QCOMPARE(reader.isDone(), !reader.failure());
    }
}

void TestMtaStsParts::keepsPolicies()
{
    ManualClock clock;
    QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("policies"));
    const auto entry = [&clock](std::chrono::seconds maxAge) {
        return StsCache::Entry{
            {StsPolicy::Mode::Enforce, {"mx.example.org", "*.example.net"}, maxAge},
            "id1",
            clock.wall(),
            clock.wall()};
    };
    {
        StsCache cache(file, 2);
        QVERIFY(cache.read().has_value());
        cache.store("a.example", entry(60s));
        clock.advance(1s);
        cache.store("b.example", entry(3600s));
        clock.advance(1s);
        cache.store("c.example", entry(7200s));
        QCOMPARE(cache.size(), 2);
        QVERIFY2(!cache.find("a.example", clock.wall()), "the least lately used makes way");
        QVERIFY(cache.write().has_value());
    }
    StsCache cache(file, 2);
    QVERIFY(cache.read().has_value());
    const auto found = cache.find("b.example", clock.wall());
    QVERIFY(found);
    QCOMPARE(found->policy, entry(3600s).policy);
    QCOMPARE(found->id, QByteArray("id1"));
    clock.advance(1800s);
    QCOMPARE(cache.dueForRefresh(clock.wall(), 24h, 24h), std::vector<QByteArray>{"b.example"});
    clock.advance(1800s);
    QVERIFY2(!cache.find("b.example", clock.wall()), "its max_age is over");
    QVERIFY(cache.find("c.example", clock.wall()));

    QFile damaged(file);
    QVERIFY(damaged.open(QIODevice::ReadWrite) && damaged.seek(50) && damaged.putChar('!'));
    damaged.close();
    StsCache other(file, 2);
    const Status status = other.read();
    QVERIFY(!status.has_value());
    QCOMPARE(status.error().id, QByteArray("file.damaged"));
    QCOMPARE(other.size(), 0);
}

}  // namespace portcullis::delivery

QTEST_APPLESS_MAIN(portcullis::delivery::TestMtaStsParts)
#include "tst_mta_sts_parts.moc"
