// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <chrono>
#include <optional>
#include <vector>

namespace portcullis::delivery {

/// What a policy file may hold. It comes from strangers.
struct StsPolicyLimits {
    qsizetype text = 64 * 1024;  ///< Octets. RFC 8461 §3.3 suggests this bound.
    size_t hosts = 100;          ///< Range 1 … 10,000. Patterns; further ones are dropped.
    std::chrono::seconds maxAge{31'557'600};  ///< RFC 8461 §3.2: longer ones count as this.
};

/// An MTA-STS policy (RFC 8461 §3.2): which hosts take a domain's mail, and how strictly they are to
/// be checked.
struct StsPolicy {
    enum class Mode { None, Testing, Enforce };
    Mode mode = Mode::None;
    std::vector<QByteArray> hosts;  ///< Patterns, lower case: `mx.example.org`, `*.example.org`.
    std::chrono::seconds maxAge{0};

    /// Reads a policy file. Unknown fields are skipped; of repeated ones the first counts.
    /// Errors: `sts.policy` (permanent) with the reason.
    static Result<StsPolicy> parse(QByteArrayView text, const StsPolicyLimits &limits = {});

    /// Whether an MX host is listed. `*` stands for the left-most label only (RFC 8461 §4.1).
    [[nodiscard]] bool allows(const QByteArray &host) const;

    friend bool operator==(const StsPolicy &, const StsPolicy &) = default;
};
const char *nameOf(StsPolicy::Mode mode);  ///< "none", "testing", "enforce".

/// The id of the one MTA-STS record among the TXT records of `_mta-sts.DOMAIN` (RFC 8461 §3.1);
/// nothing if there is none, more than one, or it is malformed.
std::optional<QByteArray> stsIdOf(const std::vector<QByteArray> &texts);

}  // namespace portcullis::delivery
