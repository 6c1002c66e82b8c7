// SPDX-License-Identifier: GPL-2.0-or-later
// Links of HTML: expected values were observed with SpamAssassin 4.0.1.
#include "appliance/spam/html/HtmlAddress.h"
#include "appliance/spam/html/HtmlRendering.h"

#include <QtTest/QtTest>

#include <algorithm>

using namespace portcullis::spam;

class TestHtmlLinks final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void findsLinks_data();
    void findsLinks();
    void keepsAnchorTexts();
    void resolvesAddresses_data();
    void resolvesAddresses();
    void cutsLongLinks();
};

void TestHtmlLinks::findsLinks_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("uri");
    QTest::addColumn<QByteArray>("tag");
    const auto row = [](const char *name, const char *html, const char *uri, const char *tag) {
        QTest::newRow(name) << QByteArray(html) << QByteArray(uri) << QByteArray(tag);
    };
    row("an anchor", "<a href='http://a.example/'>", "http://a.example/", "a");
    row("without space around", "<a href=' http://a.example/\n'>", "http://a.example/", "a");
    row("entities in it", "<a href='http://a.example/?a=1&amp;b=2'>", "http://a.example/?a=1&b=2",
        "a");
    row("the first of two", "<a href=x href=y>", "x", "a");
    row("a rewritten one", "<a data-saferedirecturl=http://b.example/>", "http://b.example/", "a");
    row("behind a slash", "<a class/href=http://a.example/>", "http://a.example/", "a");
    row("a byte order mark in it",
        "<a href=http://a.\xEF\xBB\xBF"
        "example/>",
        "http://a.example/", "a");
    row("an image", "<img src=http://a.example/x.png>", "http://a.example/x.png", "img");
    row("a background", "<td background=http://a.example/>", "http://a.example/", "td");
    row("a form", "<form action=http://a.example/>", "http://a.example/", "form");
    row("a link", "<link href=http://a.example/>", "http://a.example/", "link");
    row("a frame", "<iframe src=http://a.example/>", "http://a.example/", "iframe");
    row("a refresh", "<meta http-equiv=Refresh content='0; URL = http://a.example/ ; x'>",
        "http://a.example/", "meta");
    row("the base itself", "<base href=http://a.example/x/>", "http://a.example/x/", "base");
    row("relative to it", "<base href=http://a.example/x/y.html><img src=z>",
        "http://a.example/x/z", "img");
    row("an address of mail", "<a href=mailto:a@b.example>", "mailto:a@b.example", "a");
    row("a scheme is missing", "<a href=//www.a.example/>", "http://www.a.example/", "a");
}

void TestHtmlLinks::findsLinks()
{
    QFETCH(QByteArray, html);
    const std::vector<HtmlUri> uris = renderHtml({html, html.size(), true}).uris;
    QFETCH(QByteArray, uri);
    QFETCH(QByteArray, tag);
    const bool isFound = std::any_of(uris.begin(), uris.end(), [&](const HtmlUri &found) {
        return found.uri == uri && found.tag == tag;
    });
    QVERIFY2(isFound, uris.empty() ? "no link" : uris.front().uri.constData());
}

void TestHtmlLinks::keepsAnchorTexts()
{
    const QByteArray html = "<base href=http://a.example/><a href=x>one &amp;<b>two</b></a>"
                            "<a href=http://b.example/>three</a><a name=n>four</a><area href=y>";
    const std::vector<HtmlUri> expected{
        {"http://a.example/", "base", {}},
        {"http://a.example/x", "a", {}},
        {"x", {}, "one &two"},
        {"http://b.example/", "a", "three"},
        {"", {}, "four"},
        {"http://a.example/y", "area", {}},
    };
    const HtmlRendering rendering = renderHtml({html, html.size(), true});
    QCOMPARE(rendering.uris, expected);
    QVERIFY(rendering.uris[1].text.isNull());
    QVERIFY(!rendering.uris[3].text.isNull());
}

void TestHtmlLinks::resolvesAddresses_data()
{
    QTest::addColumn<QByteArray>("base");
    QTest::addColumn<QByteArray>("reference");
    QTest::addColumn<QByteArray>("target");
    // RFC 3986 §5.4
    const QByteArray rfc("http://a/b/c/d;p?q");
    const auto row = [&](const char *reference, const char *target) {
        QTest::newRow(reference) << rfc << QByteArray(reference) << QByteArray(target);
    };
    row("g:h", "g:h");
    row("g", "http://a/b/c/g");
    row("./g", "http://a/b/c/g");
    row("g/", "http://a/b/c/g/");
    row("/g", "http://a/g");
    row("//g", "http://g");
    row("?y", "http://a/b/c/d;p?y");
    row("g?y#s", "http://a/b/c/g?y#s");
    row("#s", "http://a/b/c/d;p?q#s");
    row(";x", "http://a/b/c/;x");
    row("..", "http://a/b/");
    row("../g", "http://a/b/g");
    row("../../../g", "http://a/g");
    row("/./g", "http://a/g");
    row("/../g", "http://a/g");
    row("g/./h", "http://a/b/c/g/h");
    row("g/../h", "http://a/b/c/h");
    row("http:g", "http://a/b/c/g");
    QTest::newRow("no base") << QByteArray() << QByteArray("x/y.html") << QByteArray("x/y.html");
    QTest::newRow("no base, host only")
        << QByteArray() << QByteArray("http://a.example") << QByteArray("http://a.example");
}

void TestHtmlLinks::resolvesAddresses()
{
    QFETCH(QByteArray, base);
    QFETCH(QByteArray, reference);
    QTEST(resolveAddress(base, reference), "target");
}

void TestHtmlLinks::cutsLongLinks()
{
    const QByteArray html = "<a href=http://a.example/" + QByteArray(9000, 'x') + ">";
    const HtmlRendering rendering = renderHtml({html, html.size(), true});
    QCOMPARE(rendering.uris.front().uri.size(), 8192);
    QCOMPARE(rendering.facts.value(HtmlMeasure::UriTruncated).value_or(0), 1.0);
}

QTEST_APPLESS_MAIN(TestHtmlLinks)
#include "TestHtmlLinks.moc"
