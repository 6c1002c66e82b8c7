// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>

namespace portcullis::rules {

/// Bounds of one regular expression (C7).
struct PatternLimits {
    int length = 1024;                   ///< Characters of the text, as in the REST API.
    quint32 matchSteps = 100'000;        ///< PCRE2 match limit for one subject; about 1 ms.
    quint32 depth = 1'000;               ///< Backtracking depth of the interpreter.
    quint32 heapKilobytes = 1'024;       ///< Backtracking memory.
    qsizetype subjectBytes = 64 * 1024;  ///< Longer subjects are matched at their start only.
    quint32 compiledBytes = 32 * 1024;   ///< Size of the compiled pattern.
};

enum class PatternAnchoring : quint8 { Unanchored, WholeSubject };
enum class PatternCase : quint8 { Insensitive, Sensitive };

/// Limit: the subject needed more steps than allowed. It is neither a match nor the absence of one.
enum class MatchOutcome : quint8 { NoMatch, Match, Limit };

/// A Perl regular expression over UTF-8, compiled once (JIT), bounded always. Immutable and
/// thread-safe; cheap to copy.
class Pattern
{
public:
    /// Errors (permanent): `pattern.syntax` ("position 3: quantifier does not follow a repeatable
    /// item"), `pattern.too-long`, `pattern.too-large`.
    static Result<Pattern> compile(const QByteArray &text,
                                   PatternAnchoring anchoring,
                                   PatternCase sensitivity,
                                   const PatternLimits &limits = {});

    [[nodiscard]] MatchOutcome match(QByteArrayView subject) const;

    /// Whether no subject can stall the filter; run when a pattern is saved. Error
    /// `pattern.unbounded` (permanent) with position and reason: first by reading the pattern (a
    /// repetition without bound inside another, alternatives that begin alike under one), then by
    /// matching hostile subjects made from the pattern with a small step limit.
    [[nodiscard]] Status checkBounded() const;

    [[nodiscard]] const QByteArray &text() const;

private:
    struct Code;
    explicit Pattern(std::shared_ptr<const Code> code);
    std::shared_ptr<const Code> m_code;
};

}  // namespace portcullis::rules
