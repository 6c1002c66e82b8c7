// SPDX-License-Identifier: GPL-2.0-or-later
// S1, S2, S3: only CRLF.CRLF ends a message, whatever the octets and however they are cut.
#include "EngineBench.h"

#include <QtCore/QFile>
#include <QtTest/QTest>

namespace portcullis::smtp {

namespace {

constexpr char envelope[] = "MAIL FROM:<a@one.example>\r\nRCPT TO:<b@two.example>\r\nDATA\r\n";
constexpr char secondMail[] = "MAIL FROM:<evil@one.example>\r\nRCPT TO:<c@two.example>\r\nDATA\r\n"
                              "Subject: two\r\n\r\nsmuggled";

struct Outcome {
    QByteArrayList messages;
    QByteArray codes;
    QByteArrayList events;
    bool operator==(const Outcome &) const = default;
};

/// Plays one message with `ending` in its middle; the octets after DATA in pieces cut at `cut`.
Outcome play(const QByteArray &ending, BareNewline policy, qsizetype cut)
{
    SessionSettings settings;
    settings.bareNewline = policy;
    EngineBench bench(settings);
    bench.greet();
    QByteArray output = bench.sayEach(
        {"MAIL FROM:<a@one.example>", "RCPT TO:<b@two.example>", "DATA"});
    const QByteArray octets = "Subject: one\r\n\r\nfirst" + ending + secondMail + "\r\n.\r\n";
    if (cut < 0) {
        for (const char octet : octets) {
            output.append(bench.say(QByteArrayView(&octet, 1)));
        }
    } else {
        output.append(bench.say(octets.left(cut)));
        output.append(bench.say(octets.mid(cut)));
    }
    output.append(bench.say("QUIT\r\n"));
    return {bench.handler.messages, codesOf(output), bench.handler.events};
}

bool hasOnlyCrLf(const QByteArray &message)
{
    for (qsizetype i = 0; i < message.size(); ++i) {
        if (message[i] == '\r' && (i + 1 == message.size() || message[i + 1] != '\n')) {
            return false;
        }
        if (message[i] == '\n' && (i == 0 || message[i - 1] != '\r')) {
            return false;
        }
    }
    return true;
}

QString corpusFile()
{
    const QString folder = qEnvironmentVariable("PORTCULLIS_CORPORA",
                                                QStringLiteral(PORTCULLIS_SOURCE_DIR)
                                                    + QStringLiteral("/../shared/corpora"));
    return folder + QStringLiteral("/auth/smtp-smuggling/end-of-data-variants.tsv");
}

}  // namespace

class TestSmuggling : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void takesOneMailForEachVariant_data();
    void takesOneMailForEachVariant();
    void takesOneMailForEachVariantOfTheCorpus();
    void keepsBareNewlinesOutOfChunks_data();
    void keepsBareNewlinesOutOfChunks();
    void unstuffsDots_data();
    void unstuffsDots();
    void givesTheSameForEverySplit();
};

void TestSmuggling::takesOneMailForEachVariant_data()
{
    QTest::addColumn<QByteArray>("ending");
    const std::initializer_list<std::pair<const char *, QByteArray>> endings{
        {"S1 LF.LF", "\n.\n"},
        {"S1 CR.CR", "\r.\r"},
        {"S1 CR.LF", "\r.\n"},
        {"S1 LF.CR", "\n.\r"},
        {"S1 LF.CRLF", "\n.\r\n"},
        {"S1 CRLF.LF", "\r\n.\n"},
        {"S1 CR.CRLF", "\r.\r\n"},
        {"S1 CRLF.CR", "\r\n.\r"},
        {"S1 CRLF NUL.CRLF", QByteArray("\r\n\0.\r\n", 6)},
        {"S1 CRLF.NUL CRLF", QByteArray("\r\n.\0\r\n", 6)},
        {"S1 CRCRLF.CRCRLF", "\r\r\n.\r\r\n"},
        {"S1 CRCRLF.CRLF behind CR", "\r\r\n.\r"},
        {"S1 LFCRLF.LF", "\n\r\n.\n"},
        {"S1 NUL NUL . NUL", QByteArray("\r\n\0\0.\0\r\n", 8)},
        {"S1 LF NUL . CRLF", QByteArray("\n\0.\r\n", 5)},
    };
    for (const auto &[name, ending] : endings) {
        QTest::newRow(name) << ending;
    }
}

