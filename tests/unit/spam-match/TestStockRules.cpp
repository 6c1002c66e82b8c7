// SPDX-License-Identifier: GPL-2.0-or-later
// Every expression of the stock rules against texts made from it: whatever PCRE2 matches must pass the
// filter of words.
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/match/Pattern.h"
#include "appliance/spam/match/PatternSet.h"
#include "tests/unit/spam-match/TextSampler.h"

#include <QtCore/QFileInfo>
#include <QtTest/QtTest>

using namespace portcullis;
using namespace portcullis::spam;

class TestStockRules : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void everyExpressionCompilesAndPassesItsFilter();
};

void TestStockRules::everyExpressionCompilesAndPassesItsFilter()
{
    RuleSources sources;
    sources.updates.clear();
    if (!QFileInfo::exists(sources.stock)) {
        QSKIP("The rules of Debian's package spamassassin are not installed");
    }
    const RuleSet rules = readRules(sources);
    PatternSetScratch scratch;
    int compiled = 0;
    int matched = 0;
    for (const Test &test : rules.tests) {
        const Regex *regex = nullptr;
        if (const auto *const text = std::get_if<TextTest>(&test.body)) {
            regex = &text->regex;
        } else if (const auto *const header = std::get_if<HeaderTest>(&test.body)) {
            regex = header->isExistence ? nullptr : &header->regex;
        }
        if (regex == nullptr || !regex->neededCaptures.empty()) {
            continue;
        }
        const auto pattern = Pattern::compile(*regex);
        QVERIFY2(pattern.has_value(), test.name.constData());
        ++compiled;
        const auto tree = readRegex(*regex);
        if (!tree) {
            continue;
        }
        const PatternSet set({conditionsOf(*regex)});
        TextSampler sampler(static_cast<quint32>(compiled));
        for (int i = 0; i < 12; ++i) {
            const QByteArray filler(i % 3, i % 2 == 0 ? ' ' : 'x');
            const QByteArray text = filler + sampler.sample(tree->root) + filler;
            if (pattern->matches(text)) {
                ++matched;
                std::vector<int> named;
                set.candidates(text, scratch, named);
                QVERIFY2(named.size() == 1, (test.name + ": " + text).constData());
            }
        }
    }
    QVERIFY(compiled > 1'000);
    QVERIFY(matched > compiled);
}

QTEST_GUILESS_MAIN(TestStockRules)
#include "TestStockRules.moc"
