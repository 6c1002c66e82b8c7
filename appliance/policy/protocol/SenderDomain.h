// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/mail/Address.h"
#include "appliance/policy/SessionPolicy.h"

#include <functional>
#include <optional>

namespace portcullis::policy {

/// Whether mail could be answered: what DNS says of the domain of a reverse-path.
struct SenderDomainResult {
    enum class Kind {
        Exists,    ///< MX, A or AAAA; or nothing to ask (null path, address literal).
        NoDomain,  ///< Neither, and DNS is sure of it.
        NullMx,    ///< The domain says that it takes no mail (RFC 7505), so it should send none.
        BadMx,     ///< MX records, but none that can be read.
        TempError  ///< DNS did not answer.
    };
    Kind kind = Kind::TempError;

    /// `rejectunknownsender` (check "sender-domain"): 550 5.1.8, 550 5.7.27 (RFC 7505 §4.2), and
    /// 450 4.1.8 for TempError; nothing: it passes.
    [[nodiscard]] std::optional<Refusal> refusal(const mail::Address &sender) const;
};

struct SenderDomainLimits {
    /// For all look-ups together. Range 1 s … 30 s.
    std::chrono::milliseconds deadline = std::chrono::seconds(10);
};

/// Looks for the sender's domain. One a thread, as its Resolver, which also caches.
class SenderDomain
{
public:
    using Callback = std::function<void(const SenderDomainResult &)>;

    explicit SenderDomain(Resolver &resolver, SenderDomainLimits limits = {});

    /// Exactly one `done`, never before this returned, within the deadline, on this thread; not at
    /// all after `context` is gone.
    void check(const mail::Address &sender, QObject *context, Callback done);

private:
    Resolver &m_resolver;
    SenderDomainLimits m_limits;
};

}  // namespace portcullis::policy
