// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/evals/FreeMailAddresses.h"
#include "appliance/spam/evals/GlobList.h"
#include "appliance/spam/evals/MailAddresses.h"
#include "appliance/spam/evals/SpfEvals.h"
#include "appliance/spam/language/LanguageModels.h"
#include "appliance/spam/language/LanguageText.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace portcullis::spam;

namespace {

RuleSet fuzzRules()
{
    RuleSet rules;
    Directive line;
    line.value = "com net org uk example";
    rules.directives["util_rb_tld"].push_back(line);
    return rules;
}

}  // namespace

/// Any octets as a body line with addresses, as an address, as header fields and as a text in some language.
// NOLINTNEXTLINE(readability-identifier-naming) libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DomainTable domains(fuzzRules());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) octets are octets
    const QByteArray text(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    qsizetype last = 0;
    for (FoundAddress found = nextAddress(text, 0, domains); !found.address.isEmpty();
         found = nextAddress(text, found.end, domains)) {
        if (found.begin < last || found.end <= found.begin || found.end > text.size()) {
            std::abort();
        }
        last = found.end;
    }
    if (withoutQuotedAddresses(text, domains).size() > 2 * text.size() + 1) {
        std::abort();
    }
    (void)isRoleAddress(text);
    (void)isBulkSender(text);
    (void)readSpfField(text);
    if (!text.contains(recipientInReceived(text))) {
        std::abort();
    }
    const qsizetype half = text.size() / 2;
    constexpr qsizetype longestGlob = 64;
    (void)matchesGlob(QByteArrayView(text).first(std::min(half, longestGlob)),
                      QByteArrayView(text).sliced(half));
    constexpr qsizetype mostText = 10'000;
    constexpr int mostGrams = 400;
    const QByteArray cleaned = languageText({text}, mostText);
    if (cleaned.size() > mostText || frequentGrams(cleaned, mostGrams).size() > size_t(mostGrams)) {
        std::abort();
    }
    return 0;
}
