// SPDX-License-Identifier: GPL-2.0-or-later
// What the record checker lets through must be made of what the macro splitter understands.
#include "appliance/policy/spf/record/Record.h"

#include <cstdint>
#include <cstdlib>

using namespace portcullis::policy::spf;

namespace {

void demand(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

void checkDomain(const std::string &text)
{
    const auto pieces = splitMacros(text, MacroUse::Domain);
    demand(pieces && !pieces->empty());
    for (const MacroPiece &piece : *pieces) {
        demand(piece.literal.empty() != (piece.letter == 0));
        demand(piece.parts >= 0 && piece.parts <= 128 && piece.delimiters.size() <= 7);
    }
    demand(hasMacros(text) || (pieces->size() == 1 && pieces->front().literal == text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    const auto parsed = parseRecord(bytes);
    if (const auto *record = std::get_if<Record>(&parsed)) {
        demand(isSpfRecord(bytes) && record->terms.size() <= size / 2);
        for (const Term &term : record->terms) {
            demand(term.prefix4 >= 0 && term.prefix4 <= 32);
            demand(term.prefix6 >= 0 && term.prefix6 <= 128);
            covers(term, std::string_view("\xc0\x00\x02\x01", 4));
            covers(term, std::string(16, '\x20'));
            if (!term.domainSpec.empty()) {
                checkDomain(term.domainSpec);
            }
        }
        for (const std::string &target : {record->redirect, record->explanation}) {
            if (!target.empty()) {
                checkDomain(target);
            }
        }
    } else {
        const std::string &problem = std::get<std::string>(parsed);
        for (const char c : problem) {
            demand(c >= ' ' && c <= '~');
        }
        demand(!problem.empty() && problem.size() < 200);
    }
    if (const auto pieces = splitMacros(bytes, MacroUse::Explanation)) {
        for (const MacroPiece &piece : *pieces) {
            demand(urlEscaped(piece.literal).find(' ') == std::string::npos);
        }
    }
    return 0;
}
