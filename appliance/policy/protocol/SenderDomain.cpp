// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/SenderDomain.h"

#include "appliance/policy/protocol/LookupRun.h"

#include <algorithm>

namespace portcullis::policy {

namespace {

using SenderKind = SenderDomainResult::Kind;

/// MX first; where there is none the domain itself counts as its host (RFC 5321 §5.1).
class SenderDomainRun : public LookupRun<SenderDomainResult>
{
public:
    SenderDomainRun(Resolver &resolver,
                    QByteArray domain,
                    const SenderDomainLimits &limits,
                    QObject *context,
                    SenderDomain::Callback done)
        : LookupRun(resolver, context, limits.deadline, std::move(done))
        , m_domain(std::move(domain))
    {
    }

    void start()
    {
        lookup(m_domain, DnsType::Mx, [this](const Result<DnsAnswer> &answer) { takeMx(answer); });
    }

private:
    void takeMx(const Result<DnsAnswer> &answer)
    {
        if (!answer) {
            end({SenderKind::TempError});
        } else if (answer->kind == DnsAnswer::Kind::NoName) {
            end({SenderKind::NoDomain});
        } else if (answer->kind == DnsAnswer::Kind::NoData) {
            for (const DnsType type : {DnsType::A, DnsType::Aaaa}) {
                lookup(m_domain, type,
                       [this](const Result<DnsAnswer> &addresses) { takeAddresses(addresses); });
            }
        } else {
            judgeMx(mxHostsOf(*answer));
        }
    }

    void judgeMx(const std::vector<MxHost> &hosts)
    {
        const bool isAnyHost = std::any_of(hosts.begin(), hosts.end(),
                                           [](const MxHost &host) { return !host.name.isEmpty(); });
        // RFC 7505 §3: a null MX stands alone; beside others it is a mistake without effect.
        const bool isNullMx = !hosts.empty() && !isAnyHost;
        end({isAnyHost ? SenderKind::Exists : isNullMx ? SenderKind::NullMx : SenderKind::BadMx});
    }

    void takeAddresses(const Result<DnsAnswer> &answer)
    {
        m_isAnyUnanswered = m_isAnyUnanswered || !answer;
        if (answer && !addressesOf(*answer).empty()) {
            end({SenderKind::Exists});
        } else if (--m_pending == 0) {
            end({m_isAnyUnanswered ? SenderKind::TempError : SenderKind::NoDomain});
        }
    }

    const QByteArray m_domain;
    int m_pending = 2;
    bool m_isAnyUnanswered = false;
};

}  // namespace

std::optional<Refusal> SenderDomainResult::refusal(const mail::Address &sender) const
{
    const QByteArray domain = sender.asciiDomain();
    const auto refuse = [&](int code, const char *enhanced, const QByteArray &reason,
                            const char *finding) {
        return Refusal{code, enhanced,
                       '<' + sender.toString() + ">: Sender address rejected: " + reason,
                       "sender-domain",
                       QJsonObject{{QStringLiteral("domain"), QString::fromUtf8(domain)},
                                   {QStringLiteral("finding"), QString::fromLatin1(finding)}}};
    };
    switch (kind) {
    case Kind::NoDomain:
        return refuse(550, "5.1.8", "the domain " + domain + " does not exist or takes no mail",
                      "no-domain");
    case Kind::NullMx:
        return refuse(550, "5.7.27", "the domain " + domain + " says it takes no mail (null MX)",
                      "null-mx");
    case Kind::BadMx:
        return refuse(550, "5.1.8", "the MX records of " + domain + " cannot be used", "bad-mx");
    case Kind::TempError:
        return refuse(450, "4.1.8", "DNS does not answer for " + domain + " now; try again later",
                      "temperror");
    case Kind::Exists:
        break;
    }
    return std::nullopt;
}

SenderDomain::SenderDomain(Resolver &resolver, SenderDomainLimits limits)
    : m_resolver(resolver)
    , m_limits(limits)
{
}

void SenderDomain::check(const mail::Address &sender, QObject *context, Callback done)
{
    const QByteArray domain = sender.asciiDomain();
    if (sender.domain().isEmpty() || sender.hasAddressLiteral()) {
        QMetaObject::invokeMethod(
            context, [done = std::move(done)] { done({SenderKind::Exists}); },
            Qt::QueuedConnection);
        return;
    }
    std::make_shared<SenderDomainRun>(m_resolver, domain, m_limits, context, std::move(done))
        ->start();
}

}  // namespace portcullis::policy
