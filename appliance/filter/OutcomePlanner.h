// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/filter/CopyMaker.h"

namespace portcullis::filter {

/// Carries out what the rules decided: pass 2. Turns an Evaluation into the messages that leave, the
/// entries that stay, and the fate of each recipient. Sends nothing itself.
class OutcomePlanner
{
public:
    OutcomePlanner(const verdict::FilterRequest &request,
                   const FilterSettings &settings,
                   const MailInspection &inspection,
                   const rules::RuleSet &ruleSet,
                   const rules::Evaluation &evaluation);

    verdict::FilterResponse plan();

private:
    [[nodiscard]] bool isWelcome(size_t recipient) const;
    [[nodiscard]] DmarcAction dmarcAction() const;
    void rejectBySender();
    void keepBySender(CopyGroup &group);
    void runRule(size_t ruleIndex);
    void edit(size_t ruleIndex,
              const rules::ActionPointer &action,
              const std::vector<size_t> &inside);
    void sendCopies(const rules::MatchedRule &rule,
                    const rules::BccAction &action,
                    const std::vector<size_t> &inside);
    void notify(const rules::MatchedRule &rule, const rules::NotificationAction &action);
    void keepAttachments(const rules::MatchedRule &rule, const std::vector<size_t> &inside);
    void finish(const rules::MatchedRule &rule,
                const rules::Action &action,
                const std::vector<size_t> &inside);
    void deliverRest();
    void deliver(CopyGroup &group);
    void quarantine(verdict::QuarantineKind kind,
                    const QString &ruleName,
                    quint32 content,
                    const std::vector<size_t> &recipients);
    void decide(const CopyGroup &group,
                verdict::Fate fate,
                const QString &rule,
                const QString &why);
    [[nodiscard]] QJsonObject evidence() const;

    const verdict::FilterRequest &m_request;
    const FilterSettings &m_settings;
    const MailInspection &m_inspection;
    const rules::Evaluation &m_evaluation;
    CopyMaker m_copies;
    DmarcAction m_dmarcAction = DmarcAction::None;
    std::vector<CopyGroup> m_groups;  ///< Recipients without a final action so far.
    verdict::FilterResponse m_response;
};

}  // namespace portcullis::filter
