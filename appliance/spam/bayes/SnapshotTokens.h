// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Classifier.h"
#include "appliance/spam/learning/SnapshotTable.h"

namespace portcullis::spam {

/// Tokens as entries of a snapshot. Times have a resolution of an hour there.
SnapshotSlot slotOfToken(Token token, const TokenCounts &counts);
TokenCounts countsOfSlot(const SnapshotSlot &slot);
inline quint64 slotKeyOfToken(Token token)
{
    return token << 24;
}

/// Counts from a snapshot file; what a worker classifies with. One thread.
class SnapshotTokens final : public TokenSource
{
public:
    explicit SnapshotTokens(const QString &path);

    /// Takes the newest snapshot; false: there is none.
    bool refresh();

    [[nodiscard]] LearntMessages messages() const override;
    [[nodiscard]] std::optional<TokenCounts> counts(Token token) const override;

private:
    SnapshotReader m_reader;
    const SnapshotView *m_view = nullptr;
};

}  // namespace portcullis::spam
