// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/ClassFilter.h"
#include "appliance/spam/match/RequiredText.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <vector>

namespace portcullis::spam {

/// What a scan of one thread needs besides the set: marks of what was found. One a thread serves all.
struct PatternSetScratch {
    std::vector<quint32> words;     ///< Number of the scan that last found a word.
    std::vector<quint32> patterns;  ///< Number of the scan that last named a pattern.
    std::vector<int> found;
    std::vector<int> named;
    quint32 scan = 0;
};

/// Says which of many expressions may match a text, by the words that each of them requires: one pass for
/// all literal words (Hyperscan, or Vectorscan, which has the same interface), one for words of classes.
/// Never leaves one out that matches; what it names is to be confirmed. Immutable, shared by threads.
class PatternSet
{
public:
    /// Index of an expression in the set, and the conditions that it requires (none: always named).
    using Conditions = std::vector<RequiredFactor>;

    PatternSet();
    explicit PatternSet(const std::vector<Conditions> &patterns);
    ~PatternSet();
    PatternSet(PatternSet &&) noexcept;
    PatternSet &operator=(PatternSet &&) noexcept;
    Q_DISABLE_COPY(PatternSet)

    /// Appends the indices of expressions that may match, each once, in no order.
    void candidates(QByteArrayView text, PatternSetScratch &scratch, std::vector<int> &into) const;

    struct Statistics {
        size_t patterns = 0;
        size_t direct = 0;  ///< Without conditions.
        size_t literals = 0;
        size_t classWords = 0;
    };
    [[nodiscard]] Statistics statistics() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

/// The conditions of an expression; none where it could not be read.
PatternSet::Conditions conditionsOf(const Regex &regex);

}  // namespace portcullis::spam
