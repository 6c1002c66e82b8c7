// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <functional>

namespace portcullis::spam {

/// What a condition may ask.
struct ConditionFacts {
    std::function<bool(const QByteArray &package)> isPluginLoaded;
    /// `can(Package::name)` and `has(Package::name)`.
    std::function<bool(const QByteArray &package, const QByteArray &name)> isCapable;
    bool isLocalOnly = false;
};

/// Result of `if`: a broken condition counts as false and says why.
struct ConditionResult {
    bool isTrue = false;
    QByteArray error;
};

/// Evaluates the text after `if`: plugin(), can(), has(), version, perl_version, local_tests_only,
/// numbers, comparisons, `!`, `&&`, `||`, parentheses.
[[nodiscard]] ConditionResult evaluateCondition(const QByteArray &text,
                                                const ConditionFacts &facts);

}  // namespace portcullis::spam
