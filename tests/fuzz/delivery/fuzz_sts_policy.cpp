// SPDX-License-Identifier: GPL-2.0-or-later
// MTA-STS as a stranger writes it: the policy file, and the TXT records (separated by LF).
#include "appliance/delivery/StsPolicy.h"

#include <QtCore/QByteArrayList>

#include <cstdint>
#include <cstdlib>

namespace portcullis::delivery {
namespace {

void check(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

}  // namespace
}  // namespace portcullis::delivery

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace portcullis::delivery;
    const QByteArray text(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const StsPolicyLimits limits;
    if (const auto policy = StsPolicy::parse(text, limits); policy.has_value()) {
        check(policy->hosts.size() <= limits.hosts);
        check(policy->maxAge.count() >= 0 && policy->maxAge <= limits.maxAge);
        check(policy->mode == StsPolicy::Mode::None || !policy->hosts.empty());
        for (const QByteArray &host : policy->hosts) {
            check(host == host.toLower() && !host.isEmpty());
            check(host.startsWith('*') || policy->allows(host));
        }
        check(!policy->allows({}));
    }
    const QByteArrayList lines = text.split('\n');
    if (const auto id = stsIdOf({lines.begin(), lines.end()})) {
        check(!id->isEmpty() && id->size() <= 32);
    }
    return 0;
}