void TestSmuggling::takesOneMailForEachVariant()
{
    QFETCH(QByteArray, ending);
    for (const BareNewline policy : {BareNewline::Refuse, BareNewline::Replace}) {
        const Outcome whole = play(ending, policy, 0);
        QCOMPARE(whole.events.count("MAIL a@one.example"), 1);
        QCOMPARE(whole.events.count("MAIL evil@one.example"), 0);
        QVERIFY2(whole.codes == "250 250 354 250 221" || whole.codes == "250 250 354 554 221",
                 whole.codes.constData());
        for (const QByteArray &message : whole.messages) {
            QVERIFY(hasOnlyCrLf(message));
            QVERIFY(!message.contains(QByteArray("\n\0.", 3)));
        }
        // S3: cut at every octet, and octet by octet.
        const auto length = qsizetype(sizeof secondMail) + ending.size() + 30;
        for (qsizetype cut = -1; cut < length; ++cut) {
            QCOMPARE(play(ending, policy, cut), whole);
        }
    }
}

void TestSmuggling::takesOneMailForEachVariantOfTheCorpus()
{
    QFile file(corpusFile());
    if (!file.open(QIODevice::ReadOnly)) {
        QSKIP("no corpora: set PORTCULLIS_CORPORA");
    }
    int variants = 0;
    file.readLine();
    while (!file.atEnd()) {
        const QByteArrayList columns = file.readLine().split('\t');
        QVERIFY(columns.size() >= 2);
        const QByteArray ending = QByteArray::fromHex(columns[1]);
        for (const BareNewline policy : {BareNewline::Refuse, BareNewline::Replace}) {
            const Outcome outcome = play(ending, policy, 0);
            QVERIFY2(outcome.events.count("MAIL evil@one.example") == 0, columns[0].constData());
            QCOMPARE(outcome.codes.count("354"), 1);
        }
        ++variants;
    }
    QVERIFY(variants >= 10);
}

void TestSmuggling::keepsBareNewlinesOutOfChunks_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QByteArray>("replaced");
    QTest::newRow("S2 LF.LF") << QByteArray("a\n.\nb\r\n") << QByteArray("a\r\n.\r\nb\r\n");
    QTest::newRow("S2 CR.CR") << QByteArray("a\r.\rb\r\n") << QByteArray("a\r\n.\r\nb\r\n");
    QTest::newRow("S2 CR at the end") << QByteArray("a\r\nb\r") << QByteArray("a\r\nb\r\n");
    QTest::newRow("S2 LF at the start") << QByteArray("\nb\r\n") << QByteArray("\r\nb\r\n");
    QTest::newRow("S2 CRCRLF") << QByteArray("a\r\r\nb\r\n") << QByteArray("a\r\n\r\nb\r\n");
}

