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

/// Told of literals that occur.
class LiteralSink
{
public:
    virtual ~LiteralSink() = default;
    /// Of those that end at the same place in no order; otherwise nearly in that of the text.
    virtual void onLiteral(int literal, qsizetype end) = 0;
};

/// Finds many literal texts in one pass. Immutable, shared by threads and forked processes.
class LiteralFinder
{
public:
    /// Number i stands for literals[i].
    explicit LiteralFinder(const std::vector<Literal> &literals);
    ~LiteralFinder();
    Q_DISABLE_COPY_MOVE(LiteralFinder)

    /// Reports every occurrence. False: could not search, each may occur anywhere.
    bool find(QByteArrayView text, LiteralSink &sink) const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::spam
