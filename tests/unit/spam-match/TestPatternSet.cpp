// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/Pattern.h"
#include "appliance/spam/match/PatternSet.h"
#include "tests/unit/spam-match/TextSampler.h"

#include <QtTest/QtTest>

#include <limits>

using namespace portcullis;
using namespace portcullis::spam;

namespace {

Regex caseless(const char *source)
{
    Regex regex;
    regex.source = source;
    regex.isCaseless = true;
    return regex;
}

/// Shapes of the stock rules: alternations, optional parts, look-aheads, fuzzy letters, counted groups.
const char *const shapes[] = {
    "viagra",
    "\\b(?:cialis|levitra|via(?:gra)?)\\b",
    "^(?=.*\\bfoo\\b)(?=.*bar).{3,20}$",
    "(?:v|\\\\/)[i1l!|]{1,3}[a@\\xe0-\\xe5]gr[a@]",
    "(?:a(?:b|c)d){3}x?y",
    "(?<!no )money(?! back)",
    "https?://[^\\s/]{1,40}\\.(?:ru|cn)/",
    "(?i:Sir)|(?-i:MADAM)",
    "[[:upper:]]{3} \\d+%",
    "a{2}|b{,3}c",
    "(?:\\bone|two(?!x))? (?>three|four)+",
    "([a-z])\\1{3,}",
    "x(?#comment)y\\Z",
    "[^]a-c]{4}q",
    "\\x41\\x{42}z?",
    "(?:(?:urgent|important|immediate)[, ]{0,2}){2}",
    "(?:c|\\xc3[\\xa7\\x87])(?:r)(?:e|\\xc3\\xa9|\\xe1(?:\\xba|\\xbb)[\\xb8-\\xbf])d(?:i|!|\\xed)t",
    "(?:a|\\xe0)(?:b|[\\xc3\\xc4]\\xa0)+[\\x80-\\xff]{2}z?",
    "(?=.*\\xe2\\x82\\xac)\\d{2}",
    "(?:(?:name|age|\\xc3\\xa4ge)s?(?:[:,] |\\xe2\\x80\\xa6)){5}"};

/// The expressions named for one text.
std::vector<int> namedFor(const PatternSet &set, const QByteArray &text)
{
    PatternSetScratch scratch;
    std::vector<int> named;
    set.candidates(text, scratch, named);
    std::sort(named.begin(), named.end());
    return named;
}

}  // namespace

class TestPatternSet : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void whatMatchesIsNamed_data();
    void whatMatchesIsNamed();
    void whatLacksItsWordsIsNotNamed();
    void wordsOfTheSameTextAreAllSeen();
    void everyConditionMustHold();
    void lettersBeyondAsciiAreLookedForApart();
    void roundsOfAGroupNeedAWordEach();
    void wordsWithGapsAreFound_data();
    void wordsWithGapsAreFound();
    void linesAreSearchedTogetherAsOneByOne();
    void marksAreReusedWhenTheirNumbersRunOut();
    void shortTextsAreSearchedToTheirEnd();
    void compactTextMatchesTheSame_data();
    void compactTextMatchesTheSame();
    void onlyDigitsAreACount();
    void extendedExpressionsLeaveOutNextLine();
    void groupsThatAreTooDeepAreNotRead();
    void patternsTooLargeForPcreAreFactored();
    void whatPcreRefusesIsRefusedWithItsPlace();
    void perlsModifiersAreUnderstood();
    void matchesAreCountedAsPerlDoes_data();
    void matchesAreCountedAsPerlDoes();
    void aSubjectBeyondTheLimitsDoesNotMatch();
};

void TestPatternSet::whatMatchesIsNamed_data()
{
    QTest::addColumn<QByteArray>("source");
    for (const char *shape : shapes) {
        QTest::newRow(shape) << QByteArray(shape);
    }
}

void TestPatternSet::whatMatchesIsNamed()
{
    QFETCH(QByteArray, source);
    const Regex regex = caseless(source.constData());
    const auto tree = readRegex(regex);
    QVERIFY(tree.has_value());
    auto pattern = Pattern::compile(regex);
    QVERIFY2(pattern.has_value(), qPrintable(pattern ? QString() : pattern.error().detail));
    const PatternSet set({conditionsOf(regex)});
    PatternSetScratch scratch;
    TextSampler sampler(7);
    int matched = 0;
    for (int i = 0; i < 300; ++i) {
        const QByteArray filler(i % 23, i % 2 == 0 ? ' ' : 'z');
        const QByteArray text = filler + sampler.sample(tree->root) + filler;
        if (!pattern->matches(text)) {
            continue;
        }
        ++matched;
        std::vector<int> named;
        set.candidates(text, scratch, named);
        QVERIFY2(named.size() == 1, text.constData());
    }
    if (!source.contains("(?=")) {
        QVERIFY(matched > 5);
    }
}

