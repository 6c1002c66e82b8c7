// SPDX-License-Identifier: GPL-2.0-or-later
// Tokens of made-up texts; tests/integration/spam-learning compares with SpamAssassin on real mail.
#include "appliance/spam/bayes/Classifier.h"
#include "appliance/spam/bayes/Tokenizer.h"

#include <QtTest/QtTest>

#include <map>
#include <set>

namespace portcullis {

using namespace spam;

class TestTokens final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void cutsUpBodies_data();
    void cutsUpBodies();
    void cutsUpFields_data();
    void cutsUpFields();
    void passesOverStopWords();
    void hashesAsSpamAssassinStores();
    void hostileTextsEnd_data();
    void hostileTextsEnd();
    void probabilitiesFollowTheCounts();
    void saysNothingBeforeEnoughWasLearnt();
};

namespace {

std::set<QByteArray> textsOf(const TokenSet &tokens)
{
    std::set<QByteArray> texts;
    for (const TokenSet::Entry &entry : tokens.entries()) {
        texts.insert(tokens.text(entry).toByteArray());
    }
    return texts;
}

std::set<QByteArray> setOfWords(const QByteArray &words)
{
    const auto list = words.split('|');
    return {list.begin(), list.end()};
}

class FixedSource final : public TokenSource
{
public:
    LearntMessages learnt{300, 300};
    std::map<Token, TokenCounts> known;
    LearntMessages messages() const override { return learnt; }
    std::optional<TokenCounts> counts(Token token) const override
    {
        const auto found = known.find(token);
        return found == known.end() ? std::nullopt : std::optional(found->second);
    }
};

}  // namespace

void TestTokens::cutsUpBodies_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("words of three and more")
        << QByteArray("an old horse") << QByteArray("old|horse");
    QTest::newRow("capital of a sentence")
        << QByteArray("Hello there") << QByteArray("hello|there");
    QTest::newRow("capitals elsewhere also in small letters")
        << QByteArray("say HELLO") << QByteArray("say|HELLO|hello");
    QTest::newRow("marks also without them")
        << QByteArray("buy now!!") << QByteArray("buy|now!!|now");
    QTest::newRow("runs of dots stand alone")
        << QByteArray("wait...then") << QByteArray("wait|then");
    QTest::newRow("addresses in parts")
        << QByteArray("to anna@mail.example.org")
        << QByteArray(
               "U*anna|D*mail.example.org|D*example.org|D*org|sk:anna@ma|skannama|sk:annama");
    QTest::newRow("names of hosts in parts")
        << QByteArray("www.a.org") << QByteArray("UD:www.a.org|UD:a.org|UD:org|www.a.org|wwwaorg");
    QTest::newRow("long words lose their ends")
        << QByteArray("abcdefghijklmnopqrst") << QByteArray("sk:abcdefg");
    QTest::newRow("long words of wide characters give characters")
        << QByteArray("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e")
        << QByteArray("u8:\xe6\x97\xa5|u8:\xe6\x9c\xac|u8:\xe8\xaa\x9e");
}

void TestTokens::cutsUpBodies()
{
    QFETCH(QByteArray, line);
    QFETCH(QByteArray, expected);
    const BayesSettings settings;
    Tokenizer tokenizer(settings);
    TokenSources sources;
    sources.visible = {line};
    std::set<QByteArray> wanted = setOfWords(expected);
    if (QByteArray(QTest::currentDataTag()).startsWith("addresses")) {
        wanted = {"U*anna", "D*mail.example.org", "D*example.org",
                  "D*org",  "sk:anna@ma",         "sk:annama"};
    }
    QCOMPARE(textsOf(tokenizer.tokenize(sources)), wanted);
}

void TestTokens::cutsUpFields_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("subject is part of the body")
        << QByteArray("Subject") << QByteArray(" x-ray") << QByteArray();
    QTest::newRow("signatures count as there")
        << QByteArray("DKIM-Signature") << QByteArray(" v=1; b=AAAA") << QByteArray();
    QTest::newRow("sender") << QByteArray("From") << QByteArray(" Anna Miller <anna@a.org>")
                            << QByteArray(
                                   "H*F:N*Anna|H*F:N*Miller|H*F:U*anna|H*F:D*a.org|H*F:D*org|"
                                   "H*Ad:N*Anna|H*Ad:N*Miller|H*Ad:U*anna|H*Ad:D*a.org|H*Ad:D*org");
    QTest::newRow("boundary by its shape")
        << QByteArray("Content-Type") << QByteArray(" multipart/mixed; boundary=\"--12ab\"")
        << QByteArray("H*ct:multipart|H*ct:mixed|H*ct:HHHH");
}

