// SPDX-License-Identifier: GPL-2.0-or-later
// The first line is an expression, the rest a text. Whatever PCRE2 matches must pass the filter of words,
// and the compact form must agree with the expression as written.
#include "appliance/spam/match/Pattern.h"
#include "appliance/spam/match/PatternSet.h"

#include <cstdint>
#include <cstdlib>
#include <utility>

using namespace portcullis::spam;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) libFuzzer hands out octets
    const QByteArray input(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const qsizetype end = input.indexOf('\n');
    if (end < 1 || end > 200 || size > 1'000) {
        return 0;
    }
    Regex regex;
    regex.source = input.sliced(1, end - 1);
    regex.isCaseless = (data[0] & 1U) != 0;
    regex.isDotAll = (data[0] & 2U) != 0;
    regex.isMultiLine = (data[0] & 4U) != 0;
    regex.isExtended = (data[0] & 8U) != 0;
    const QByteArrayView text = QByteArrayView(input).sliced(end + 1);

    MatchLimits limits;
    limits.steps = 20'000;
    const auto pattern = Pattern::compile(regex, limits);
    auto tree = readRegex(regex);
    if (!pattern.has_value()) {
        return 0;
    }
    const quint64 refused = Pattern::refusals();
    const auto span = pattern->find(text);
    if (span) {
        const PatternSet set({conditionsOf(regex)});
        PatternSetScratch scratch;
        std::vector<int> named;
        set.candidates(text, scratch, named);
        if (named.size() != 1) {
            std::abort();
        }
    }
    if (!tree || tree->hasGroups || tree->hasReferences) {
        return 0;
    }
    Regex compact;
    compact.source = compactText(std::move(*tree));
    compact.isCaseless = true;
    const auto other = Pattern::compile(compact, limits);
    if (other.has_value()) {
        const auto found = other->find(text);
        const bool isBounded = Pattern::refusals() == refused;
        if (isBounded && (found.has_value() != span.has_value())) {
            std::abort();
        }
    }
    return 0;
}