void TestPatternSet::whatLacksItsWordsIsNotNamed()
{
    const PatternSet set({conditionsOf(caseless("\\b(?:cialis|levitra)\\b")),
                          conditionsOf(caseless("[vu][i1l!|]{1,2}[a@]gr[a@]"))});
    QCOMPARE(set.statistics().direct, size_t(0));
    PatternSetScratch scratch;
    std::vector<int> named;
    set.candidates("We meet on Tuesday at ten in the large room.", scratch, named);
    QVERIFY(named.empty());
    set.candidates("Buy V1@gr@ today", scratch, named);
    QCOMPARE(named, std::vector<int>{1});
}

void TestPatternSet::wordsOfTheSameTextAreAllSeen()
{
    const PatternSet set({conditionsOf(caseless("lottery")),
                          conditionsOf(caseless("ottery winner")),
                          conditionsOf(caseless("\\d+ \\$"))});
    PatternSetScratch scratch;
    std::vector<int> named;
    set.candidates("The LOTTERY WINNER", scratch, named);
    std::sort(named.begin(), named.end());
    // What requires nothing that can be looked for is always named.
    QVERIFY(std::find(named.begin(), named.end(), 0) != named.end());
    QVERIFY(std::find(named.begin(), named.end(), 1) != named.end());
}

void TestPatternSet::everyConditionMustHold()
{
    const PatternSet set({conditionsOf(caseless("inherit.{1,30}million"))});
    PatternSetScratch scratch;
    std::vector<int> named;
    set.candidates("a million reasons", scratch, named);
    set.candidates("you inherit nothing", scratch, named);
    QVERIFY(named.empty());
    set.candidates("inherit a million", scratch, named);
    QCOMPARE(named.size(), size_t(1));
}

void TestPatternSet::lettersBeyondAsciiAreLookedForApart()
{
    // As the tags of fuzzy rules write letters: with more spellings than words can be made of.
    QByteArray source;
    for (const char letter : QByteArray("credit")) {
        source += "(?:[" + QByteArray(1, letter)
                  + "\\xe0-\\xef]|\\xc3[\\xa0-\\xaf]|\\xe1(?:\\xb9|\\xba)" + "[\\x80-\\x8f])";
    }
    const PatternSet set({conditionsOf(caseless(source.constData()))});
    QCOMPARE(set.statistics().direct, size_t(0));
    QVERIFY(namedFor(set, "Letters of creed, director and others: edit, red, tired").empty());
    QVERIFY(namedFor(set, "Umlauts are \xc3\xbc and \xc3\xb6, quotes \xe2\x80\x9c").empty());
    for (const char *text : {"a Credit",
                             "cr\xc3\xa9"
                             "dit",
                             "cr\xe9"
                             "dit",
                             "c\xe1\xb9\x8f"
                             "edit",
                             "\xc3\xa0\xc3\xa0\xc3\xa0\xc3\xa0\xc3\xa0\xc3\xa0"}) {
        QVERIFY2(namedFor(set, text).size() == 1, text);
    }
}

void TestPatternSet::roundsOfAGroupNeedAWordEach()
{
    const PatternSet set(
        {conditionsOf(caseless("(?:(?:phone|address|name)\\s?[:,]{0,3}\\s?){4}"))});
    QVERIFY(namedFor(set, "Your name, address: here").empty());
    QVERIFY(namedFor(set, "name name name").empty());
    QCOMPARE(namedFor(set, "name, address, phone: name").size(), size_t(1));
    QCOMPARE(namedFor(set, "namenamenamename").size(), size_t(1));
    // A look-ahead may see the same word from every round.
    const PatternSet looking({conditionsOf(caseless("(?:(?=.*magic).){4}"))});
    QCOMPARE(namedFor(looking, "....magic").size(), size_t(1));
}

void TestPatternSet::wordsWithGapsAreFound_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("isFound");
    QTest::newRow("together") << QByteArray("a cialis b") << true;
    QTest::newRow("apart") << QByteArray("c - i---a_l.i s") << true;
    QTest::newRow("a gap that could be a letter") << QByteArray("c!!!!al||s") << true;
    QTest::newRow("too far apart") << QByteArray("c    ialis") << false;
    QTest::newRow("another letter between") << QByteArray("cialxis") << false;
    QTest::newRow("cut off") << QByteArray("ciali") << false;
    QTest::newRow("only gaps") << QByteArray(500, '!') << false;
}

