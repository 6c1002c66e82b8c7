// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QSet>
#include <QtCore/QString>

#include <unordered_map>
#include <vector>

namespace portcullis::spam {

/// What bounds language models, which are data of a package, not of a message.
struct LanguageLimits {
    qint64 fileBytes = 16 << 20;  ///< The stock file has 134 KB.
    int models = 1'000;           ///< Stock: 98.
};

/// N-grams of up to five octets, the most frequent of each language in order (Cavnar and Trenkle,
/// "N-Gram-Based Text Categorization", 1994). Immutable after reading; shared by threads.
///
/// Read from the file `languages` that comes with SpamAssassin's rules, so that the two agree.
class LanguageModels
{
public:
    /// Errors: `language.models`, permanent: cannot be read, or holds none.
    static Result<LanguageModels> read(const QString &file, const LanguageLimits &limits = {});
    static Result<LanguageModels> parse(QByteArrayView text, const LanguageLimits &limits = {});

    /// How far a text is from a language; less is nearer.
    struct Distance {
        QByteArray language;  ///< "en", "ru.koi8-r"
        int distance = 0;
    };
    /// All languages but those in `skipped` ("la"), nearest first. `most`: n-grams of the text that count.
    [[nodiscard]] std::vector<Distance> compare(QByteArrayView text,
                                                const QSet<QByteArray> &skipped,
                                                int most,
                                                int leastCount = 0) const;
    [[nodiscard]] size_t size() const { return m_names.size(); }

private:
    LanguageModels() = default;

    struct Place {
        quint16 model;
        quint16 rank;  ///< From 1.
    };
    std::vector<QByteArray> m_names;
    std::unordered_map<quint64, std::vector<Place>> m_places;  ///< By n-gram.
};

/// The n-grams of a text, the most frequent first, at most `most`; those seen no more than `leastCount`
/// times are left out if it is not 0. Each is an n-gram's octets from the top, its length at the bottom.
std::vector<quint64> frequentGrams(QByteArrayView text, int most, int leastCount = 0);

}  // namespace portcullis::spam
