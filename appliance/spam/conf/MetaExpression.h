// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/conf/RuleSet.h"

namespace portcullis::spam {

/// The steps of an expression, or why it is none.
struct MetaReading {
    std::vector<MetaTest::Step> steps;
    QByteArray error;
};

/// Reads "(__A && !B) || (C + __D > 2)". `rules_matching(GLOB)` becomes a Test step of that very text;
/// whoever knows all names expands it.
[[nodiscard]] MetaReading readMeta(const QByteArray &text, const RuleLimits &limits);

/// "FOO_*" of "rules_matching(FOO_*)"; empty for any other name.
[[nodiscard]] QByteArray globOf(const QByteArray &name);
/// Globs of rules_matching(): `*` any text, `?` one character.
[[nodiscard]] bool matchesGlob(QByteArrayView name, QByteArrayView glob);
/// Whether this can be the name of a test.
[[nodiscard]] bool isTestName(QByteArrayView name);

}  // namespace portcullis::spam
