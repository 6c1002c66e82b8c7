// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/DkimEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/MailAddresses.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

using Signatures = std::vector<SignatureEvidence>;

/// Null: nobody looked for signatures.
const Signatures *signaturesOf(const Scan &scan)
{
    const SenderEvidence *evidence = scan.context().evidence;
    return evidence && evidence->signatures ? &*evidence->signatures : nullptr;
}

/// One that could be read: without a selector there is no key to ask for.
bool isReadable(const SignatureEvidence &signature)
{
    return !signature.selector.isEmpty() && !signature.speaksFor().isEmpty();
}

/// A signature of DomainKeys (RFC 4870), DKIM's predecessor: it counts as one, and proves nothing.
bool hasDomainKeysSignature(Scan &scan)
{
    const auto &fields = scan.text().headerList("DomainKey-Signature");
    return std::any_of(fields.begin(), fields.end(), [](const QByteArray &field) {
        bool hasDomain = false;
        bool hasSelector = false;
        for (const QByteArray &part : field.split(';')) {
            const QByteArray tag = part.trimmed();
            hasDomain |= tag.size() > 2 && tag.startsWith("d=");
            hasSelector |= tag.size() > 2 && tag.startsWith("s=");
        }
        return hasDomain && hasSelector;
    });
}

/// "example.org" is itself; "*.example.org" and ".example.org" are it and everything below.
bool isDomainOrBelow(const QByteArray &domain, const QByteArray &pattern)
{
    const qsizetype cut = pattern.startsWith("*.") ? 2 : pattern.startsWith('.') ? 1 : 0;
    const QByteArray name = pattern.sliced(cut).toLower();
    return domain == name || (cut > 0 && domain.endsWith('.' + name));
}

bool isAnyDomainOrBelow(const QByteArray &domain, const std::vector<QByteArray> &patterns)
{
    return std::any_of(patterns.begin(), patterns.end(), [&domain](const QByteArray &pattern) {
        return isDomainOrBelow(domain, pattern);
    });
}

void addOnce(std::vector<QByteArray> &list, const QByteArray &value)
{
    if (!value.isEmpty() && std::find(list.begin(), list.end(), value) == list.end()) {
        list.push_back(value);
    }
}

struct PracticeName {
    const char *name;
    char sign;
};

constexpr std::array<PracticeName, 7> practiceNames{{{"nxdomain", 'N'},
                                                     {"unknown", 'U'},
                                                     {"all", 'A'},
                                                     {"discardable", 'D'},
                                                     {"custom_low", '1'},
                                                     {"custom_med", '2'},
                                                     {"custom_high", '3'}}};

constexpr char openPractices = '?';  // Nobody overrides them.

char practiceSign(const QByteArray &name)
{
    const auto found = std::find_if(
        practiceNames.begin(), practiceNames.end(),
        [&name](const PracticeName &known) { return name == known.name; });
    return found == practiceNames.end() ? '\0' : found->sign;
}

/// Something with a top level domain of letters: only such names can have practices.
bool isFullyQualified(const QByteArray &domain)
{
    const qsizetype dot = domain.lastIndexOf('.');
    const QByteArray tld = domain.sliced(dot + 1);
    return dot > 0 && tld.size() >= 2 && std::all_of(tld.begin(), tld.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || c == '-';
           });
}

}  // namespace

QByteArray DkimEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::DKIM";
}

void DkimEvals::configure(const RuleSet &rules, ProblemSink &problems)
{
    readWelcomeLists(rules, "", m_welcome, problems);
    readWelcomeLists(rules, "def_", m_default, problems);
    readPractices(rules, problems);
    m_minimumKeyBits = static_cast<int>(rules.number("dkim_minimum_key_bits", m_minimumKeyBits));
}

void DkimEvals::readWelcomeLists(const RuleSet &rules,
                                 const QByteArray &prefix,
                                 WelcomeLists &lists,
                                 ProblemSink &problems)
{
    for (const Directive &directive : rules.directive(prefix + "welcomelist_from_dkim")) {
        const std::vector<QByteArray> words = wordsOf(directive.value.toLower());
        if (words.empty() || words.size() > 2) {
            problems.report({Problem::Severity::Warning, directive.origin,
                             prefix + "welcomelist_from_dkim",
                             "needs one address and at most one domain"});
            continue;
        }
        // A whole address as signer is accepted from old files; only its domain counts.
        const QByteArray signer = words.size() < 2 ? QByteArray()
                                                   : words[1].sliced(words[1].lastIndexOf('@') + 1);
        lists.bySigner.push_back({words[0], signer});
    }
    for (const Directive &directive : rules.directive(prefix + "welcomelist_auth")) {
        lists.byAuthor.addAll(directive.value);
    }
}

