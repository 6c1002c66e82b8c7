// SPDX-License-Identifier: GPL-2.0-or-later
// HTML made to cost time or memory: work that grows with the square of the size would not end before
// the test's time is up.
#include "appliance/spam/html/HtmlRendering.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

namespace {

constexpr qsizetype hostileSize = 1'000'000;

QByteArray hostileText(const QByteArray &unit)
{
    return unit.repeated(int(hostileSize / unit.size()));
}

}  // namespace

class TestHtmlHostile final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void endsWithAllText_data();
    void endsWithAllText();
    void looksAtNoMoreThanItMay();
    void countsNoMoreNamesThanItMay();
};

void TestHtmlHostile::endsWithAllText_data()
{
    QTest::addColumn<QByteArray>("html");
    for (const char *unit : {"<",
                             "<<a",
                             "<a ",
                             "<a b='",
                             "<!--",
                             "<!-- -",
                             "<!",
                             "<![",
                             "<![CDATA[",
                             "<![ignore[",
                             "</",
                             "</a '",
                             "<title>",
                             "<textarea>",
                             "<xmp>",
                             "<style>",
                             "<script>",
                             "</style",
                             "<div>",
                             "<font color=white>x",
                             "<table><tr><td>",
                             "</td>",
                             "<a href=x>y",
                             "<a href=//a/../b/..>",
                             "&",
                             "&#",
                             "&nbsp",
                             "&aaaa",
                             "&#xD83D;",
                             "]]>",
                             "--",
                             "x/>",
                             "<x/>",
                             "<b >",
                             "\xE2\x80\x9D",
                             "\xC2\xA0",
                             "<p style='",
                             "<base href=http://a.example/x.y>",
                             "<meta content=url url",
                             "<!doctype a --",
                             "<?",
                             "<b>a</b>",
                             "<u1><u2>",
                             "a<b>b"}) {
        QTest::newRow(unit) << hostileText(unit);
    }
    QTest::newRow("one style") << "<p style='" + hostileText("color:rgb(") + "'>x";
    QTest::newRow("one background") << "<p style='background:" + hostileText("url(\"") + "'>x";
    QTest::newRow("one refresh") << "<meta http-equiv=refresh content='" + hostileText("url ")
                                        + "'>x";
    QTest::newRow("one address") << "<a href='" + hostileText("../") + "'>x";
    QTest::newRow("one font") << "<font face='" + hostileText(" a,") + "'>x";
    QTest::newRow("one tag of attributes") << "<a " + hostileText("x/hre ") + ">x";
    QTest::newRow("one entity") << "&" + QByteArray(hostileSize, 'a');
    QTest::newRow("different names") << [] {
        QByteArray html;
        for (int number = 0; html.size() < hostileSize; ++number) {
            html.append("<x").append(QByteArray::number(number)).append('>');
        }
        return html;
    }();
}

void TestHtmlHostile::endsWithAllText()
{
    QFETCH(QByteArray, html);
    const HtmlRendering rendering = renderHtml({html, html.size(), true});
    QCOMPARE(rendering.visible.size() + rendering.invisible.size(), rendering.text.size());
    QVERIFY(rendering.text.size() <= 2 * html.size() + 2);
}

void TestHtmlHostile::looksAtNoMoreThanItMay()
{
    HtmlLimits limits;
    limits.bytes = 10;
    QCOMPARE(renderHtml({"0123456789abc", 13, true}, limits).text, QByteArray("0123456789"));
    limits = {};
    limits.uris = 2;
    const QByteArray links = "<a href=x>1</a><a href=y>2</a><a href=z>3</a><img src=w>";
    QCOMPARE(renderHtml({links, links.size(), true}, limits).uris.size(), size_t(2));
    limits = {};
    limits.depth = 2;
    const QByteArray nested = "<p><p style='color:white'>a</p>b</p>c";
    QCOMPARE(renderHtml({nested, nested.size(), true}, limits).invisible, QByteArray());
}

void TestHtmlHostile::countsNoMoreNamesThanItMay()
{
    HtmlLimits limits;
    limits.unknownTags = 1;
    const QByteArray html = "<x><y><z><b><!doctype html>";
    const HtmlFacts facts = renderHtml({html, html.size(), true}, limits).facts;
    QVERIFY(facts.open("x"));
    QVERIFY(!facts.open("y"));
    QVERIFY(facts.open("b"));
}

QTEST_APPLESS_MAIN(TestHtmlHostile)
#include "TestHtmlHostile.moc"