void TestSmuggling::keepsBareNewlinesOutOfChunks()
{
    QFETCH(QByteArray, content);
    QFETCH(QByteArray, replaced);
    for (qsizetype cut = 0; cut <= content.size(); ++cut) {
        for (const BareNewline policy : {BareNewline::Refuse, BareNewline::Replace}) {
            SessionSettings settings;
            settings.bareNewline = policy;
            EngineBench bench(settings);
            bench.greet();
            bench.sayEach({"MAIL FROM:<a@one.example>", "RCPT TO:<b@two.example>"});
            QByteArray output = bench.say("BDAT " + QByteArray::number(cut) + "\r\n"
                                          + content.left(cut));
            output.append(bench.say("BDAT " + QByteArray::number(content.size() - cut) + " LAST\r\n"
                                    + content.mid(cut)));
            if (policy == BareNewline::Refuse) {
                QVERIFY(bench.handler.messages.isEmpty());
                QVERIFY(output.contains("554 5.5.2"));
                QCOMPARE(codesOf(bench.say("DATA\r\n")), QByteArray("503"));
            } else {
                QCOMPARE(bench.handler.messages, QByteArrayList{replaced});
            }
        }
    }
}

void TestSmuggling::unstuffsDots_data()
{
    QTest::addColumn<QByteArray>("wire");
    QTest::addColumn<QByteArray>("message");
    QTest::newRow("two dots are one") << QByteArray("..\r\n") << QByteArray(".\r\n");
    QTest::newRow("a dot before text goes") << QByteArray(".a\r\n") << QByteArray("a\r\n");
    QTest::newRow("a dot inside stays") << QByteArray("a.\r\n") << QByteArray("a.\r\n");
    QTest::newRow("three dots are two") << QByteArray("...\r\n") << QByteArray("..\r\n");
    QTest::newRow("an empty message") << QByteArray() << QByteArray();
    QTest::newRow("empty lines") << QByteArray("\r\n\r\n") << QByteArray("\r\n\r\n");
    QTest::newRow("NUL inside a line") << QByteArray("a\0b\r\n", 5) << QByteArray("a\0b\r\n", 5);
    QTest::newRow("many lines") << QByteArray("h: 1\r\n\r\n")
                                       + QByteArray("..x\r\ny\r\n").repeated(99)
                                << QByteArray("h: 1\r\n\r\n")
                                       + QByteArray(".x\r\ny\r\n").repeated(99);
}

void TestSmuggling::unstuffsDots()
{
    QFETCH(QByteArray, wire);
    QFETCH(QByteArray, message);
    for (qsizetype cut = 0; cut <= wire.size(); ++cut) {
        EngineBench bench;
        bench.greet();
        bench.sayEach({"MAIL FROM:<a@one.example>", "RCPT TO:<b@two.example>", "DATA"});
        bench.say(wire.left(cut));
        QCOMPARE(codesOf(bench.say(wire.mid(cut) + ".\r\n")), QByteArray("250"));
        QCOMPARE(bench.handler.messages, QByteArrayList{message});
    }
}

void TestSmuggling::givesTheSameForEverySplit()
{
    // S3: a whole session with groups, cut anywhere behind its synchronisation points.
    const QByteArray group = QByteArray(envelope).replace("DATA\r\n", "BDAT 6\r\nA: b\r\n")
                             + "BDAT 7 LAST\r\n\r\nbody\r"
                             + "MAIL FROM:<a@one.example>\r\nRCPT TO:<b@two.example>\r\n"
                               "RCPT TO:<\r\nBDAT 8 LAST\r\n\r\nbody\r\nNOOP\r\nQUIT\r\n";
    std::optional<Outcome> whole;
    for (qsizetype cut = 0; cut <= group.size(); ++cut) {
        EngineBench bench;
        bench.greet();
        QByteArray output = bench.say(group.left(cut));
        output.append(bench.say(group.mid(cut)));
        const Outcome outcome{bench.handler.messages, codesOf(output), bench.handler.events};
        if (!whole) {
            whole = outcome;
            QCOMPARE(outcome.codes, QByteArray("250 250 250 554 250 250 501 250 250 221"));
            QCOMPARE(outcome.messages, QByteArrayList{"\r\nbody\r\n"});
        }
        QCOMPARE(outcome, *whole);
    }
}

}  // namespace portcullis::smtp

QTEST_APPLESS_MAIN(portcullis::smtp::TestSmuggling)
#include "tst_smuggling.moc"
