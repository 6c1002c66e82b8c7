// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/BodyStockWords.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <algorithm>
#include <array>
#include <set>

namespace portcullis::spam {

namespace {

constexpr qsizetype shortestLabel = 3;
constexpr qsizetype longestLabel = 30;

// Labels, letters only, as the end of what stands before the colon.
constexpr std::array<QByteArrayView, 28> stockLabels{
    "companyname",    "company",       "target",        "ticker",       "openingprice",
    "openingp",       "currentprice",  "currentp",      "projected",    "position",
    "expectations",   "weekshigh",     "weekhigh",      "sector",       "marketperformance",
    "recommendation", "rating",        "yeartarget",    "weektarget",   "monthtarget",
    "daytarget",      "pricetarget",   "yearestimate",  "weekestimate", "monthestimate",
    "dayestimate",    "priceestimate", "priceestimates"};
constexpr std::array<QByteArrayView, 4> pluralLabels{"yearestimates", "weekestimates",
                                                     "monthestimates", "dayestimates"};
constexpr std::array<QByteArrayView, 2> wholeLabels{"tradedate", "tradingdate"};
constexpr std::array<QByteArrayView, 3> spacedLabels{"stock", "sym", "symbol"};

/// Whether a text is a word with at most one other letter between each two of its letters.
// NOLINTNEXTLINE(misc-no-recursion) depth bounded by the letters of the longest of spacedLabels
bool isSpacedWord(QByteArrayView text, QByteArrayView word)
{
    if (text.isEmpty() || word.isEmpty()) {
        return text.isEmpty() && word.isEmpty();
    }
    if (text.front() != word.front()) {
        return false;
    }
    text = text.sliced(1);
    word = word.sliced(1);
    return isSpacedWord(text, word)
           || (!word.isEmpty() && !text.isEmpty() && isSpacedWord(text.sliced(1), word));
}

bool isStockWord(QByteArrayView text)
{
    const auto isText = [text](QByteArrayView label) { return text == label; };
    return std::any_of(stockLabels.begin(), stockLabels.end(), isText)
           || std::any_of(pluralLabels.begin(), pluralLabels.end(), isText)
           || std::any_of(spacedLabels.begin(), spacedLabels.end(), [text](QByteArrayView label) {
                  return text.size() < 2 * label.size() && isSpacedWord(text, label);
              });
}

/// The longest stock word that ends a label; empty: none does.
QByteArray stockWordOf(QByteArrayView label)
{
    QByteArray letters;
    for (const char c : label) {
        const char lower = c >= 'A' && c <= 'Z' ? char(c | 0x20) : c;
        if (lower >= 'a' && lower <= 'z') {
            letters.append(lower);
        }
    }
    if (std::find(wholeLabels.begin(), wholeLabels.end(), letters) != wholeLabels.end()) {
        return letters;
    }
    for (qsizetype start = 0; start < letters.size(); ++start) {
        if (isStockWord(QByteArrayView(letters).sliced(start))) {
            return letters.sliced(start);
        }
    }
    return {};
}

/// The label of a line, "Label : value"; empty: it has none.
QByteArrayView labelOf(QByteArrayView line)
{
    const qsizetype colon = line.indexOf(':');
    if (colon <= 0 || trimmedOctets(line.sliced(colon + 1)).isEmpty()) {
        return {};
    }
    QByteArrayView label = line.first(colon);
    while (!label.isEmpty() && isAsciiSpace(label.front())) {
        label = label.sliced(1);
    }
    if (label.size() > longestLabel) {
        label = trimmedOctets(label);
    }
    return label.size() >= shortestLabel && label.size() <= longestLabel ? label : QByteArrayView();
}

}  // namespace

int countStockWords(const QByteArray &text)
{
    std::set<QByteArray> words;
    for (qsizetype start = 0; start < text.size();) {
        const qsizetype newline = text.indexOf('\n', start);
        const qsizetype end = newline < 0 ? text.size() : newline;
        const QByteArrayView label = labelOf(QByteArrayView(text).sliced(start, end - start));
        const QByteArray word = label.isEmpty() ? QByteArray() : stockWordOf(label);
        if (!word.isEmpty()) {
            words.insert(word);
        }
        start = end + 1;
    }
    return int(words.size());
}

}  // namespace portcullis::spam
