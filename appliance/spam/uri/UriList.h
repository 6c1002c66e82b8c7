// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <map>
#include <memory>
#include <set>
#include <vector>

/// URIs as SpamAssassin 4.0.1 finds and cleans them (get_uri_detail_list, Util's uri_list_canonicalize).
namespace portcullis::spam {

class RuleSet;

/// Top level domains and the names below them that registrants get names under (util_rb_tld, 2tld, 3tld).
class DomainTable
{
public:
    explicit DomainTable(const RuleSet &rules);
    ~DomainTable();
    DomainTable(DomainTable &&) noexcept;
    DomainTable &operator=(DomainTable &&) noexcept;

    [[nodiscard]] bool isValidTld(QByteArrayView tld) const;
    /// "www.example.co.uk" → "example.co.uk": what a registrant owns (RegistryBoundaries' trim_domain).
    [[nodiscard]] QByteArray registeredDomain(QByteArrayView host) const;
    /// Domain of a URI or mailto:, empty if it has none that is valid (uri_to_domain).
    [[nodiscard]] QByteArray domainOfUri(QByteArrayView uri, QByteArray *host = nullptr) const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

/// One URI with everything made of it.
struct UriDetail {
    QByteArray raw;                       ///< As found; the key.
    std::set<QByteArray> types;           ///< "parsed", "a", "img", "domainkeys", "unlinked" …
    std::vector<QByteArray> cleaned;      ///< Canonical forms, the raw one among them.
    std::vector<QByteArray> anchorTexts;  ///< For types from HTML.
    std::map<QByteArray, std::set<QByteArray>> hosts;  ///< Host → registered domains.
    std::set<QByteArray> domains;
};

/// In the order found.
using UriList = std::vector<UriDetail>;

/// Text that looks like a URI within one rendered line ("www.example.com", "mailto:a@b.c", schemeless
/// domains with a valid TLD). Linear.
std::vector<QByteArray> urisInText(QByteArrayView line, const DomainTable &domains);

/// All canonical forms of one URI, itself first; redirectors as in `redirector_pattern`.
std::vector<QByteArray> canonicalUris(const QByteArray &uri, const RuleSet &rules);

}  // namespace portcullis::spam
