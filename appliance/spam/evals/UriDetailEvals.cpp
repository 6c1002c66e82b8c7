// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/UriDetailEvals.h"

#include "appliance/spam/engine/Scan.h"

#include <algorithm>
#include <optional>

namespace portcullis::spam {

QByteArray UriDetailEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::URIDetail";
}

void UriDetailEvals::configure(const RuleSet &rules, ProblemSink &problems)
{
    const QHash<QByteArray, Key> keys{{"raw", Key::Raw},         {"type", Key::Type},
                                      {"cleaned", Key::Cleaned}, {"text", Key::Text},
                                      {"domain", Key::Domain},   {"host", Key::Host}};
    for (const Test &test : rules.tests) {
        const auto *detail = std::get_if<UriDetailTest>(&test.body);
        if (detail == nullptr) {
            continue;
        }
        Conditions conditions;
        bool isUsable = true;
        for (const UriDetailTest::Condition &given : detail->conditions) {
            const auto key = keys.constFind(given.key);
            auto pattern = Pattern::compile(given.regex);
            if (key == keys.cend() || !pattern) {
                problems.report(
                    {Problem::Severity::Error, test.origin, test.name,
                     pattern ? "unknown key " + given.key : pattern.error().detail.toUtf8()});
                isUsable = false;
                break;
            }
            // The last condition on a key is the one that counts.
            std::erase_if(conditions, [&](const Condition &own) { return own.key == *key; });
            conditions.push_back({*key, std::move(*pattern), given.isNegated});
        }
        if (isUsable && !conditions.empty()) {
            m_tests.insert(test.name, conditions);
        }
    }
}

std::vector<EvalModule::Entry> UriDetailEvals::functions() const
{
    return {{"uri_detail", [this](Scan &scan, const EvalCall &call) { return check(scan, call); }}};
}

/// One of the texts under the key must match (or, negated, one must not).
bool UriDetailEvals::holds(const Condition &condition, const UriDetail &detail)
{
    const auto fits = [&condition](QByteArrayView text) {
        return condition.pattern.matches(text) != condition.isNegated;
    };
    switch (condition.key) {
    case Key::Raw:
        return fits(detail.raw);
    case Key::Type:
        return std::ranges::any_of(detail.types, fits);
    case Key::Cleaned:
        return std::ranges::any_of(detail.cleaned, fits);
    case Key::Text:
        return std::ranges::any_of(detail.anchorTexts, fits);
    case Key::Domain:
        return std::ranges::any_of(detail.domains, fits);
    case Key::Host:
        return std::ranges::any_of(detail.hosts, fits, &HostDomain::host);
    }
    return false;
}

int UriDetailEvals::check(Scan &scan, const EvalCall &call) const
{
    const auto test = call.arguments.empty() ? m_tests.cend()
                                             : m_tests.constFind(call.arguments.front());
    if (test == m_tests.cend()) {
        return 0;
    }
    const UriList &uris = scan.text().uris();
    const bool isHit = std::ranges::any_of(uris, [&test](const UriDetail &detail) {
        return std::ranges::all_of(
            *test, [&detail](const Condition &condition) { return holds(condition, detail); });
    });
    return isHit ? 1 : 0;
}

}  // namespace portcullis::spam
