// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/reputation/ReputationModule.h"

#include <vector>

namespace portcullis::spam {

/// The txrep_* directives, with SpamAssassin's defaults.
struct TxRepSettings {
    bool isOn = false;    ///< use_txrep, unless AWL is on as well.
    double factor = 0.5;  ///< txrep_factor: how far a score moves; 0 … 1.
    ReputationMasks masks;
    bool trustsSpf = true;            ///< txrep_spf: SPF pass stands for the address of the host.
    bool distinguishesSigned = true;  ///< auto_welcomelist_distinguish_signed
    double welcomePoints = 10;  ///< txrep_welcomelist_out: for those whom our people write to.
    double emailWeight = 3;     ///< txrep_weight_email …
    double emailAndIpWeight = 10;
    double domainWeight = 2;
    double ipWeight = 4;
    double heloWeight = 0.5;
};

/// Something by which a sender is known again.
struct TxRepIdentity {
    const char *tag = "";  ///< As in the names of tags: "EMAILIP" …
    QByteArray key;
    double weight = 0;
};

/// Reputation of several traits of a sender at once (plugin TxRep): address and network, address,
/// domain, host, HELO name, each with its weight and with the number of its messages. Eval function
/// `check_senders_reputation`; hits TXREP with a score of the moment; tags TXREPEMAILIP, …MEAN, …COUNT,
/// …PRESCORE and so on. One thread.
///
/// As in SpamAssassin 4.0.1 `txrep_dilution_factor` has no effect. Deviations: messages are not tracked
/// (`txrep_track_messages`), learning by people moves no reputation (`txrep_learn_penalty`), and there is
/// one storage (`txrep_user2global_ratio`).
class TxRepModule final : public EvalModule
{
public:
    /// `points`: of a message for autolearning, without what Bayes and lists of people say.
    TxRepModule(ReputationLinks links, std::function<double(const Scan &scan)> points);

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

    /// By what the sender of a message is known; `points` decide how far back Received fields count.
    [[nodiscard]] std::vector<TxRepIdentity> identitiesOf(Scan &scan, double points) const;

private:
    int check(Scan &scan) const;
    void welcomeRecipients(Scan &scan) const;
    double deltaOf(Scan &scan, const TxRepIdentity &identity, double points) const;

    ReputationLinks m_links;
    std::function<double(const Scan &scan)> m_points;
    TxRepSettings m_settings;
};

}  // namespace portcullis::spam
