// SPDX-License-Identifier: GPL-2.0-or-later
// Patterns that pass the check must match any subject within their limits. The input is a pattern, a
// line end, and a subject.
#include "appliance/rules/Pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    using namespace portcullis::rules;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) libFuzzer's own byte type
    const QByteArray input(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const qsizetype lineEnd = input.indexOf('\n');
    const QByteArray subject = lineEnd < 0 ? QByteArray() : input.mid(lineEnd + 1);
    for (const auto anchoring : {PatternAnchoring::WholeSubject, PatternAnchoring::Unanchored}) {
        const auto pattern = Pattern::compile(input.left(lineEnd), anchoring,
                                              PatternCase::Insensitive);
        if (pattern && pattern->checkBounded()) {
            static_cast<void>(pattern->match(subject));
            static_cast<void>(pattern->match(subject.repeated(64)));
        }
    }
    return 0;
}
