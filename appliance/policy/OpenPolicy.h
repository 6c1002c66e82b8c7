// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/SessionPolicy.h"

namespace portcullis::policy {

/// Lets everything pass: for ports behind which somebody else has made the checks.
class OpenPolicy final : public SessionPolicy
{
public:
    void atConnect(const SessionFacts & /*facts*/, Done done) override { done(std::nullopt); }
    void atHelo(const SessionFacts & /*facts*/, Done done) override { done(std::nullopt); }
    void atMail(const SessionFacts & /*facts*/, Done done) override { done(std::nullopt); }
    void atRcpt(const SessionFacts & /*facts*/, Done done) override { done(std::nullopt); }
    void onReset() override {}
    void onAccepted() override {}
    void onViolation() override {}
    [[nodiscard]] const verdict::SessionEvidence &evidence() const override { return m_evidence; }
    [[nodiscard]] QByteArray clientName() const override { return {}; }
    [[nodiscard]] QByteArray headerFields() const override { return {}; }

private:
    verdict::SessionEvidence m_evidence;
};

}  // namespace portcullis::policy
