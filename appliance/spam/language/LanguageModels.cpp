// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/language/LanguageModels.h"

#include <QtCore/QFile>

#include <algorithm>
#include <cstdlib>

namespace portcullis::spam {

namespace {

constexpr int longestGram = 5;
constexpr int bitsPerOctet = 8;

quint64 packedGram(QByteArrayView gram)
{
    quint64 packed = 0;
    for (qsizetype i = 0; i < longestGram; ++i) {
        packed = (packed << bitsPerOctet)
                 | (i < gram.size() ? static_cast<quint8>(gram[i]) : quint8(0));
    }
    return (packed << bitsPerOctet) | static_cast<quint64>(gram.size());
}

/// Letters of any script and the apostrophe; not space, digits and punctuation of ASCII.
bool isWordOctet(char c)
{
    const auto octet = static_cast<quint8>(c);
    if (octet >= 0x80 || (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z')) {
        return true;
    }
    const bool isSpace = c == ' ' || (c >= '\t' && c <= '\r');
    return c == '\'' || octet == 0x7f || (octet < ' ' && !isSpace);
}

bool isLatinLetter(char c)
{
    const auto octet = static_cast<quint8>(c);
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z')
           || (octet >= 0xc0 && octet <= 0xfe && octet != 0xd7 && octet != 0xdf && octet != 0xf7);
}

/// Lower case as for ISO 8859-1, but short words, which may be acronyms, stay.
void lowerWord(QByteArray &word)
{
    constexpr int longWord = 4;
    int letters = 0;
    bool isLong = false;
    bool hasCapital = false;
    for (char c : std::as_const(word)) {
        letters = isLatinLetter(c) ? letters + 1 : 0;
        isLong = isLong || letters >= longWord;
        hasCapital = hasCapital || (c >= 'A' && c <= 'Z');
    }
    if (!isLong || !hasCapital) {
        return;
    }
    for (char &c : word) {
        const auto octet = static_cast<quint8>(c);
        if ((c >= 'A' && c <= 'Z') || (octet >= 0xc0 && octet <= 0xde && octet != 0xd7)) {
            c = static_cast<char>(octet + 0x20);
        }
    }
}

/// Counts n-grams; open addressing, as large as there can be n-grams.
class GramCounter
{
public:
    explicit GramCounter(qsizetype textSize)
    {
        size_t slots = 1024;
        while (slots < static_cast<size_t>(textSize) * 2 * (longestGram + 1)) {
            slots *= 2;
        }
        m_slots.resize(slots);
    }

    void addWord(const QByteArray &word)
    {
        const QByteArray bounded = '\0' + word + '\0';
        for (qsizetype i = 0; i < bounded.size(); ++i) {
            for (qsizetype length = 1; length <= longestGram && i + length <= bounded.size();
                 ++length) {
                count(packedGram(QByteArrayView(bounded).sliced(i, length)));
            }
        }
    }

    struct Slot {
        quint64 gram = 0;
        int count = 0;
    };
    [[nodiscard]] std::vector<Slot> counted(int leastCount) const
    {
        std::vector<Slot> found;
        std::copy_if(m_slots.begin(), m_slots.end(), std::back_inserter(found),
                     [leastCount](const Slot &slot) { return slot.count > leastCount; });
        return found;
    }

private:
    void count(quint64 gram)
    {
        // Fibonacci hashing; a gram is never 0, for its length is in it.
        size_t i = static_cast<size_t>((gram * 0x9e3779b97f4a7c15ULL) >> 20) & (m_slots.size() - 1);
        while (m_slots[i].gram != 0 && m_slots[i].gram != gram) {
            i = (i + 1) & (m_slots.size() - 1);
        }
        m_slots[i].gram = gram;
        ++m_slots[i].count;
    }

    std::vector<Slot> m_slots;
};

Error modelError(const QString &reason)
{
    return Error::permanent("language.models", reason);
}

}  // namespace

std::vector<quint64> frequentGrams(QByteArrayView text, int most, int leastCount)
{
    GramCounter counter(text.size());
    for (qsizetype begin = 0; begin < text.size();) {
        if (!isWordOctet(text[begin])) {
            ++begin;
            continue;
        }
        qsizetype end = begin;
        while (end < text.size() && isWordOctet(text[end])) {
            ++end;
        }
        QByteArray word = text.sliced(begin, end - begin).toByteArray();
        lowerWord(word);
        counter.addWord(word);
        begin = end;
    }
    std::vector<GramCounter::Slot> grams = counter.counted(leastCount);
    const auto isBefore = [](const GramCounter::Slot &a, const GramCounter::Slot &b) {
        return a.count != b.count ? a.count > b.count : a.gram < b.gram;
    };
    const size_t kept = std::min(grams.size(), static_cast<size_t>(std::max(0, most)));
    std::partial_sort(grams.begin(), grams.begin() + static_cast<qsizetype>(kept), grams.end(),
                      isBefore);
    std::vector<quint64> frequent;
    frequent.reserve(kept);
    for (size_t i = 0; i < kept; ++i) {
        frequent.push_back(grams[i].gram);
    }
    return frequent;
}

Result<LanguageModels> LanguageModels::read(const QString &file, const LanguageLimits &limits)
{
    QFile data(file);
    if (!data.open(QIODevice::ReadOnly)) {
        return modelError(QStringLiteral("%1: %2").arg(file, data.errorString()));
    }
    if (data.size() > limits.fileBytes) {
        return modelError(
            QStringLiteral("%1 is larger than %2 bytes").arg(file).arg(limits.fileBytes));
    }
    return parse(data.readAll(), limits);
}

/// One n-gram a line, the most frequent first; "0 NAME" ends a model. The octet 0 is a word's border.
Result<LanguageModels> LanguageModels::parse(QByteArrayView text, const LanguageLimits &limits)
{
    LanguageModels models;
    quint16 rank = 1;
    for (qsizetype begin = 0; begin < text.size();) {
        const qsizetype newline = text.indexOf('\n', begin);
        const qsizetype end = newline < 0 ? text.size() : newline;
        const QByteArrayView line = text.sliced(begin, end - begin);
        begin = end + 1;
        if (line.startsWith("0 ") && line.size() > 2) {
            models.m_names.push_back(line.sliced(2).toByteArray());
            rank = 1;
            if (models.m_names.size() > static_cast<size_t>(limits.models)) {
                return modelError(QStringLiteral("more than %1 languages").arg(limits.models));
            }
        } else if (!line.isEmpty() && line.size() <= longestGram) {
            models.m_places[packedGram(line)].push_back(
                {static_cast<quint16>(models.m_names.size()), rank});
            ++rank;
        } else {
            ++rank;
        }
    }
    if (models.m_names.empty()) {
        return modelError(QStringLiteral("no languages"));
    }
    return models;
}

std::vector<LanguageModels::Distance> LanguageModels::compare(QByteArrayView text,
                                                              const QSet<QByteArray> &skipped,
                                                              int most,
                                                              int leastCount) const
{
    const std::vector<quint64> grams = frequentGrams(text, most, leastCount);
    // Every n-gram that a model lacks counts `most`; take back what that is too much for the others.
    std::vector<int> distances(m_names.size() + 1, static_cast<int>(grams.size()) * most);
    for (size_t i = 0; i < grams.size(); ++i) {
        const auto places = m_places.find(grams[i]);
        if (places == m_places.end()) {
            continue;
        }
        for (const Place &place : places->second) {
            distances[place.model] -= most - std::abs(int(place.rank) - static_cast<int>(i));
        }
    }
    std::vector<Distance> results;
    for (size_t model = 0; model < m_names.size(); ++model) {
        const QByteArray &name = m_names[model];
        const QByteArray language = name.first(name.indexOf('.') < 0 ? name.size()
                                                                     : name.indexOf('.'));
        if (skipped.contains(language)) {
            continue;
        }
        // "en" and "en.utf8" are one language in two charsets; "ru.koi8-r" stays apart.
        const QByteArray &shown = name.endsWith(".utf8") ? language : name;
        const auto known = std::find_if(
            results.begin(), results.end(),
            [&shown](const Distance &d) { return d.language == shown; });
        if (known == results.end()) {
            results.push_back({shown, distances[model]});
        } else {
            known->distance = std::min(known->distance, distances[model]);
        }
    }
    std::stable_sort(results.begin(), results.end(),
                     [](const Distance &a, const Distance &b) { return a.distance < b.distance; });
    return results;
}

}  // namespace portcullis::spam
