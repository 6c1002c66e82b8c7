// SPDX-License-Identifier: GPL-2.0-or-later
// Any message, with keys that exist: DKIM through libopendkim, ARC, DMARC, and the field written of it.
#include "appliance/authentication/AuthenticationResults.h"
#include "appliance/authentication/Authenticator.h"

#include <cstdlib>

using namespace portcullis::authentication;

namespace {

/// Every signer's key is there; every second domain has a policy; some answers fail.
class FixedZone final : public TxtLookup
{
public:
    void prefetch(const std::vector<QByteArray> &names) override
    {
        if (names.size() > static_cast<size_t>(AuthenticationLimits().lookups)) {
            std::abort();
        }
    }

    TxtAnswer texts(const QByteArray &name) override
    {
        if (name.startsWith("_dmarc.")) {
            return {TxtAnswer::Kind::Records, {"v=DMARC1; p=reject; sp=quarantine; pct=50"}};
        }
        if (name.startsWith("brisbane.")) {
            return {TxtAnswer::Kind::Records,
                    {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}};
        }
        if (name.startsWith("fail.")) {
            return {TxtAnswer::Kind::TemporaryFailure, {}};
        }
        return {TxtAnswer::Kind::Records,
                {"v=DKIM1; k=rsa; "
                 "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDyF1qzpLgiMEmFMJIQn09qFBcbscSVxkue99oIV+"
                 "3+mntRtnqnpDkRg0GbDRMfv8NNGix6ihykP6q458KeVdzlvmfGh+4cyGj6ZBjN72O5ontX9YKgttFwyd/"
                 "3e4zObEhM6tp4XqM1wTx7GjGzQRi2McLuR1fbJRV1dGrPotBr/QIDAQAB"}};
    }
};

void check(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Authenticator authenticator(
        {},
        std::make_shared<const PublicSuffixes>(PublicSuffixes::parse("org\ncom\n*.ck\n!www.ck\n")));
    const QByteArrayView message(reinterpret_cast<const char *>(data),
                                 static_cast<qsizetype>(size));
    FixedZone zone;
    portcullis::verdict::SpfFinding spf;
    spf.result = portcullis::verdict::SpfResult::Pass;
    spf.identity = "m@evil.example";
    const Findings findings = authenticator.authenticate(message, spf, zone);
    const DmarcFinding &dmarc = findings.dmarc;
    check(dmarc.result != DmarcResult::Pass || !dmarc.alignedBy.isEmpty());
    check(dmarc.isForgedFrom == dmarc.fromDomain.isEmpty());
    check(dmarc.result == DmarcResult::Fail || dmarc.disposition == DmarcPolicy::None);
    check(findings.dkim.size() <= static_cast<size_t>(AuthenticationLimits().signaturesVerified));
    check(!findings.toJson().isEmpty());
    ResultsInput input;
    input.authservId = "mx.example.org";
    input.findings = findings;
    const QByteArray field = writeAuthenticationResults(input);
    const auto parsed = parseAuthenticationResults(
        QByteArrayView(field).sliced(field.indexOf(':') + 1));
    check(parsed && parsed->authservId == "mx.example.org"
          && parsed->results.size() == std::max<size_t>(1, findings.dkim.size()) + 2);
    return 0;
}
