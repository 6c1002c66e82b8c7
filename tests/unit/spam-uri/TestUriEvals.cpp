// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/evals/UriDetailEvals.h"
#include "appliance/spam/evals/UriEvals.h"
#include "appliance/spam/evals/UriHttpsMismatchEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

namespace {

const char *const rulesText = R"(
util_rb_tld example com test
uri_detail DETAIL_ALL text =~ /\bhttps:/  cleaned !~ /\bhttps:/ type =~ /^a$/
uri_detail DETAIL_HOST host =~ /^www\.evil\.example$/ domain =~ /^evil\.example$/
uri_detail DETAIL_RAW raw =~ /%2e/
)";

QByteArray htmlMessage(const QByteArray &html)
{
    return "From: a@b.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: "
           "text/html\n\n<html><body>"
           + html + "</body></html>\n";
}

}  // namespace

class TestUriEvals final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void judgesLinks_data();
    void judgesLinks();
    void cutUrisAreReported();
};

void TestUriEvals::judgesLinks_data()
{
    QTest::addColumn<QByteArray>("html");
    QTest::addColumn<QByteArray>("function");
    QTest::addColumn<QByteArray>("argument");
    QTest::addColumn<int>("expected");
    const auto row = [](const char *name, const char *html, const char *function, int expected,
                        const char *argument = "") {
        QTest::newRow(name) << QByteArray(html) << QByteArray(function) << QByteArray(argument)
                            << expected;
    };
    const char *const redirects = "check_for_http_redirector";
    row("redirector to elsewhere",
        "<a href=\"http://www.a.example/go?http://www.evil.example/\">x</a>", redirects, 1);
    row("redirector within a domain",
        "<a href=\"http://www.a.example/go?http://b.a.example/\">x</a>", redirects, 0);
    row("second redirector",
        "<a href=\"http://a.example/?http://b.a.example/?http://evil.example\">x</a>", redirects,
        1);
    row("no redirector", "<a href=\"http://www.a.example/\">x</a>", redirects, 0);

    const char *const addresses = "check_https_ip_mismatch";
    row("address under https", "<a href=\"http://192.0.2.1/\">https://bank.example/</a>", addresses,
        1);
    row("address with user", "<a href=\"http://bank@192.0.2.1/\">https://bank.example/</a>",
        addresses, 1);
    row("address under the same", "<a href=\"http://192.0.2.1/\">https://192.0.2.1/</a>", addresses,
        0);
    row("address under words", "<a href=\"http://192.0.2.1/\">bank</a>", addresses, 0);
    row("name under https", "<a href=\"http://evil.example/\">https://bank.example/</a>", addresses,
        0);

    const char *const mismatch = "check_https_http_mismatch";
    row("other domain", "<a href=\"http://evil.example/\">https://bank.example/</a>", mismatch, 1);
    row("same domain", "<a href=\"http://www.bank.example/\">https://bank.example/</a>", mismatch,
        0);
    row("text without https", "<a href=\"http://evil.example/\">http://bank.example/</a>", mismatch,
        0);
    row("invalid domain in text", "<a href=\"http://evil.example/\">https://bank/</a>", mismatch,
        0);
    row("address in text", "<a href=\"http://evil.example/\">https://192.0.2.1/</a>", mismatch, 1);

    row("all conditions hold", "<a href=\"http://evil.example/\">https://bank.example/</a>",
        "uri_detail", 1, "DETAIL_ALL");
    row("one condition fails", "<img src=\"http://evil.example/\">", "uri_detail", 0, "DETAIL_ALL");
    row("host and domain", "<a href=\"http://www.evil.example/\">x</a>", "uri_detail", 1,
        "DETAIL_HOST");
    row("raw", "<a href=\"http://www%2eevil.example/\">x</a>", "uri_detail", 1, "DETAIL_RAW");
    row("unknown test", "<a href=\"http://www.evil.example/\">x</a>", "uri_detail", 0, "NO_SUCH");
}

void TestUriEvals::judgesLinks()
{
    QFETCH(QByteArray, html);
    QFETCH(QByteArray, function);
    QFETCH(QByteArray, argument);
    QFETCH(int, expected);
    portcullis::spam::test::FakeScan scan(readRuleText(rulesText), htmlMessage(html));
    UriEvals uris;
    UriHttpsMismatchEvals mismatches;
    UriDetailEvals details;
    int result = portcullis::spam::test::FakeScan::unknownFunction;
    for (EvalModule *module :
         {static_cast<EvalModule *>(&uris), static_cast<EvalModule *>(&mismatches),
          static_cast<EvalModule *>(&details)}) {
        std::vector<QByteArray> arguments;
        if (!argument.isEmpty()) {
            arguments.push_back(argument);
        }
        result = std::max(result, scan.ask(*module, function, arguments));
    }
    QVERIFY(scan.problems.problems.empty());
    QCOMPARE(result, expected);
}

void TestUriEvals::cutUrisAreReported()
{
    UriEvals uris;
    portcullis::spam::test::FakeScan shortOne(readRuleText(rulesText),
                                              htmlMessage("<a href=\"http://a.example/\">x</a>"));
    QCOMPARE(shortOne.ask(uris, "check_uri_truncated"), 0);
    portcullis::spam::test::FakeScan longOne(
        readRuleText(rulesText),
        htmlMessage("<a href=\"http://a.example/" + QByteArray(9'000, 'x') + "\">x</a>"));
    QCOMPARE(longOne.ask(uris, "check_uri_truncated"), 1);
}

QTEST_GUILESS_MAIN(TestUriEvals)
#include "TestUriEvals.moc"