void TestPatternSet::wordsWithGapsAreFound()
{
    QFETCH(QByteArray, text);
    QFETCH(bool, isFound);
    const char *const gap = "[_\\W]{0,3}";
    QByteArray source;
    for (const char *letter : {"c", "[i1!|]", "[a4@]", "[l!|1]", "[i1!|]", "s"}) {
        source += (source.isEmpty() ? "" : gap) + QByteArray(letter);
    }
    const PatternSet set({conditionsOf(caseless(source.constData()))});
    QCOMPARE(!namedFor(set, text).empty(), isFound);
    QCOMPARE(Pattern::compile(caseless(source.constData()))->matches(text), isFound);
    const GapWord word = gapWordOf(readRegex(caseless(source.constData()))->root);
    QCOMPARE(word.size(), size_t(6));
}

void TestPatternSet::linesAreSearchedTogetherAsOneByOne()
{
    std::vector<PatternSet::Ways> all;
    for (const char *shape : shapes) {
        all.push_back(conditionsOf(caseless(shape)));
    }
    const PatternSet set(all);
    TextSampler sampler(3);
    std::vector<QByteArray> lines{"", "viag", "ra"};
    for (int i = 0; i < 40; ++i) {
        for (const char *shape : shapes) {
            lines.push_back(sampler.sample(readRegex(caseless(shape))->root));
        }
        lines.emplace_back(i % 3, '\n');
    }
    PatternSetScratch scratch;
    for (int round = 0; round < 2; ++round) {
        std::vector<PatternSet::Candidate> found;
        set.candidates(lines, scratch, found);
        std::vector<std::vector<int>> byLine(lines.size());
        for (const PatternSet::Candidate &each : found) {
            byLine[static_cast<size_t>(each.line)].push_back(each.pattern);
        }
        for (size_t i = 0; i < lines.size(); ++i) {
            std::sort(byLine[i].begin(), byLine[i].end());
            QCOMPARE(byLine[i], namedFor(set, lines[i]));
        }
    }
}

void TestPatternSet::marksAreReusedWhenTheirNumbersRunOut()
{
    const PatternSet set({conditionsOf(caseless("viagra")), conditionsOf(caseless("cialis"))});
    PatternSetScratch scratch;
    std::vector<int> named;
    set.candidates("viagra", scratch, named);
    scratch.scan = std::numeric_limits<quint32>::max() - 2;
    for (int i = 0; i < 6; ++i) {
        named.clear();
        set.candidates(i % 2 == 0 ? "cialis" : "viagra", scratch, named);
        QCOMPARE(named, std::vector<int>{i % 2 == 0 ? 1 : 0});
    }
}

void TestPatternSet::shortTextsAreSearchedToTheirEnd()
{
    const PatternSet set({conditionsOf(caseless("[x\\xd7][y\\xff]q"))});
    PatternSetScratch scratch;
    std::vector<int> named;
    set.candidates("xyq", scratch, named);
    set.candidates("----------xyq", scratch, named);
    set.candidates("-------xy", scratch, named);
    set.candidates("", scratch, named);
    QCOMPARE(named.size(), size_t(2));
}

void TestPatternSet::compactTextMatchesTheSame_data()
{
    whatMatchesIsNamed_data();
}

void TestPatternSet::compactTextMatchesTheSame()
{
    QFETCH(QByteArray, source);
    const Regex regex = caseless(source.constData());
    const auto tree = readRegex(regex);
    QVERIFY(tree.has_value());
    if (tree->hasGroups || tree->hasReferences) {
        return;
    }
    auto pattern = Pattern::compile(regex);
    const QByteArray shorter = compactText(*readRegex(regex));
    auto compact = Pattern::compile(caseless(shorter.constData()));
    QVERIFY(pattern.has_value());
    QVERIFY2(compact.has_value(), shorter.constData());
    TextSampler sampler(11);
    for (int i = 0; i < 300; ++i) {
        QByteArray text = sampler.sample(tree->root);
        if (i % 3 == 1 && !text.isEmpty()) {
            text[i % text.size()] = 'k';
        }
        text = QByteArray(i % 5, ' ') + text;
        const auto expected = pattern->find(text);
        const auto found = compact->find(text);
        QCOMPARE(found.has_value(), expected.has_value());
        if (expected) {
            QCOMPARE(found->begin, expected->begin);
            QCOMPARE(found->end, expected->end);
        }
    }
}

void TestPatternSet::onlyDigitsAreACount()
{
    for (const char *text : {"a{3\\x00}", "a{ 3}", "a{-1,2}", "a{3 ,20}"}) {
        QByteArray source(text);
        source.replace("\\x00", QByteArray(1, '\0'));
        Regex regex;
        regex.source = source;
        const PatternSet set({conditionsOf(regex)});
        PatternSetScratch scratch;
        std::vector<int> named;
        set.candidates(source, scratch, named);
        QVERIFY2(named.size() == 1, text);
        QVERIFY(Pattern::compile(regex)->matches(source));
    }
}

