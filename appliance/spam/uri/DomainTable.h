// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <vector>

namespace portcullis::spam {

class RuleSet;

/// What bounds the work on hostile URIs. SpamAssassin 4.0.1 knows the first of them only.
struct UriLimits {
    qsizetype length =
        8'192;         ///< Octets of a canonical form; longer ones are cut (fixed in the peer).
    int uris = 5'000;  ///< Different ones in a message, range 100 … 100,000; the rest is not read.
    int forms = 100;   ///< Canonical forms of one URI, range 10 … 1,000.
    int redirects =
        10;  ///< URIs in a URI that are read in turn, range 1 … 100: time on nested ones.
    quint32 redirectorSteps = 100'000;  ///< PCRE2's match limit for one redirector_pattern.
};

/// How URIs are read, beyond what the rules say.
struct UriSettings {
    /// Hosts beyond ASCII also in their ACE form ("xn--…"). Off: as Debian's SpamAssassin without
    /// Net::LibIDN2, whose verdicts we are compared with.
    bool convertsIdn = false;
    UriLimits limits;
};

/// A host and what somebody registered of it.
struct HostDomain {
    QByteArray host;    ///< "www.example.co.uk", lower case; or an IP address.
    QByteArray domain;  ///< "example.co.uk"; the address again.
    friend bool operator==(const HostDomain &, const HostDomain &) = default;
};

/// What the rules say about names in URIs: top level domains and the names below them that registrants
/// get names under (util_rb_tld, 2tld, 3tld), and redirectors (redirector_pattern).
///
/// Made once for a RuleSet; const and shared by all messages of a process, but by one thread only.
class DomainTable
{
public:
    explicit DomainTable(const RuleSet &rules, const UriSettings &settings = {});
    ~DomainTable();
    DomainTable(DomainTable &&) noexcept;
    DomainTable &operator=(DomainTable &&) noexcept;

    [[nodiscard]] const UriSettings &settings() const;

    /// `tld` in any case: "com".
    [[nodiscard]] bool isValidTld(QByteArrayView tld) const;
    /// Ends in a valid top level domain and has a dot (is_domain_valid).
    [[nodiscard]] bool hasValidTld(QByteArrayView host) const;
    /// "www.example.co.uk" → "example.co.uk": what a registrant owns (trim_domain). Not checked.
    [[nodiscard]] QByteArray registeredDomain(QByteArrayView host) const;
    /// Host and domain of a URI or mailto:; an empty host if it has none that is valid (uri_to_domain).
    [[nodiscard]] HostDomain hostOfUri(QByteArrayView uri) const;
    /// The domain of hostOfUri().
    [[nodiscard]] QByteArray domainOfUri(QByteArrayView uri) const;

    /// What the first redirector_pattern that fits leads to; empty: none does.
    [[nodiscard]] QByteArray redirectorTarget(const QByteArray &uri) const;
    /// The lower-case host; in ACE form by setting (idn_to_ascii).
    [[nodiscard]] QByteArray asciiHost(QByteArrayView host) const;

    /// redirector_pattern lines that could not be used, with the reason.
    [[nodiscard]] const std::vector<QByteArray> &problems() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

/// Two labels or more of letters, digits, hyphens and underscores, not too long (is_fqdn_valid).
/// Trailing dots are overlooked.
bool isValidHostName(QByteArrayView host);

/// "192.0.2.1" without leading zeros, or an IPv6 address without brackets.
bool isIpAddress(QByteArrayView host);

}  // namespace portcullis::spam
