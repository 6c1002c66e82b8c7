// SPDX-License-Identifier: GPL-2.0-or-later
// Text of HTML: expected values were observed with SpamAssassin 4.0.1.
#include "appliance/spam/html/HtmlRendering.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

class TestHtmlText final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void rendersMarkup_data();
    void rendersMarkup();
    void resolvesEntities_data();
    void resolvesEntities();
    void partsVisibleFromInvisible_data();
    void partsVisibleFromInvisible();
    void tellsWhenTextIsLatin1_data();
    void tellsWhenTextIsLatin1();
    void givesLatin1Octets();
};

void TestHtmlText::rendersMarkup_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("text");
    const auto row = [](const char *name, const char *html, const char *text) {
        QTest::newRow(name) << QByteArray(html) << QByteArray(text);
    };
    row("plain text stays", "plain", "plain");
    row("runs of space become one", "a \t\r\n b", "a b");
    row("a line break is a newline", "a<br>b<br/>c<BR />d", "a\nb\nc\nd");
    row("space before and after a break goes", "a <br> b", "a\nb");
    row("a paragraph is set apart", "a<p>b</p>c", "a\n\nb\n\nc");
    row("cells are set apart by a space", "<tr><td>a</td><td>b</td></tr>", " a  b ");
    row("a div starts and ends a line", "<div>a</div><div>b</div>", "\na\n\nb\n");
    row("inline markup leaves no trace", "a<b>b</b><i>c</i>", "abc");
    row("unknown elements leave no trace", "a<frob x=1>b</frob>c", "abc");
    row("a comment is no text", "a<!-- <b> > -->b", "ab");
    row("a comment may end with spaces", "a<!-- x -- >b", "ab");
    row("an open comment ends at the first bracket", "a<!-- b > c", "a c");
    row("an odd declaration is a comment", "a<!foo>b<!>c", "abc");
    row("a conditional comment is one", "<![if !mso]>a<![endif]>", "a");
    row("a processing instruction vanishes", "<?xml version=1>a", "a");
    row("style and script are no text", "a<style>b</style>c<script>d<e></script>f", "acf");
    row("an open style takes all", "a<style>b <p> c", "a");
    row("a title is text", "<title>a<b></title>c", "\n\na<b>\n\nc");
    row("an open title is markup", "<title>a<b>c", "\n\na\n\nc");
    row("an iframe's content is text", "<iframe>a<b>&lt;</iframe>c", "a<b>&lt;c");
    row("nothing ends plaintext", "<plaintext>a</plaintext>", "\n\na</plaintext>");
    row("a lone bracket is text", "1 < 2 <3", "1 < 2 <3");
    row("brackets alone are text", "<<<>", "<<<>");
    row("an unfinished tag is a comment", "a <b c=\"d", "a ");
    row("a quoted bracket does not end a tag", "<a title=\"x>y\">z", "z");
    row("nor an end tag", "a</a b=\"c>d\">e", "ae");
    row("space within an end tag", "a</ b>c", "ac");
    row("a CDATA section is text", "a<![CDATA[b<c>]]>d", "ab<c>d");
    row("an IGNORE section is not", "a<![IGNORE[b<p>c]]>d", "ad");
    row("an INCLUDE section is markup", "a<![INCLUDE[b<br>c]]>d", "ab\ncd");
    row("&nbsp; is a space like others", "a&nbsp; &nbsp;b", "a b");
    row("typographic quotes are quotes", "<a title=\xE2\x80\x9Cx>y\xE2\x80\x9D>z", "z");
    row("text goes on behind </body>", "<body>a</body></html>b", "ab");
}

void TestHtmlText::rendersMarkup()
{
    QFETCH(QByteArray, html);
    QTEST(renderHtml({html, html.size(), true}).text, "text");
}

void TestHtmlText::resolvesEntities_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("text");
    const auto row = [](const char *name, const char *html, const char *text) {
        QTest::newRow(name) << QByteArray(html) << QByteArray(text);
    };
    row("by name", "&lt;&gt;&amp;&quot;&apos;", "<>&\"'");
    row("Latin-1 needs no semicolon", "&eacute &copy2",
        "\xC3\xA9 \xC2\xA9"
        "2");
    row("others do", "&ldquo;a&ldquo b",
        "\xE2\x80\x9C"
        "a&ldquo b");
    row("the longest name counts", "&notit;", "\xC2\xACit;");
    row("unknown names stay", "&foo; &; &", "&foo; &; &");
    row("decimal and hexadecimal", "&#65&#x42;&#X43", "ABC");
    row("what is no character stays", "&#0;&#1114112;&#xFFFE;&#xg;", "&#0;&#1114112;&#xFFFE;&#xg;");
    row("a pair of surrogates is one", "&#xD83D;&#xDE00;", "\xF0\x9F\x98\x80");
    row("half of one is replaced", "&#xD83D;x&#xDE00;", "\xEF\xBF\xBDx\xEF\xBF\xBD");
    row("twice encoded stays once", "&amp;lt;", "&lt;");
}

