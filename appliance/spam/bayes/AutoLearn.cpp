// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/AutoLearn.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace portcullis::spam {

namespace {

enum class Region : quint8 { Other, Header, Body, Meta };

Region regionOf(const Test &test)
{
    switch (test.kind) {
    case TestKind::Header:
    case TestKind::HeaderEval:
        return Region::Header;
    case TestKind::Body:
    case TestKind::BodyEval:
    case TestKind::RawBody:
    case TestKind::RawBodyEval:
    case TestKind::Uri:
    case TestKind::UriDetail:
    case TestKind::MimeHeader:
        return Region::Body;
    case TestKind::Meta:
        return Region::Meta;
    default:
        return Region::Other;
    }
}

double toThousandths(double points)
{
    return std::round(points * 1000) / 1000;
}

/// Points of a meta go to header and body as the tests that it names do.
void addMetaPoints(AutoLearnPoints &points, const Test &test, double score, const RuleSet &rules)
{
    const auto *meta = std::get_if<MetaTest>(&test.body);
    if (meta == nullptr) {
        return;
    }
    std::set<QByteArray> names;
    for (const MetaTest::Step &step : meta->steps) {
        if (step.operation == MetaTest::Operation::Test) {
            names.insert(step.name);
        }
    }
    const auto count = [&](Region region) {
        return double(std::count_if(names.begin(), names.end(), [&](const QByteArray &name) {
            const Test *needed = rules.find(name);
            return needed != nullptr && regionOf(*needed) == region;
        }));
    };
    const double header = count(Region::Header);
    const double body = count(Region::Body);
    if (header + body > 0) {
        points.header += toThousandths(score * header / (header + body));
        points.body += toThousandths(score * body / (header + body));
    }
}

void addTestPoints(AutoLearnPoints &points, const Test &test, double score, const RuleSet &rules)
{
    const Region region = regionOf(test);
    const bool isBody = test.hasFlag("autolearn_body");
    const bool isHeader = test.hasFlag("autolearn_header");
    if (isHeader || (!isBody && region == Region::Header)) {
        points.header += score;
    } else if (isBody || region == Region::Body) {
        points.body += score;
    } else if (region == Region::Meta) {
        addMetaPoints(points, test, score, rules);
    }
    points.all += score;
}

bool hasHit(const std::vector<Scan::Hit> &hits, const char *name)
{
    return std::any_of(hits.begin(), hits.end(),
                       [name](const Scan::Hit &hit) { return hit.test->name == name; });
}

constexpr double leastRegionPoints = 3;  ///< From header and body each, to be learnt as spam.
constexpr double bayesSaysHam = -1;      ///< Points of Bayes beyond which nothing is learnt
constexpr double bayesSaysSpam = 1;      ///< against its opinion.

}  // namespace

AutoLearnPoints autoLearnPoints(const std::vector<Scan::Hit> &hits,
                                const RuleSet &rules,
                                int scoreSet)
{
    const auto withoutBayes = size_t(scoreSet & ~2);
    AutoLearnPoints points;
    for (const Scan::Hit &hit : hits) {
        const Test &test = *hit.test;
        if (test.isSubRule() || test.hasFlag("noautolearn") || test.hasFlag("userconf")) {
            continue;
        }
        if (test.hasFlag("learn")) {
            points.learnt += test.scores[size_t(scoreSet)];
            continue;
        }
        points.isForced = points.isForced || test.hasFlag("autolearn_force");
        if (const double score = test.scores[withoutBayes]; score != 0) {
            addTestPoints(points, test, score, rules);
        }
    }
    points.all = toThousandths(points.all);
    return points;
}

std::optional<LearnAs> autoLearnAs(const std::vector<Scan::Hit> &hits,
                                   const RuleSet &rules,
                                   int scoreSet,
                                   double score,
                                   const BayesSettings &settings)
{
    if (!settings.isOn || !settings.autoLearns) {
        return std::nullopt;
    }
    const AutoLearnPoints points = autoLearnPoints(hits, rules, scoreSet);
    const bool isSpam = score >= settings.requiredScore;
    if (points.all < settings.autoLearnHam) {
        const bool isDoubtful = points.learnt > bayesSaysSpam || isSpam
                                || (settings.autoLearnsOnErrorOnly && hasHit(hits, "BAYES_00"));
        return isDoubtful ? std::nullopt : std::optional(LearnAs::Ham);
    }
    if (points.all < settings.autoLearnSpam) {
        return std::nullopt;
    }
    const bool isOneSided = points.body < leastRegionPoints || points.header < leastRegionPoints;
    const bool isDoubtful = (isOneSided && !points.isForced) || points.learnt < bayesSaysHam
                            || !isSpam
                            || (settings.autoLearnsOnErrorOnly && hasHit(hits, "BAYES_99"));
    return isDoubtful ? std::nullopt : std::optional(LearnAs::Spam);
}

}  // namespace portcullis::spam
