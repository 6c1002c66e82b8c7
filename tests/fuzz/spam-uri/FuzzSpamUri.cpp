// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/uri/UriList.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace portcullis::spam;

namespace {

RuleSet fuzzRules()
{
    RuleSet rules;
    const auto add = [&rules](const char *name, const char *value) {
        Directive line;
        line.value = value;
        rules.directives[name].push_back(line);
    };
    add("util_rb_tld", "com net org uk us");
    add("util_rb_2tld", "co.uk");
    add("util_rb_3tld", "demon.co.uk");
    add("redirector_pattern", R"(m'^http.*?/redirect\.php\?.*(?<=[?&])goto=(.*?)(?:$|[&\#])'i)");
    add("redirector_pattern", R"(/^http:\/\/.+\.gov\/(?:.*\/)?go\?.*url=(.*?)(?:&.*)?$/i)");
    return rules;
}

}  // namespace

/// Any octets as a line of text, as a link in HTML and as a signature.
// NOLINTNEXTLINE(readability-identifier-naming) libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DomainTable domains(fuzzRules());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) octets are octets
    const QByteArray text(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    UriCollector collector(domains);
    collector.addText(text);
    const std::vector<HtmlUri> links{{text, "a", text}};
    collector.addHtml(links);
    collector.addSignature(text);
    const UriList list = collector.take();
    for (const UriDetail &detail : list) {
        if (detail.types.empty()
            || detail.cleaned.size() > size_t(domains.settings().limits.forms)) {
            std::abort();
        }
        for (const HostDomain &host : detail.hosts) {
            if (host.host.isEmpty() || host.domain.isEmpty()) {
                std::abort();
            }
        }
    }
    return 0;
}
