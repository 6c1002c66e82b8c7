// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <vector>

namespace portcullis::spam {

/// A text to look for.
struct Literal {
    QByteArray text;
    bool isCaseless = false;  ///< In ASCII.
};

/// Finds many literal texts in one pass. Immutable, shared by threads and forked processes.
class LiteralFinder
{
public:
    /// Number i stands for literals[i].
    explicit LiteralFinder(const std::vector<Literal> &literals);
    ~LiteralFinder();
    Q_DISABLE_COPY_MOVE(LiteralFinder)

    /// Appends the numbers of the literals that occur, more than once perhaps.
    void find(QByteArrayView text, std::vector<int> &into) const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::spam
