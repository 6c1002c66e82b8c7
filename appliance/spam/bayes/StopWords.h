// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <vector>

namespace portcullis::spam {

/// Words without meaning (`bayes_stopword_languages`, `bayes_stopword_xx`): expressions that match a
/// whole token without case. Immutable, shared by threads.
class StopWords
{
public:
    /// Adds one expression of Perl. Error `bayes.stopwords` (permanent) saying why it cannot be used.
    Status add(const QByteArray &expression);
    [[nodiscard]] bool contains(QByteArrayView token) const;
    [[nodiscard]] bool isEmpty() const { return m_expressions.empty(); }

private:
    struct Expression;
    std::vector<std::shared_ptr<const Expression>> m_expressions;
};

}  // namespace portcullis::spam
