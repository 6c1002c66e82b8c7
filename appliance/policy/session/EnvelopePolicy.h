// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/AllowList.h"
#include "appliance/policy/greylist/Greylist.h"
#include "appliance/policy/session/BackupMx.h"
#include "appliance/policy/SessionPolicy.h"
#include "appliance/policy/spf/SpfClient.h"

#include <functional>
#include <optional>

namespace portcullis::policy {

/// Client, sender and recipient of one RCPT, however we came to know them.
struct EnvelopeQuestion {
    QHostAddress client;
    QByteArray helo;
    mail::Address sender;  ///< May be null.
    mail::Address recipient;
    /// What SPF said for an earlier recipient of the same transaction; asked only once.
    std::optional<verdict::SpfFinding> spf;
};

struct EnvelopeSettings {
    bool usesSpf = true;
    bool usesGreylist = true;
};

/// What was decided, and how.
struct EnvelopeOutcome {
    std::optional<Refusal> refusal;  ///< Nothing: the recipient may be accepted.
    std::optional<verdict::SpfFinding> spf;
    QByteArray allowedBy;  ///< Entry of the SMTP allow list.
    QByteArray greylist;   ///< nameOf() of greylisting's reason, "spf-pass" or "backup-mx".
};

/// SMTP allow list, SPF and greylisting for one recipient, in the order of the guides; the same for
/// our own sessions and for Postfix's policy service:
///  1. the allow list knows client, sender or recipient: accepted;
///  2. SPF fails: 550 5.7.23, unless the client is a backup MX of the recipient's domain;
///  3. SPF passes: accepted without greylisting;
///  4. greylisting does not know the triplet long enough: 450 4.7.1, unless it is a backup MX.
///
/// Trouble with DNS: SPF ends as temperror and says nothing; whether a client is a backup MX cannot
/// be known, so what would be a 550 becomes a 451. One a thread.
class EnvelopePolicy
{
public:
    using Callback = std::function<void(EnvelopeOutcome)>;

    /// All must outlive the policy and what is under way.
    EnvelopePolicy(Resolver &resolver,
                   spf::SpfClient &spf,
                   greylist::Greylist &greylist,
                   const AllowList &allowList,
                   const Clock &clock);

    /// Which entry of the allow list spares this recipient the checks.
    [[nodiscard]] std::optional<QByteArray> allowEntry(const QHostAddress &client,
                                                       const mail::Address &sender,
                                                       const mail::Address &recipient) const;

    /// `done` is called exactly once, on this thread, at once or later; not after `context` is gone.
    void check(const EnvelopeQuestion &question,
               const EnvelopeSettings &settings,
               QObject *context,
               Callback done);

private:
    struct Run;
    void judgeSpf(const std::shared_ptr<Run> &run);
    void judgeGreylist(const std::shared_ptr<Run> &run);
    void refuseUnlessBackupMx(const std::shared_ptr<Run> &run, Refusal refusal);

    BackupMx m_backupMx;
    spf::SpfClient &m_spf;
    greylist::Greylist &m_greylist;
    const AllowList &m_allowList;
    const Clock &m_clock;
};

}  // namespace portcullis::policy
