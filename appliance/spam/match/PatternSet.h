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
    /// What was found of something in the scan of that number.
    struct Mark {
        quint32 scan = 0;
        quint32 count = 0;
    };
    /// A literal in a line.
    struct Occurrence {
        int line = 0;
        int word = 0;
        quint32 count = 0;
    };

    std::vector<Mark> words;
    std::vector<Mark> literals;     ///< Of the line; counts are indices of occurrences.
    std::vector<quint32> entries;   ///< Number of the scan that last looked at an entry.
    std::vector<quint32> patterns;  ///< Number of the scan that last named a pattern.
    std::vector<Occurrence> occurrences;
    std::vector<int> named;
    std::vector<qsizetype> ends;  ///< Of lines in `joined`.
    QByteArray joined;
    quint32 scan = 0;
    bool hasRare = false;  ///< A rare word was found in this scan.
};

/// Says which of many expressions may match a text, by the words that each of them requires: one pass for
/// all literal words (Hyperscan, or Vectorscan, which has the same interface), one for words of classes.
/// Never leaves one out that matches; what it names is to be confirmed. Immutable, shared by threads.
class PatternSet
{
public:
    /// All of them hold where an expression matches.
    using Conditions = std::vector<RequiredFactor>;
    /// For each way in which an expression can match its conditions; none: nothing is known of it, and it
    /// is always named.
    using Ways = std::vector<Conditions>;
    /// An expression that may match a line.
    struct Candidate {
        int line = 0;
        int pattern = 0;
    };

    PatternSet();
    /// An expression's index is that of its ways.
    explicit PatternSet(const std::vector<Ways> &patterns);
    ~PatternSet();
    PatternSet(PatternSet &&) noexcept;
    PatternSet &operator=(PatternSet &&) noexcept;
    Q_DISABLE_COPY(PatternSet)

    /// Appends the indices of expressions that may match, each once, in no order.
    void candidates(QByteArrayView text, PatternSetScratch &scratch, std::vector<int> &into) const;
    /// The same for all lines of a text at once, each on its own: by line, each expression once.
    void candidates(const std::vector<QByteArray> &lines,
                    PatternSetScratch &scratch,
                    std::vector<Candidate> &into) const;

    struct Statistics {
        size_t patterns = 0;
        size_t direct = 0;  ///< Always named.
        size_t literals = 0;
        size_t classWords = 0;
    };
    [[nodiscard]] Statistics statistics() const;

private:
    struct Private;
    class Builder;
    std::unique_ptr<Private> d;
};

/// The ways of an expression; none where it could not be read, or where one of them requires nothing.
PatternSet::Ways conditionsOf(const Regex &regex);

}  // namespace portcullis::spam