void TestPatternSet::extendedExpressionsLeaveOutNextLine()
{
    Regex regex;
    regex.source = "alpha\x85"
                   " beta";
    regex.isExtended = true;
    const PatternSet set({conditionsOf(regex)});
    PatternSetScratch scratch;
    std::vector<int> named;
    set.candidates("alphabeta", scratch, named);
    QVERIFY(Pattern::compile(regex)->matches("alphabeta"));
    QCOMPARE(named.size(), size_t(1));
}

void TestPatternSet::groupsThatAreTooDeepAreNotRead()
{
    const auto nested = [](int depth) {
        const QByteArray text = QByteArray("(?:x|aviagra").repeated(depth)
                                + QByteArray("){1,2}").repeated(depth);
        return caseless(text.constData());
    };
    QVERIFY(readRegex(nested(maxRegexDepth)).has_value());
    QVERIFY(!compactText(*readRegex(nested(maxRegexDepth))).isEmpty());
    conditionsOf(nested(maxRegexDepth));
    QVERIFY(!readRegex(nested(maxRegexDepth + 1)).has_value());
    QVERIFY(!readRegex(nested(100'000)).has_value());
}

void TestPatternSet::patternsTooLargeForPcreAreFactored()
{
    QByteArray letters;
    for (char letter = 'a'; letter <= 'z'; ++letter) {
        letters += (letters.isEmpty() ? "(?:[" : "(?:[") + QByteArray(1, letter)
                   + "\\xc0-\\xd0]{1,3}|[\\xe0-\\xe5]\\xa0|\\x{2e}" + QByteArray(1, letter) + ")";
    }
    const Regex regex = caseless(("\\b(?:(?:" + letters + "|word)[., ]*){40}").constData());
    auto pattern = Pattern::compile(regex);
    QVERIFY2(pattern.has_value(), qPrintable(pattern ? QString() : pattern.error().detail));
    QVERIFY(pattern->matches("abcdefghijklmnopqrstuvwxyz " + QByteArray("word, ").repeated(39)));
    QVERIFY(!pattern->matches(QByteArray("word, ").repeated(39)));
}

void TestPatternSet::whatPcreRefusesIsRefusedWithItsPlace()
{
    const auto open = Pattern::compile(caseless("ab(c"));
    QVERIFY(!open.has_value());
    QCOMPARE(open.error().id, QByteArray("regex.syntax"));
    QVERIFY(open.error().detail.contains(QStringLiteral("position 4")));
    QVERIFY(!Pattern::compile(caseless("(?{ die })")).has_value());
    QVERIFY(!readRegex(caseless("ab\\c")).has_value());  // A control character without its letter.
}

void TestPatternSet::perlsModifiersAreUnderstood()
{
    Regex regex;
    regex.source = "(?aai:viagra) x{,2}y";
    auto pattern = Pattern::compile(regex);
    QVERIFY(pattern.has_value());
    QVERIFY(pattern->matches("VIAGRA xxy"));
    QVERIFY(!pattern->matches("VIAGRA XXy"));
}

void TestPatternSet::matchesAreCountedAsPerlDoes_data()
{
    QTest::addColumn<QByteArray>("source");
    QTest::addColumn<QByteArray>("subject");
    QTest::addColumn<int>("most");
    QTest::addColumn<int>("expected");
    QTest::newRow("none") << QByteArray("x") << QByteArray("aaa") << 0 << 0;
    QTest::newRow("one after the other") << QByteArray("aa") << QByteArray("aaaaa") << 0 << 2;
    QTest::newRow("not more than wanted") << QByteArray("a") << QByteArray("aaaaa") << 3 << 3;
    QTest::newRow("empty matches go on") << QByteArray("b*") << QByteArray("aa") << 0 << 3;
}

void TestPatternSet::matchesAreCountedAsPerlDoes()
{
    QFETCH(QByteArray, source);
    QFETCH(QByteArray, subject);
    QFETCH(int, most);
    QFETCH(int, expected);
    auto pattern = Pattern::compile(caseless(source.constData()));
    QVERIFY(pattern.has_value());
    QCOMPARE(pattern->count(subject, most), expected);
}

void TestPatternSet::aSubjectBeyondTheLimitsDoesNotMatch()
{
    MatchLimits limits;
    limits.steps = 1'000;
    auto pattern = Pattern::compile(caseless("(?:a+)+$"), limits);
    QVERIFY(pattern.has_value());
    const quint64 before = Pattern::refusals();
    QVERIFY(!pattern->matches(QByteArray(60, 'a') + 'b'));
    QCOMPARE(Pattern::refusals(), before + 1);
}

QTEST_GUILESS_MAIN(TestPatternSet)
#include "TestPatternSet.moc"
