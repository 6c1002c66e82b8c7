// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/ConfigLoader.h"
#include "appliance/daemons/pmgpolicy/InstanceMemory.h"
#include "appliance/policy/delegation/DelegationRequest.h"
#include "appliance/policy/session/EnvelopePolicy.h"

#include <functional>

namespace portcullis {

/// What Postfix is told to do about one recipient, in the words of access(5).
///
/// Accepting is DUNNO, never OK: this service takes part in the decision, and must not open a relay
/// where an administrator has put it too early. Nothing is checked of clients that may relay, of users
/// who logged in, and before RCPT. One thread.
class Judge final : public QObject
{
public:
    using Answer = std::function<void(const QByteArray &action)>;

    Judge(policy::EnvelopePolicy &policy, config::ConfigPtr config);

    void setConfig(config::ConfigPtr config) { m_config = std::move(config); }

    /// Exactly one `done`, at once or later; not after `context` is gone.
    void decide(const policy::DelegationRequest &request, QObject *context, const Answer &done);

private:
    [[nodiscard]] bool isExempt(const policy::DelegationRequest &request) const;
    QByteArray actionFor(const policy::DelegationRequest &request,
                         const policy::EnvelopeOutcome &outcome);

    policy::EnvelopePolicy &m_policy;
    config::ConfigPtr m_config;
    InstanceMemory m_messages;
};

}  // namespace portcullis
