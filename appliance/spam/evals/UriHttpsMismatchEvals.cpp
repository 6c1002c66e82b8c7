// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/UriHttpsMismatchEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/uri/UriCharacters.h"

#include <algorithm>
#include <limits>

namespace portcullis::spam {

namespace {

QByteArrayView hostWithin(QByteArrayView text, qsizetype start, bool (*ends)(char))
{
    const auto end = std::find_if(text.begin() + start, text.end(), ends);
    return text.sliced(start, end - text.begin() - start);
}

bool endsLinkHost(char c)
{
    return c == '/' || c == ':' || c == '?' || c == '#';
}

bool endsTextHost(char c)
{
    return endsLinkHost(c) || uri::isSpace(c);
}

/// Of an http or https link; empty: it has none, or is an address (HTTPS_IP_MISMATCH looks at those).
QByteArray domainOfLink(const DomainTable &domains, QByteArrayView link)
{
    const qsizetype start = uri::httpLength(link);
    const QByteArrayView host = start > 0 ? hostWithin(link, start, endsLinkHost)
                                          : QByteArrayView();
    if (host.isEmpty() || isIpAddress(host)) {
        return {};
    }
    const QByteArray domain = domains.registeredDomain(host);
    return domains.hasValidTld(domains.domainOfUri(domain)) ? domain : QByteArray();
}

/// Of the first https URI in a text; empty: none that is valid.
QByteArray domainInText(const DomainTable &domains, QByteArrayView text)
{
    constexpr QByteArrayView scheme("https://");
    for (qsizetype at = uri::findCaseless(text, scheme); at >= 0;
         at = uri::findCaseless(text, scheme, at + 1)) {
        const QByteArrayView host = hostWithin(text, at + scheme.size(), endsTextHost);
        if (host.isEmpty()) {
            continue;
        }
        if (isIpAddress(host)) {
            return host.toByteArray();
        }
        const QByteArray domain = domains.registeredDomain(host);
        return domains.hasValidTld(domain) ? domain : QByteArray();
    }
    return {};
}

}  // namespace

QByteArray UriHttpsMismatchEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::HTTPSMismatch";
}

void UriHttpsMismatchEvals::configure(const RuleSet &, ProblemSink &) {}

std::vector<EvalModule::Entry> UriHttpsMismatchEvals::functions() const
{
    return {{"check_https_http_mismatch", &UriHttpsMismatchEvals::mismatches}};
}

/// Arguments: the least number of anchors in the part, and the number it must stay below.
int UriHttpsMismatchEvals::mismatches(Scan &scan, const EvalCall &call)
{
    const auto &arguments = call.arguments;
    const int least = std::max(1, arguments.empty() ? 1 : arguments[0].toInt());
    const int most = arguments.size() > 1 ? arguments[1].toInt() : std::numeric_limits<int>::max();
    for (const HtmlLinks &part : scan.text().uris().htmlParts) {
        int anchors = 0;
        bool isFound = false;
        for (const HtmlLinks::Link &link : part.links) {
            if (link.anchorTexts.empty()) {
                continue;
            }
            const QByteArray domain = domainOfLink(scan.domains(), link.uri);
            if (domain.isEmpty()) {
                continue;
            }
            ++anchors;
            isFound = isFound || std::ranges::any_of(link.anchorTexts, [&](QByteArrayView text) {
                          const QByteArray other = domainInText(scan.domains(), text);
                          return !other.isEmpty() && other != domain;
                      });
        }
        if (isFound && anchors >= least && anchors < most) {
            return 1;
        }
    }
    return 0;
}

}  // namespace portcullis::spam
