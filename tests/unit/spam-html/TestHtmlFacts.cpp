// SPDX-License-Identifier: GPL-2.0-or-later
// What html_* evals ask about: expected values were observed with SpamAssassin 4.0.1.
#include "appliance/spam/html/HtmlRendering.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

class TestHtmlFacts final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void measures_data();
    void measures();
    void leavesMeasuresOpen();
    void balancesTags_data();
    void balancesTags();
    void collectsTexts();
    void knowsItsNames();
};

void TestHtmlFacts::measures_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<HtmlMeasure>("measure");
    QTest::addColumn<double>("expected");
    const auto row = [](const char *name, const char *html, HtmlMeasure measure, double expected) {
        QTest::newRow(name) << QByteArray(html) << measure << expected;
    };
    row("it is HTML", "", HtmlMeasure::Html, 1);
    row("length in characters", "<b>\xC3\xA9</b>", HtmlMeasure::Length, 8);
    row("length before &nbsp; is resolved", "&nbsp;", HtmlMeasure::Length, 6);
    row("text in characters", "<b>\xC3\xA9 a</b>", HtmlMeasure::TextLength, 3);
    row("text without space", "<b>\xC3\xA9 a&#160;</b>", HtmlMeasure::NonSpaceLength, 2);
    row("share of markup", "<b>a</b>", HtmlMeasure::Ratio, 7.0 / 8);
    row("one image", "<img width=10 height=20>", HtmlMeasure::ImageArea, 200);
    row("percentages of a screen", "<img width=50% height=50%>", HtmlMeasure::ImageArea, 120000);
    row("odd sizes are guessed", "<img width=x height=0>", HtmlMeasure::ImageArea, 40000);
    row("no size, no area", "<img width=10>", HtmlMeasure::ImageArea, 0);
    row("largest font", "<font size=7>a<font size=+9>", HtmlMeasure::MaxSize, 12);
    row("smallest font", "<font size=-1>", HtmlMeasure::MinSize, 2);
    row("big counts once it is used", "<big><big><span style=''>", HtmlMeasure::MaxSize, 5);
    row("end tags without start", "</b></b><i>", HtmlMeasure::ClosedExtraRatio, 2.0 / 3);
    row("tags that HTML does not have", "<b><frob></frob></b>", HtmlMeasure::BadTagRatio, 0.5);
    row("names that it does not have", "<b><frob><frob></b>", HtmlMeasure::NonElementRatio, 0.5);
    row("names of Office are fine", "<b><o:p></o:p></b>", HtmlMeasure::BadTagRatio, 0);
    row("a declaration is a tag", "<!DOCTYPE html><frob>", HtmlMeasure::BadTagRatio, 0.5);
    row("tags within words", "V<b>ia</b>gra x<i> y", HtmlMeasure::ObfuscationRatio, 2.0 / 3);
    row("shapes of cut words", "V<b>ia</b>gra w<b>or</b>d", HtmlMeasure::BackhairCount, 3);
    row("low contrast", "<font color=white>a</font>", HtmlMeasure::LowContrast, 1);
    row("a colour that is none", "<font color=frob>a</font>", HtmlMeasure::InvalidColor, 1);
    row("an odd font", "<font face='\xE2\x98\xBA'>", HtmlMeasure::BadFontFace, 1);
    row("a font of one letter", "<font face=a>", HtmlMeasure::BadFontFace, 1);
    row("a form that mails", "<form action=MAILTO:x>", HtmlMeasure::FormMailto, 1);
    row("an object", "<object>", HtmlMeasure::Embeds, 1);
    row("an embedded thing", "<embed src=x>", HtmlMeasure::Embeds, 1);
}

void TestHtmlFacts::measures()
{
    QFETCH(QByteArray, html);
    QFETCH(HtmlMeasure, measure);
    QFETCH(double, expected);
    const HtmlFacts facts = renderHtml({html, html.size(), true}).facts;
    QVERIFY(facts.value(measure).has_value());
    QCOMPARE(*facts.value(measure), expected);
    QCOMPARE(facts.value(htmlMeasureName(measure)), facts.value(measure));
}

