// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/HeloTest.h"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace portcullis;

void require(bool holds)
{
    if (!holds) {
        std::abort();
    }
}

}  // namespace

/// Any name gets an answer that is one clean line; what passes is a name or an address in brackets.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const policy::HeloTest test(
        {.ownNames = {"gate.example.com"},
         .ownAddresses = {QHostAddress(QStringLiteral("192.0.2.1"))}});
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) libFuzzer's interface
    const QByteArrayView name(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const auto refusal = test.refusal(name);
    if (!refusal) {
        require(name.startsWith('[') ? name.endsWith(']') : name.contains('.'));
        require(std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; }));
        return 0;
    }
    require(refusal->code >= 500 && refusal->text.size() < 300);
    require(std::all_of(refusal->text.begin(), refusal->text.end(),
                        [](char c) { return c >= ' ' && c <= '~'; }));
    return 0;
}
