// SPDX-License-Identifier: GPL-2.0-or-later
// Plugin MIMEEval, each function with a message of its own.
#include "appliance/spam/evals/MimeEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

Q_DECLARE_METATYPE(std::vector<QByteArray>)

namespace {

using Arguments = std::vector<QByteArray>;

QByteArray alternative(const QByteArray &first, const QByteArray &second)
{
    return "Content-Type: multipart/alternative; boundary=b\n\n--b\n" + first + "\n--b\n" + second
           + "\n--b--\n";
}

}  // namespace

class TestMimeEvals final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void answers_data();
    void answers();
    void knowsCharsets();
};

void TestMimeEvals::answers_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("function");
    QTest::addColumn<Arguments>("arguments");
    QTest::addColumn<int>("expected");
    const auto row = [](const char *name, const QByteArray &message, const char *function,
                        Arguments arguments, int hits) {
        QTest::newRow(name) << message << QByteArray(function) << std::move(arguments) << hits;
    };
    const QByteArray plain("Subject: a\n\nsome text\n");
    const QByteArray html("Subject: a\nContent-Type: text/html\n\n<b>a</b>\n");
    const QByteArray both = alternative("\ntext", "Content-Type: text/html\n\n<b>text</b>");
    const QByteArray base64(
        "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nYWJj\n");
    const QByteArray quoted(
        "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n=41=42c=20\n");

    row("HTML only", html, "check_for_mime_html_only", {}, 1);
    row("not only HTML", both, "check_for_mime_html_only", {}, 0);
    row("HTML in a part", both, "check_for_mime_html", {}, 1);
    row("no HTML", plain, "check_for_mime_html", {}, 0);
    row("an alternative", both, "check_for_mime", {"mime_multipart_alternative"}, 1);
    row("a text of base64", base64, "check_for_mime", {"mime_base64_encoded_text"}, 1);
    row("that says it is an attachment", "Content-Disposition: attachment\n" + base64,
        "check_for_mime", {"mime_base64_encoded_text"}, 0);
    row("base64 at all", base64, "check_for_mime", {"mime_base64_count"}, 1);
    row("an attachment", "Content-Disposition: attachment\n" + base64, "check_for_mime",
        {"mime_attachment"}, 1);
    row("needless quoting", quoted, "check_for_mime", {"mime_qp_count"}, 1);
    row("space at the end needs it", "Content-Transfer-Encoding: quoted-printable\n\nab=20=20 \n",
        "check_for_mime", {"mime_qp_count"}, 0);
    row("share of needless quoting", quoted, "check_qp_ratio", {"0.15"}, 1);
    row("a smaller share", quoted, "check_qp_ratio", {"0.2"}, 0);
    row("a long quoted line",
        "Content-Transfer-Encoding: quoted-printable\n\n" + QByteArray(79, 'a') + "\n",
        "check_for_mime", {"mime_qp_long_line"}, 1);
    row("one just so long",
        "Content-Transfer-Encoding: quoted-printable\n\n" + QByteArray(78, 'a') + "\n",
        "check_for_mime", {"mime_qp_long_line"}, 0);
    row("an ISO charset that is none", "Content-Type: text/plain; charset=iso-1234-5\n\na\n",
        "check_for_mime", {"mime_bad_iso_charset"}, 1);
    row("one that is", "Content-Type: text/plain; charset=ISO-8859-15\n\na\n", "check_for_mime",
        {"mime_bad_iso_charset"}, 0);
    row("a part from afar", "Content-Type: text/plain; charset=koi8-r\n\na\n", "check_for_mime",
        {"mime_faraway_charset"}, 1);
    row("a part from nearby", "Content-Type: text/plain; charset=utf-8\n\na\n", "check_for_mime",
        {"mime_faraway_charset"}, 0);
    row("no fact of that name", plain, "check_for_mime", {"mimepart_limit_exceeded"}, 0);
    row("mostly HTML", alternative("\n", "Content-Type: text/html\n\n" + QByteArray(1000, 'x')),
        "check_mime_multipart_ratio", {"0.00", "0.01"}, 1);
    row("as much text", both, "check_mime_multipart_ratio", {"0.00", "0.01"}, 0);
    row("no alternative counts as 1", plain, "check_mime_multipart_ratio", {"1", "1.1"}, 1);
    row("octets beyond ASCII", "Subject: a\n\ncaf\xE9\n", "check_for_ascii_text_illegal", {}, 1);
    row("only ASCII", plain, "check_for_ascii_text_illegal", {}, 0);
    row("they may be in UTF-8", "Content-Type: text/plain; charset=utf-8\n\ncaf\xC3\xA9\n",
        "check_for_ascii_text_illegal", {}, 0);
    row("many references", "Subject: a\n\n&#x2019;&#x20AC;abc\n", "check_abundant_unicode_ratio",
        {"0.02"}, 1);
    row("in small letters they do not count", "Subject: a\n\n&#x20ac;\n",
        "check_abundant_unicode_ratio", {"0.02"}, 0);
    row("a ratio that is none", "Subject: a\n\n&#x2019;\n", "check_abundant_unicode_ratio", {"x"},
        0);
    row("text from afar",
        "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n"
            + QByteArray(40, '\xC1') + "\n",
        "check_for_faraway_charset", {}, 1);
    row("a charset from afar without use", "Content-Type: text/plain; charset=koi8-r\n\nabc def\n",
        "check_for_faraway_charset", {}, 0);
    row("shouting", "Subject: a\n\n" + QByteArray("HERE IS A LINE ").repeated(20) + "\n",
        "check_for_uppercase", {"75", "100"}, 1);
    row("not for long", "Subject: a\n\nHERE IS A LINE\n", "check_for_uppercase", {"75", "100"}, 0);
    row("half of it", "Subject: a\n\n" + QByteArray("HERE is a LINE ").repeated(20) + "\n",
        "check_for_uppercase", {"50", "75"}, 1);
    row("Japanese looks like it",
        "Content-Type: text/plain; charset=iso-2022-jp\n\n"
            + QByteArray("HERE IS A LINE ").repeated(20) + "\n",
        "check_for_uppercase", {"75", "100"}, 0);
    row("a program among the alternatives",
        alternative("\na", "Content-Type: application/x-x\n\nb"), "check_ma_non_text", {}, 1);
    row("rich text among them", alternative("\na", "Content-Type: application/rtf\n\nb"),
        "check_ma_non_text", {}, 0);
    row("a long line of base64",
        "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + QByteArray(78, 'A')
            + "\n",
        "check_base64_length", {"79"}, 1);
    row("a line within bounds",
        "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + QByteArray(77, 'A')
            + "\n",
        "check_base64_length", {"78", "79"}, 1);
    row("lines as they should be",
        "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + QByteArray(76, 'A')
            + "\n",
        "check_base64_length", {"78", "79"}, 0);
    row("header and body stick together", "From: a\nSubject: a\n--b\nx\n", "check_msg_parse_flags",
        {"missing_head_body_separator"}, 1);
    row("they do not", plain, "check_msg_parse_flags", {"missing_head_body_separator"}, 0);
}

