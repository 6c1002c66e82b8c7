// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/Authenticator.h"

#include "appliance/authentication/ArcVerifier.h"
#include "appliance/authentication/AuthorDomain.h"
#include "appliance/authentication/DkimVerifier.h"
#include "appliance/authentication/DmarcEvaluator.h"
#include "appliance/authentication/OpendkimSession.h"
#include "appliance/authentication/ReceivedMessage.h"

#include <QtCore/QDateTime>
#include <QtCore/QRandomGenerator>

#include <algorithm>

namespace portcullis::authentication {

namespace {

// All that is known to be needed, once each; what goes beyond the limit is asked for one by one or not
// at all, so the important names come first.
std::vector<QByteArray> joinNames(const std::vector<std::vector<QByteArray>> &lists, int most)
{
    std::vector<QByteArray> names;
    for (const auto &list : lists) {
        for (const QByteArray &name : list) {
            if (static_cast<int>(names.size()) < most
                && std::find(names.begin(), names.end(), name) == names.end()) {
                names.push_back(name);
            }
        }
    }
    return names;
}

/// Answers only for names that were prefetched: the limit holds whatever a message asks for.
class BoundedLookup final : public TxtLookup
{
public:
    BoundedLookup(TxtLookup &dns, std::vector<QByteArray> names)
        : m_dns(dns)
        , m_names(std::move(names))
    {
        if (!m_names.empty()) {
            m_dns.prefetch(m_names);
        }
    }

    void prefetch(const std::vector<QByteArray> & /*names*/) override {}

    TxtAnswer texts(const QByteArray &name) override
    {
        if (std::find(m_names.begin(), m_names.end(), name) == m_names.end()) {
            return {TxtAnswer::Kind::TemporaryFailure, {}};
        }
        return m_dns.texts(name);
    }

private:
    TxtLookup &m_dns;
    std::vector<QByteArray> m_names;
};

}  // namespace

class Authenticator::Private
{
public:
    Private(AuthenticatorSettings given, std::shared_ptr<const PublicSuffixes> list)
        : settings(std::move(given))
        , suffixes(list ? std::move(list) : std::make_shared<const PublicSuffixes>())
        , library(settings.limits)
        , dmarc(*suffixes)
    {
        if (!settings.drawPercent) {
            settings.drawPercent = [] { return QRandomGenerator::global()->bounded(100); };
        }
        if (!settings.unixTime) {
            settings.unixTime = [] { return QDateTime::currentSecsSinceEpoch(); };
        }
    }

    AuthenticatorSettings settings;
    std::shared_ptr<const PublicSuffixes> suffixes;
    OpendkimLibrary library;
    DmarcEvaluator dmarc;
};

Authenticator::Authenticator(AuthenticatorSettings settings,
                             std::shared_ptr<const PublicSuffixes> suffixes)
    : d(std::make_unique<Private>(std::move(settings), std::move(suffixes)))
{
}

Authenticator::~Authenticator() = default;

Findings Authenticator::authenticate(QByteArrayView message,
                                     const std::optional<verdict::SpfFinding> &spf,
                                     TxtLookup &dns) const
{
    const AuthenticationLimits &limits = d->settings.limits;
    ReceivedMessage received(message, limits);
    DmarcEvidence evidence;
    evidence.author = authorDomain(received);
    evidence.spf = spf;
    DkimVerifier dkim(received, limits, [&](const QByteArray &domain) {
        return d->dmarc.isSameOrganisation(domain, evidence.author.domain);
    });
    ArcVerifier arc(received, limits);
    BoundedLookup lookup(
        dns, joinNames({d->dmarc.recordNames(evidence.author), dkim.keyNames(), arc.keyNames()},
                       limits.lookups));
    evidence.dkim = dkim.verify(lookup, d->library, d->settings.unixTime());
    evidence.arc = arc.verify(lookup);
    Findings findings;
    findings.dmarc = d->dmarc.evaluate(evidence, lookup, d->settings.drawPercent(),
                                       d->settings.trustedSealers);
    findings.dkim = std::move(evidence.dkim);
    findings.dkimUnchecked = dkim.uncheckedCount();
    findings.arc = std::move(evidence.arc);
    return findings;
}

}  // namespace portcullis::authentication
