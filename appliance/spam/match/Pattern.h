// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace portcullis::spam {

/// Bounds of one regular expression of the rules.
struct MatchLimits {
    qsizetype length = 1'048'576;  ///< Bytes of source, replace tags expanded.
    quint32 steps =
        2'000'000;           ///< PCRE2's match limit for one subject; stock rules stay far below.
    quint32 depth = 10'000;  ///< Of the interpreter, where there is no JIT.
    quint32 heapKilobytes = 16'384;  ///< As above.
    bool usesJit = true;             ///< Not for what is compiled for one message.
};

/// A regular expression of Perl over octets, compiled once by PCRE2 with its JIT. Immutable and safe to
/// share between threads and with forked workers; cheap to copy.
class Pattern
{
public:
    /// A place in a subject.
    struct Span {
        qsizetype begin = 0;
        qsizetype end = 0;
    };

    /// Errors (permanent): `regex.syntax` ("position 3: missing closing parenthesis"), `regex.too-long`,
    /// `regex.too-large` (even after factoring).
    static Result<Pattern> compile(const Regex &regex, const MatchLimits &limits = {});

    /// A subject that exceeds the limits does not match (and counts, see refusals()).
    [[nodiscard]] bool matches(QByteArrayView subject) const;
    /// The first match that begins at `from` or later; look-behinds see what is before.
    [[nodiscard]] std::optional<Span> find(QByteArrayView subject, qsizetype from = 0) const;
    /// How often it matches, one after the other as with Perl's /g; not more than `most` (0: no bound).
    [[nodiscard]] int count(QByteArrayView subject, int most = 0) const;
    /// The first match with its groups; a group that took no part is null. Empty: no match.
    [[nodiscard]] std::vector<QByteArray> groups(QByteArrayView subject, qsizetype from = 0) const;
    /// Named groups that are not empty, with their text, of every match (of the first if `most` is 1).
    [[nodiscard]] std::vector<std::pair<QByteArray, QByteArray>> captures(QByteArrayView subject,
                                                                          int most = 0) const;
    [[nodiscard]] bool hasNamedGroups() const;

    /// How often a subject of this process ran into the limits of a pattern.
    static quint64 refusals();

private:
    struct Code;
    explicit Pattern(std::shared_ptr<const Code> code);
    std::shared_ptr<const Code> m_code;
};

}  // namespace portcullis::spam