void DkimEvals::readPractices(const RuleSet &rules, ProblemSink &problems)
{
    for (const Directive &directive : rules.directive("adsp_override")) {
        const std::vector<QByteArray> words = wordsOf(directive.value.toLower());
        const char sign = words.size() < 2 ? 'D' : practiceSign(words[1]);
        if (words.empty() || words.size() > 2 || sign == '\0') {
            problems.report({Problem::Severity::Warning, directive.origin, "adsp_override",
                             "needs a domain and nxdomain, unknown, all, discardable, custom_low, "
                             "custom_med or custom_high"});
            continue;
        }
        m_practices.insert(words[0].startsWith('@') ? words[0].sliced(1) : words[0], sign);
    }
}

void DkimEvals::begin(Scan &scan) const
{
    const Signatures *signatures = signaturesOf(scan);
    if (!signatures) {
        return;
    }
    std::vector<QByteArray> domains;
    std::vector<QByteArray> identities;
    std::vector<QByteArray> selectors;
    for (const SignatureEvidence &signature : *signatures) {
        if (signature.isValid && isReadable(signature)) {
            addOnce(domains, signature.domain);
            addOnce(identities,
                    signature.identity.isEmpty() ? '@' + signature.domain : signature.identity);
            addOnce(selectors, signature.selector);
        }
    }
    if (!domains.empty()) {
        scan.setTag("DKIMDOMAIN", domains);
        scan.setTag("DKIMIDENTITY", identities);
        scan.setTag("DKIMSELECTOR", selectors);
    }
    setOpenDomains(scan);
}

/// For whoever can ask DNS.
void DkimEvals::setOpenDomains(Scan &scan) const
{
    std::vector<QByteArray> open;
    for (const QByteArray &author : authorDomainsOf(scan.text())) {
        if (isFullyQualified(author) && practicesOf(scan, author) == openPractices) {
            open.push_back(author);
        }
    }
    if (!open.empty()) {
        scan.setTag(openPracticesTag, open);
    }
}

/// Short keys prove nothing about a domain; one of unknown length is given the benefit of the doubt.
bool DkimEvals::isStrong(const SignatureEvidence &signature) const
{
    return signature.isValid && isReadable(signature)
           && (signature.keyBits == 0 || signature.keyBits >= m_minimumKeyBits);
}

bool DkimEvals::hasValidFrom(Scan &scan, const QByteArray &domain) const
{
    const Signatures *signatures = signaturesOf(scan);
    return signatures
           && std::any_of(signatures->begin(), signatures->end(),
                          [this, &domain](const SignatureEvidence &signature) {
                              return isStrong(signature) && signature.speaksFor() == domain;
                          });
}

int DkimEvals::isValidBy(Scan &scan, const std::vector<QByteArray> &domains) const
{
    const Signatures *signatures = signaturesOf(scan);
    return signatures
           && std::any_of(signatures->begin(), signatures->end(),
                          [this, &domains](const SignatureEvidence &signature) {
                              return domains.empty() ? signature.isValid && isReadable(signature)
                                                     : isStrong(signature)
                                                           && isAnyDomainOrBelow(
                                                               signature.speaksFor(), domains);
                          });
}

int DkimEvals::isValidByAuthor(Scan &scan, const std::vector<QByteArray> &domains) const
{
    const std::vector<QByteArray> authors = authorDomainsOf(scan.text());
    return std::any_of(authors.begin(), authors.end(), [&](const QByteArray &author) {
        return hasValidFrom(scan, author)
               && (domains.empty() || isAnyDomainOrBelow(author, domains));
    });
}

int DkimEvals::isValidByEnvelope(Scan &scan) const
{
    const QByteArray domain = mailDomainOf(scan.text().headerText("EnvelopeFrom:addr"));
    return !domain.isEmpty() && hasValidFrom(scan, domain);
}

bool DkimEvals::WelcomeLists::isWelcome(const QByteArray &author, const QByteArray &signer) const
{
    const QByteArray domain = mailDomainOf(author);
    if (signer == domain && byAuthor.matches(author)) {
        return true;
    }
    return std::any_of(bySigner.begin(), bySigner.end(), [&](const SignedWelcome &entry) {
        const qsizetype cut = entry.signer.startsWith("*.")  ? 2
                              : entry.signer.startsWith('.') ? 1
                                                             : 0;
        // Here, other than elsewhere, "*.example.org" leaves out example.org itself.
        const bool isSigner = entry.signer.isEmpty() ? signer == domain
                              : cut > 0 ? signer.endsWith('.' + entry.signer.sliced(cut))
                                        : signer == entry.signer;
        return isSigner && matchesGlob(entry.glob, author);
    });
}

int DkimEvals::isWelcome(Scan &scan, const WelcomeLists &lists) const
{
    const Signatures *signatures = signaturesOf(scan);
    if (!signatures) {
        return 0;
    }
    for (const QByteArray &author : authorsOf(scan.text())) {
        if (author.size() > GlobList::longestText) {
            continue;
        }
        for (const SignatureEvidence &signature : *signatures) {
            if (isStrong(signature) && lists.isWelcome(author, signature.speaksFor())) {
                return 1;
            }
        }
    }
    return 0;
}