void TestHtmlText::resolvesEntities()
{
    QFETCH(QByteArray, html);
    QTEST(renderHtml({html, html.size(), true}).text, "text");
}

void TestHtmlText::partsVisibleFromInvisible_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("visible");
    QTest::addColumn<QByteArray>("invisible");
    const auto row = [](const char *name, const char *html, const char *visible,
                        const char *hidden) {
        QTest::newRow(name) << QByteArray(html) << QByteArray(visible) << QByteArray(hidden);
    };
    row("white on white", "a<font color=white>b</font>c", "ac", "b");
    row("nearly white", "a<font color=#fefefe>b</font>c", "ac", "b");
    row("light grey can be read", "a<font color=#cccccc>b</font>c", "abc", "");
    row("the smallest font", "a<font size=1>b</font>c", "ac", "b");
    row("relative to the base", "a<font size=-2>b</font>c", "ac", "b");
    row("a larger base", "<basefont size=5>a<font size=-2>b</font>c", "abc", "");
    row("small twice", "a<small>b<small>c</small></small>d", "abd", "c");
    row("display none", "a<span style='display: none'>b</span>c", "ac", "b");
    row("its name counts in lower case only", "a<span style='DISPLAY:none'>b</span>c", "abc", "");
    row("it ends with another value", "<div style=display:none>a<p style=display:block>b",
        "\n\n\nb", "a");
    row("visibility hidden", "a<span style='color:red;visibility:HIDDEN'>b</span>c", "ac", "b");
    row("CSS colours", "a<span style='color:#FFF'>b</span>c", "ac", "b");
    row("with importance", "a<span style='color: white !important'>b</span>c", "ac", "b");
    row("as numbers", "a<span style='color: rgb(255, 254, 255)'>b</span>c", "ac", "b");
    row("on a background", "<p style='background-color:black'>a", "\n\n", "a");
    row("of the short form", "<p style='background: url(x.png) black'>a", "\n\n", "a");
    row("transparent text", "a<span style='color:transparent'>b</span>c", "ac", "b");
    row("an unknown colour", "a<span style='color:frob'>b</span>c", "ac", "b");
    row("a colour without #", "a<font color=ff0000>b</font>c", "ac", "b");
    row("inherit changes nothing", "a<span style='color:inherit'>b</span>c", "abc", "");
    row("styles end with their element", "<p style='color:white'>a</p>b", "\n\n\n\nb", "a");
    row("a cell ends the one before", "<table><tr><td style='color:white'>a<td>b", "  b", "a");
    row("space is always seen", "a<font color=white> </font>b", "a b", "");
    row("an empty background hides nothing", "a<span style='background: ;'>b</span>c", "abc", "");
}

void TestHtmlText::partsVisibleFromInvisible()
{
    QFETCH(QByteArray, html);
    const HtmlRendering rendering = renderHtml({html, html.size(), true});
    QTEST(rendering.visible, "visible");
    QTEST(rendering.invisible, "invisible");
}

void TestHtmlText::tellsWhenTextIsLatin1_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<bool>("isSourceWide");
    QTest::addColumn<bool>("isWide");
    QTest::newRow("ASCII") << QByteArray("a") << false << false;
    QTest::newRow("an entity of Latin-1") << QByteArray("&eacute;") << false << false;
    QTest::newRow("an entity beyond it") << QByteArray("&ldquo;") << false << true;
    QTest::newRow("a number beyond it") << QByteArray("&#8217;") << false << true;
    QTest::newRow("recoded text") << QByteArray("a") << true << true;
}

void TestHtmlText::tellsWhenTextIsLatin1()
{
    QFETCH(QByteArray, html);
    QFETCH(bool, isSourceWide);
    QTEST(renderHtml({html, html.size(), isSourceWide}).isWide, "isWide");
}

void TestHtmlText::givesLatin1Octets()
{
    const QByteArray ascii("ascii");
    QCOMPARE(latin1FromUtf8(ascii), ascii);
    QCOMPARE(latin1FromUtf8("caf\xC3\xA9 \xE2\x82\xAC"), QByteArray("caf\xE9 ?"));
}

QTEST_APPLESS_MAIN(TestHtmlText)
#include "TestHtmlText.moc"