void TestHtmlFacts::leavesMeasuresOpen()
{
    const HtmlFacts facts = renderHtml({"text", 4, true}).facts;
    for (const HtmlMeasure measure :
         {HtmlMeasure::ClosedExtraRatio, HtmlMeasure::BadTagRatio, HtmlMeasure::NonElementRatio,
          HtmlMeasure::ObfuscationRatio, HtmlMeasure::BackhairCount, HtmlMeasure::LowContrast,
          HtmlMeasure::InvalidColor, HtmlMeasure::BadFontFace, HtmlMeasure::FormMailto,
          HtmlMeasure::Embeds, HtmlMeasure::UriTruncated}) {
        QVERIFY(!facts.value(measure).has_value());
    }
    for (const char *face : {"Arial", "Arial, Helvetica,sans-serif;", "\"Times New Roman\"", " a",
                             ".SFUIDisplay", "hirakakupro-w3", "'Montserrat', sans-serif"}) {
        const QByteArray html = "<font face=\"" + QByteArray(face).replace('"', "&quot;") + "\">";
        QVERIFY2(!renderHtml({html, html.size(), true}).facts.value(HtmlMeasure::BadFontFace),
                 face);
    }
}

void TestHtmlFacts::balancesTags_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("tag");
    QTest::addColumn<int>("open");
    QTest::newRow("closed") << QByteArray("<body>a</body>") << QByteArray("body") << 0;
    QTest::newRow("open") << QByteArray("<BODY><body>a</body>") << QByteArray("body") << 1;
    QTest::newRow("closed too often") << QByteArray("</body></body>") << QByteArray("body") << 0;
    QTest::newRow("unknown") << QByteArray("<frob>") << QByteArray("frob") << 1;
    QTest::newRow("doctype") << QByteArray("<!doctype x>") << QByteArray("!doctype") << 0;
    QTest::newRow("an odd end tag") << QByteArray("</!--b-->") << QByteArray("!--b--") << 0;
    QTest::newRow("never seen") << QByteArray("<i>") << QByteArray("b") << -1;
}

void TestHtmlFacts::balancesTags()
{
    QFETCH(QByteArray, html);
    QFETCH(QByteArray, tag);
    QTEST(renderHtml({html, html.size(), true}).facts.open(tag).value_or(-1), "open");
}

void TestHtmlFacts::collectsTexts()
{
    const QByteArray html = "<title>a &amp; b</title><!-- c --><a href=x>d <img>e</a><a>f</a>"
                            "<script>g</script><iframe src=y></iframe>";
    const HtmlFacts facts = renderHtml({html, html.size(), true}).facts;
    QCOMPARE(facts.titles, std::vector<QByteArray>{"a & b"});
    QCOMPARE(facts.comments, std::vector<QByteArray>{"<!-- c -->"});
    QCOMPARE(facts.anchors, (std::vector<QByteArray>{"d <img>\ne", "f"}));
    QCOMPARE(facts.scripts, std::vector<QByteArray>{"g"});
    QVERIFY(facts.hasIframeUri);
}

void TestHtmlFacts::knowsItsNames()
{
    const HtmlFacts facts = renderHtml({"x", 1, true}).facts;
    QCOMPARE(facts.list("title"), &facts.titles);
    QCOMPARE(facts.list("anchor"), &facts.anchors);
    QCOMPARE(facts.list("comment"), &facts.comments);
    QCOMPARE(facts.list("script"), &facts.scripts);
    QVERIFY(!facts.list("length"));
    QVERIFY(!facts.value("frob").has_value());
}

QTEST_APPLESS_MAIN(TestHtmlFacts)
#include "TestHtmlFacts.moc"