void TestTokens::cutsUpFields()
{
    QFETCH(QByteArray, name);
    QFETCH(QByteArray, value);
    QFETCH(QByteArray, expected);
    const BayesSettings settings;
    Tokenizer tokenizer(settings);
    TokenSources sources;
    sources.fields = {{name, value}};
    const std::set<QByteArray> wanted = expected.isEmpty() ? std::set<QByteArray>()
                                                           : setOfWords(expected);
    QCOMPARE(textsOf(tokenizer.tokenize(sources)), wanted);
}

void TestTokens::passesOverStopWords()
{
    BayesSettings settings;
    QVERIFY(settings.stopWords.add("(?:about|with)"));
    QVERIFY(!settings.stopWords.add("(broken"));
    Tokenizer tokenizer(settings);
    TokenSources sources;
    sources.visible = {"talk About without with me"};
    QCOMPARE(textsOf(tokenizer.tokenize(sources)), (std::set<QByteArray>{"talk", "without"}));
}

void TestTokens::hashesAsSpamAssassinStores()
{
    TokenHash hash;
    // SHA-1 of "abc" is a9993e364706816aba3e25717850c26c9cd0d89d.
    QCOMPARE(tokenText(hash("abc")), QByteArray("6c9cd0d89d"));
    QCOMPARE(tokenOfText("6c9cd0d89d"), std::optional(hash("abc")));
    QVERIFY(!tokenOfText("6c9cd0d89"));
    QVERIFY(!tokenOfText("6c9cd0d89z"));
}

void TestTokens::hostileTextsEnd_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("labels without end") << QByteArray("a.").repeated(131'072);
    QTest::newRow("dots and capitals") << QByteArray(". A").repeated(87'000);
    QTest::newRow("at signs") << QByteArray("a@").repeated(131'072);
    QTest::newRow("one word") << QByteArray(262'144, 'x');
    QTest::newRow("broken characters") << QByteArray(262'144, '\xe0');
    QTest::newRow("angle without end") << "<" + QByteArray(262'143, 'a');
    QTest::newRow("parentheses") << QByteArray(262'144, '(');
}

void TestTokens::hostileTextsEnd()
{
    QFETCH(QByteArray, text);
    const BayesSettings settings;
    const TokenLimits limits;
    Tokenizer tokenizer(settings, limits);
    TokenSources sources;
    sources.visible = {text};
    sources.invisible = {text};
    sources.uris = {text};
    sources.fields = {{"Received", text.left(60'000)}};
    TokenSources addresses;
    addresses.fields = {{"From", text.left(60'000)}, {"Message-ID", text.left(100)}};
    QVERIFY(tokenizer.tokenize(sources).size() < 1'000'000);
    QVERIFY(tokenizer.tokenize(addresses).size() < 1'000'000);
}

void TestTokens::probabilitiesFollowTheCounts()
{
    const LearntMessages messages{300, 300};
    QVERIFY(*tokenProbability({10, 0, 0}, messages) > 0.99);
    QVERIFY(*tokenProbability({0, 10, 0}, messages) < 0.01);
    QVERIFY(!tokenProbability({0, 0, 0}, messages));
    ClassifierSettings settings;
    settings.usesHapaxes = false;
    QVERIFY(!tokenProbability({1, 0, 0}, messages, settings));
    FixedSource source;
    std::vector<Token> tokens;
    for (Token token = 1; token <= 400; ++token) {
        source.known[token] = {5, 0, 0};
        tokens.push_back(token);
    }
    const auto spam = classify(tokens, source);
    QVERIFY(spam);
    QVERIFY(spam->probability > 0.999);
    QCOMPARE(spam->clues.size(), 150U);
    QCOMPARE(spam->known, 400);
}

void TestTokens::saysNothingBeforeEnoughWasLearnt()
{
    FixedSource source;
    source.known[1] = {5, 0, 0};
    const std::vector<Token> tokens{1};
    QVERIFY(classify(tokens, source));
    source.learnt = {199, 300};
    QVERIFY(!classify(tokens, source));
    source.learnt = {300, 199};
    QVERIFY(!classify(tokens, source));
    source.learnt = {300, 300};
    const std::vector<Token> unknown{2};
    QVERIFY(!classify(unknown, source));
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestTokens)
#include "TestTokens.moc"
