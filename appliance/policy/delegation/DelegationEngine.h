// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/delegation/DelegationRequest.h"

#include <chrono>
#include <functional>

namespace portcullis::policy {

/// What one connection of a Postfix may cost.
struct DelegationLimits {
    /// Octets of one `name=value`. Postfix cuts at 2,048 (line_length_limit). Range 1 KiB … 1 MiB.
    qsizetype line = 8192;
    int attributes = 100;  ///< Of one request; Postfix 3.9 sends about 30. Range 40 … 10,000.
    /// Octets of requests that wait for the answer to the one before. A client that sends more
    /// is not Postfix, and is cut off. Range line … 16 MiB.
    qsizetype waiting = 65536;
    /// Octets of one request, whatever they are; then the end. Range line … 64 MiB.
    qsizetype request = 1024 * 1024;
    int malformed = 20;  ///< Requests in a row that are no requests, then the end. Range 1 … 1,000.
    int connections = 1000;  ///< At a time: one a Postfix smtpd process. Range 1 … 100,000.
    /// A connection without a request for so long is closed; Postfix opens another when it needs
    /// one. Its own smtpd_policy_service_max_idle is 300 s. Range 1 s … 1 d.
    std::chrono::milliseconds idle = std::chrono::minutes(16);
};

/// The server's side of Postfix's SMTP access policy delegation protocol, for one connection:
/// attribute lines up to an empty one, an `action=` line and an empty one as answer.
///
/// Fed with octets, gives octets; knows no socket. Requests are decided one after the other, in the
/// order they came. A malformed request is answered DUNNO by the engine itself: this service is not
/// the only guard, and an answer that Postfix does not understand would refuse all mail for now.
class DelegationEngine
{
public:
    /// Asks for a decision: exactly one call of answer(), at once or later.
    using Decide = std::function<void(const DelegationRequest &)>;
    /// A request was malformed: for the log. The octets are foreign.
    using Complain = std::function<void(const QByteArray &problem)>;

    DelegationEngine(Decide decide, Complain complain, const DelegationLimits &limits = {});

    void receive(QByteArrayView octets);

    /// The action for the request that is being decided, as access(5) writes them. What could end
    /// the line is taken out.
    void answer(QByteArrayView action);

    [[nodiscard]] QByteArray takeOutput();  ///< What is to be written to the client now.
    [[nodiscard]] bool isDeciding() const { return m_isDeciding; }
    /// A limit is exceeded: write the output and close. Nothing more is decided.
    [[nodiscard]] bool isFinished() const { return m_isFinished; }

private:
    void work();
    bool takeLine();
    bool count(qsizetype octets);
    void endRequest();
    void reply(QByteArrayView action);
    void refuseLine(const QByteArray &problem);

    Decide m_decide;
    Complain m_complain;
    DelegationLimits m_limits;
    QByteArray m_input;
    QByteArray m_output;
    DelegationRequest m_request;
    qsizetype m_octets = 0;  ///< Of the request, as are the attributes.
    int m_attributes = 0;
    int m_malformed = 0;        ///< In a row.
    bool m_isSkipping = false;  ///< Inside a line that is too long.
    bool m_isDeciding = false;
    bool m_isWorking = false;
    bool m_isFinished = false;
};

}  // namespace portcullis::policy
