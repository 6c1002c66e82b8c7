// SPDX-License-Identifier: GPL-2.0-or-later
// Plugin HTMLEval, each function with a message of its own.
#include "appliance/spam/evals/HtmlEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

Q_DECLARE_METATYPE(std::vector<QByteArray>)

namespace {

using Arguments = std::vector<QByteArray>;

const QByteArray htmlHeader("Subject: abcd\nContent-Type: text/html; charset=utf-8\n\n");

}  // namespace

class TestHtmlEvals final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void answers_data();
    void answers();
    void asksEveryPart();
    void reportsBadExpressions();
};

void TestHtmlEvals::answers_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("function");
    QTest::addColumn<Arguments>("arguments");
    QTest::addColumn<int>("expected");
    const auto row = [](const char *name, const char *html, const char *function,
                        Arguments arguments, int hits) {
        QTest::newRow(name) << QByteArray(html) << QByteArray(function) << std::move(arguments)
                            << hits;
    };
    row("an open tag", "<body>a", "html_tag_balance", {"body", "!= 0"}, 1);
    row("a closed tag", "<body>a</body>", "html_tag_balance", {"body", "!= 0"}, 0);
    row("no such tag", "<b>a", "html_tag_balance", {"body", "== 0"}, 0);
    row("more than a sum", "<p><p><p>a", "html_tag_balance", {"p", "> 1 + 1"}, 1);
    row("no comparison", "<p>a", "html_tag_balance", {"p", "x"}, 0);
    row("a tag exists", "<center>a</center>", "html_tag_exists", {"center"}, 1);
    row("a tag does not", "<b>a</b>", "html_tag_exists", {"center"}, 0);
    row("an image alone", "<img src=x>", "html_image_only", {"0000", "0400"}, 1);
    row("an image and more", "<img src=x>", "html_image_only", {"0400", "0800"}, 0);
    row("no image", "<p>x", "html_image_only", {"0000", "0400"}, 0);
    row("little text for an image", "<img width=100 height=100>abc", "html_image_ratio",
        {"0", "0.002"}, 1);
    row("too much text", "<img width=10 height=10>abc", "html_image_ratio", {"0", "0.002"}, 0);
    row("it is HTML", "a", "html_test", {"html"}, 1);
    row("nothing embedded", "a", "html_test", {"embeds"}, 0);
    row("there is a title", "<title>x</title>", "html_test", {"title"}, 1);
    row("short HTML", "a", "html_eval", {"length", "< 384"}, 1);
    row("no measure of that name", "a", "html_eval", {"frob", "< 384"}, 0);
    row("a range", "<font size=6>a", "html_range", {"max_size", "5", "6"}, 1);
    row("beyond a range", "<font size=7>a", "html_range", {"max_size", "5", "6"}, 0);
    row("without end", "<font size=7>a", "html_range", {"max_size", "6", "inf"}, 1);
    row("a measure that is open", "a", "html_range", {"obfuscation_ratio", "-1", "inf"}, 0);
    row("a text matches", "<!-- saved from url=(0022) -->", "html_text_match",
        {"comment", "<!-- saved from url=\\(\\d{4}\\)"}, 1);
    row("no text matches", "<!-- x -->", "html_text_match", {"comment", "y"}, 0);
    row("no list of that name", "a", "html_text_match", {"frob", ""}, 0);
    row("characters count, not octets", "<title>\xC3\xA9\xE2\x82\xAC</title>", "html_text_match",
        {"title", "^..$"}, 1);
    row("a text does not match", "<!-- x -->", "html_text_not_match", {"comment", "y"}, 1);
    row("all texts match", "<!-- x -->", "html_text_not_match", {"comment", "x"}, 0);
    row("a title longer than the subject", "<title>a title that is long</title>",
        "html_title_subject_ratio", {"3.5"}, 1);
    row("a short title", "<title>a</title>", "html_title_subject_ratio", {"3.5"}, 0);
    row("a frame with a link", "<iframe src=http://a.example/></iframe>", "check_iframe_src", {},
        1);
    row("a frame without", "<iframe></iframe>", "check_iframe_src", {}, 0);
    row("charsets never hit, as in SpamAssassin",
        "<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>a",
        "html_charset_faraway", {}, 0);
}

void TestHtmlEvals::answers()
{
    QFETCH(QByteArray, html);
    QFETCH(QByteArray, function);
    QFETCH(Arguments, arguments);
    HtmlEvals module;
    test::FakeScan scan(test::rulesOf("ok_locales en"), htmlHeader + html + '\n');
    QTEST(scan.ask(module, function, arguments), "expected");
}

void TestHtmlEvals::asksEveryPart()
{
    HtmlEvals module;
    test::FakeScan scan({}, "Content-Type: multipart/mixed; boundary=b\n\n"
                            "--b\nContent-Type: text/html\n\n<center>a</center>\n"
                            "--b\nContent-Type: text/html\n\n<b>c</b>\n--b--\n");
    QCOMPARE(scan.ask(module, "html_tag_exists", {"center"}), 1);
    QCOMPARE(scan.ask(module, "html_tag_exists", {"b"}), 1);
    test::FakeScan plain({}, "Subject: a\n\n<b>no HTML</b>\n");
    HtmlEvals other;
    QCOMPARE(plain.ask(other, "html_test", {"html"}), 0);
    QCOMPARE(plain.ask(other, "html_tag_exists", {"b"}), 0);
}

void TestHtmlEvals::reportsBadExpressions()
{
    RuleSet rules;
    Test rule;
    rule.name = "ODD";
    rule.kind = TestKind::BodyEval;
    rule.body = EvalCall{"html_text_match", {"title", "(unclosed"}};
    rules.tests.push_back(rule);
    HtmlEvals module;
    test::FakeScan scan(std::move(rules), htmlHeader + "<title>(unclosed</title>\n");
    QCOMPARE(scan.ask(module, "html_text_match", {"title", "(unclosed"}), 0);
    QCOMPARE(scan.problems.problems.size(), size_t(1));
    QCOMPARE(scan.problems.problems.front().subject, QByteArray("ODD"));
}

QTEST_APPLESS_MAIN(TestHtmlEvals)
#include "TestHtmlEvals.moc"
