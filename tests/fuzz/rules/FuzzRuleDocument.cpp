// SPDX-License-Identifier: GPL-2.0-or-later
// Rule documents come from administrators, imports and other nodes: whatever they hold, reading them
// ends in a document that is valid, writes itself the same way again, and compiles.
#include "appliance/rules/RuleSet.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    using namespace portcullis;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) libFuzzer's own byte type
    const QByteArray json(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const auto document = rules::RuleDocument::fromJson(json);
    if (!document) {
        return 0;
    }
    const auto again = rules::RuleDocument::fromJson(document->toJson());
    if (!again || !(*again == *document) || !document->validate()
        || !rules::RuleSet::compile(*document)) {
        std::abort();
    }
    return 0;
}