void TestMimeEvals::answers()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, function);
    QFETCH(Arguments, arguments);
    MimeEvals module;
    test::FakeScan scan(test::rulesOf("ok_locales en"), message);
    QTEST(scan.ask(module, function, arguments), "expected");
}

void TestMimeEvals::knowsCharsets()
{
    const CharsetLocales english("en");
    QVERIFY(english.accepts("us-ascii") && english.accepts("ISO-8859-2")
            && english.accepts("utf-8"));
    QVERIFY(english.accepts("windows-1251") && english.accepts("3Dutf-8"));
    QVERIFY(!english.accepts("koi8-r") && !english.accepts("big5") && !english.accepts("euc-jp"));
    QVERIFY(CharsetLocales("en zh_TW").accepts("big5") && CharsetLocales("ru").accepts("koi8-r"));
    QVERIFY(CharsetLocales().accepts("koi8-r") && CharsetLocales("en all").acceptsAll());
    QVERIFY(looksLikeCapitals("KOI8-R") && looksLikeCapitals("gb2312"));
    QVERIFY(!looksLikeCapitals("utf-8") && !looksLikeCapitals("koi 8"));
    QCOMPARE(charsetOfContentType("text/plain; charset=\"a b\"; x"), QByteArray("a b"));
    QCOMPARE(charsetOfContentType("text/plain; Charset='c'"), QByteArray("c"));
    QCOMPARE(charsetOfContentType("text/plain; charset=d e"), QByteArray("d"));
    QCOMPARE(charsetOfContentType("text/plain"), QByteArray());
}

QTEST_APPLESS_MAIN(TestMimeEvals)
#include "TestMimeEvals.moc"