/// The sign for what the domain does; '\0': its practices do not matter for this message.
char DkimEvals::practicesOf(Scan &scan, const QByteArray &domain) const
{
    if (hasValidFrom(scan, domain)) {
        return '\0';
    }
    for (const SignatureEvidence &signature : *signaturesOf(scan)) {
        if (signature.isTempError && signature.speaksFor() == domain) {
            return '\0';
        }
    }
    if (const auto exact = m_practices.find(domain); exact != m_practices.end()) {
        return exact.value();
    }
    for (qsizetype dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
        if (const auto below = m_practices.find('*' + domain.sliced(dot));
            below != m_practices.end()) {
            return below.value();
        }
    }
    return m_practices.value("*", openPractices);
}

int DkimEvals::matchesPractices(Scan &scan,
                                QByteArrayView practices,
                                const std::vector<QByteArray> &domains) const
{
    if (!signaturesOf(scan)) {
        return 0;
    }
    const QByteArrayView wanted = practices == "*" ? QByteArrayView("NAD123") : practices;
    const std::vector<QByteArray> authors = authorDomainsOf(scan.text());
    const bool isWanted = std::any_of(
        authors.begin(), authors.end(), [&](const QByteArray &author) {
            const char sign = isFullyQualified(author) ? practicesOf(scan, author) : '\0';
            return sign != '\0' && wanted.contains(sign);
        });
    return isWanted
           && (domains.empty()
               || std::any_of(authors.begin(), authors.end(), [&domains](const QByteArray &author) {
                      return isAnyDomainOrBelow(author, domains);
                  }));
}

std::vector<EvalModule::Entry> DkimEvals::functions() const
{
    const EvalFunction isValid = [this](Scan &scan, const EvalCall &call) {
        return isValidBy(scan, call.arguments);
    };
    const EvalFunction isSigned = [](Scan &scan, const EvalCall &call) {
        const Signatures *signatures = signaturesOf(scan);
        if (!signatures) {
            return false;
        }
        if (call.arguments.empty()) {
            return !signatures->empty() || hasDomainKeysSignature(scan);
        }
        return std::any_of(signatures->begin(), signatures->end(),
                           [&call](const SignatureEvidence &signature) {
                               return isAnyDomainOrBelow(signature.speaksFor(), call.arguments);
                           });
    };
    const EvalFunction isTesting = [](Scan &scan, const EvalCall &) {
        const Signatures *signatures = signaturesOf(scan);
        return signatures
               && std::any_of(
                   signatures->begin(), signatures->end(),
                   [](const SignatureEvidence &signature) { return signature.isTesting; });
    };
    const EvalFunction practices = [this](Scan &scan, const EvalCall &call) {
        return call.arguments.empty()
                   ? 0
                   : matchesPractices(scan, call.arguments[0],
                                      {call.arguments.begin() + 1, call.arguments.end()});
    };
    const auto arc = [](bool isValidWanted) {
        return [isValidWanted](Scan &scan, const EvalCall &call) {
            const SenderEvidence *evidence = scan.context().evidence;
            return call.arguments.empty() && evidence && evidence->arc && evidence->arc->sets > 0
                   && (!isValidWanted || evidence->arc->isValid);
        };
    };
    const EvalFunction welcome = [this](Scan &scan, const EvalCall &) {
        return isWelcome(scan, m_welcome);
    };
    const EvalFunction byDefault = [this](Scan &scan, const EvalCall &) {
        return isWelcome(scan, m_default);
    };
    return {{"check_dkim_signed", isSigned},
            {"check_dkim_valid", isValid},
            {"check_dkim_verified", isValid},
            {"check_dkim_valid_author_sig",
             [this](Scan &scan, const EvalCall &call) {
                 return isValidByAuthor(scan, call.arguments);
             }},
            {"check_dkim_valid_envelopefrom",
             [this](Scan &scan, const EvalCall &) { return isValidByEnvelope(scan); }},
            {"check_dkim_testing", isTesting},
            {"check_dkim_dependable",
             [](Scan &scan, const EvalCall &) { return signaturesOf(scan) ? 1 : 0; }},
            {"check_dkim_adsp", practices},
            {"check_dkim_signall",
             [this](Scan &scan, const EvalCall &) { return matchesPractices(scan, "A", {}); }},
            {"check_dkim_signsome", [](Scan &, const EvalCall &) { return 0; }},
            {"check_arc_signed", arc(false)},
            {"check_arc_valid", arc(true)},
            {"check_for_dkim_welcomelist_from", welcome},
            {"check_for_dkim_whitelist_from", welcome},
            {"check_for_def_dkim_welcomelist_from", byDefault},
            {"check_for_def_dkim_whitelist_from", byDefault}};
}

}  // namespace portcullis::spam
