// SPDX-License-Identifier: GPL-2.0-or-later
// Plugin BodyEval, each function with a message of its own.
#include "appliance/spam/evals/BodyEvals.h"
#include "appliance/spam/evals/BodyStockWords.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

Q_DECLARE_METATYPE(std::vector<QByteArray>)

namespace {

using Arguments = std::vector<QByteArray>;

QByteArray textAndHtml(const QByteArray &text, const QByteArray &html)
{
    return "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n" + text
           + "\n--b\nContent-Type: text/html\n\n" + html + "\n--b--\n";
}

}  // namespace

class TestBodyEvals final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void answers_data();
    void answers();
    void countsStockWords_data();
    void countsStockWords();
};

void TestBodyEvals::answers_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("function");
    QTest::addColumn<Arguments>("arguments");
    QTest::addColumn<int>("expected");
    const auto row = [](const char *name, const QByteArray &message, const char *function,
                        Arguments arguments, int hits) {
        QTest::newRow(name) << message << QByteArray(function) << std::move(arguments) << hits;
    };
    const QByteArray same = textAndHtml("one two three", "<b>one</b> two<br>three");
    const QByteArray other = textAndHtml("four five", "<b>one</b> two<br>three");
    const QByteArray meeting = "Content-Type: multipart/alternative; "
                               "boundary=b\n\n--b\nContent-Type: text/html\n\none two\n"
                               "--b\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\n--b--\n";
    row("the same words", same, "multipart_alternative_difference", {"99", "100"}, 0);
    row("other words", other, "multipart_alternative_difference", {"99", "100"}, 1);
    row("any difference", same, "multipart_alternative_difference", {"0", "undef"}, 1);
    row("a word more often in HTML", textAndHtml("one", "one one"),
        "multipart_alternative_difference", {"99", "100"}, 1);
    row("bullets are no words", textAndHtml("one", "* one -"), "multipart_alternative_difference",
        {"0", "0"}, 1);
    row("only a picture", textAndHtml("one", "<img src=x>"), "multipart_alternative_difference",
        {"99", "100"}, 1);
    row("a meeting", meeting, "multipart_alternative_difference", {"99", "100"}, 0);
    row("no alternatives", "Subject: a\n\none\n", "multipart_alternative_difference", {"99", "100"},
        0);
    row("more words in text", textAndHtml("a b c d e f g h i j", "one two"),
        "multipart_alternative_difference_count", {"3", "1"}, 1);
    row("too little HTML", textAndHtml("a b c d e f g h i j", "one"),
        "multipart_alternative_difference_count", {"3", "1"}, 0);
    row("mostly blank", "Subject: a\n\na\n\n\n\n\nb\n", "check_blank_line_ratio", {"50", "90", "4"},
        1);
    row("hardly blank", "Subject: a\n\na\nb\nc\n\nd\n", "check_blank_line_ratio", {"50", "90", "4"},
        0);
    row("too few lines", "Subject: a\n\na\n\n", "check_blank_line_ratio", {"50", "90", "4"}, 0);
    row("letters set apart", "Subject: abcdef\n\na b c d e f g h i j k l\n", "tvd_vertical_words",
        {"80", "100"}, 1);
    row("normal text", "Subject: abcdef\n\nsome normal words stand here\n", "tvd_vertical_words",
        {"80", "100"}, 0);
    row("no space at all", "Subject: abcdef\n\nabcdefghijklmnopqrst\n", "tvd_vertical_words",
        {"0", "10"}, 1);
    row("talk of shares", "Subject: a\n\nCompany Name: x\nSymbol: y\n", "check_stock_info", {"2"},
        1);
    row("of one thing", "Subject: a\n\nSymbol: x\nSymbol: y\n", "check_stock_info", {"2"}, 0);
    row("no text", "Content-Type: text/html\n\nSymbol: x\n", "check_stock_info", {"1"}, 0);
    row("a short body", "Subject: a\n\nabc\n", "check_body_length", {"128"}, 1);
    row("a long one", "Subject: a\n\n" + QByteArray(128, 'a') + "\n", "check_body_length", {"128"},
        0);
    const QByteArray signedMail("Subject: a\n\nab\n-- \nsignature here\n");
    row("above the signature", signedMail, "plaintext_body_length", {"3", "3"}, 1);
    row("the signature", signedMail, "plaintext_sig_length", {"10", "20"}, 1);
    row("a longer one", signedMail, "plaintext_sig_length", {"20"}, 0);
    row("more signature than text", signedMail, "plaintext_body_sig_ratio", {"0", "0.5"}, 1);
    row("without one", "Subject: a\n\nab\n", "plaintext_body_sig_ratio", {"1000000"}, 1);
    row("a decoy at the end", "Subject: a\n\nab\n-- \nx\n", "plaintext_sig_length", {"1"}, 0);
    row("no plain text", "Content-Type: text/html\n\na\n-- \nsignature here\n",
        "plaintext_sig_length", {"1"}, 0);
}

void TestBodyEvals::answers()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, function);
    QFETCH(Arguments, arguments);
    BodyEvals module;
    test::FakeScan scan({}, message);
    QTEST(scan.ask(module, function, arguments), "expected");
}

void TestBodyEvals::countsStockWords_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<int>("expected");
    QTest::newRow("labels") << QByteArray("Company: a\nTarget Price: b\n Sector : c\n") << 2;
    QTest::newRow("another at the end")
        << QByteArray("Year Target: a\n12 month estimates: b\n") << 2;
    QTest::newRow("letters strewn in") << QByteArray("S-y-m-b-o-l: a\nSxtxoxcxk: b\n") << 2;
    QTest::newRow("nothing behind the colon") << QByteArray("Symbol:\n") << 0;
    QTest::newRow("too long") << QByteArray("a line that goes on and on until the symbol: a\n")
                              << 0;
    QTest::newRow("the word is not at the end") << QByteArray("Stockholm: a\n") << 0;
    QTest::newRow("date of trade") << QByteArray("Trade Date: a\nlast trade date: b\n") << 1;
}

void TestBodyEvals::countsStockWords()
{
    QFETCH(QByteArray, text);
    QTEST(countStockWords(text), "expected");
}

QTEST_APPLESS_MAIN(TestBodyEvals)
#include "TestBodyEvals.moc"
