// SPDX-License-Identifier: GPL-2.0-or-later
// A rule file with any bytes: never crashes, and what it gives can be looked up.
#include "appliance/spam/conf/RuleReader.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    portcullis::spam::RuleLimits limits;
    limits.includeDepth = 0;  // no other files
    const portcullis::spam::RuleSet rules = portcullis::spam::readRuleText(
        QByteArray(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size)), limits);
    for (const portcullis::spam::Test &test : rules.tests) {
        if (!rules.find(test.name) || test.origin.line <= 0) {
            __builtin_trap();
        }
    }
    return 0;
}
