// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/filter/CopyGroup.h"
#include "appliance/filter/MailInspection.h"
#include "appliance/mail/MessageEditor.h"
#include "appliance/rules/Macros.h"

#include <vector>

namespace portcullis::filter {

/// Makes the edited copies of a message, each distinct one once.
class CopyMaker
{
public:
    CopyMaker(const verdict::FilterRequest &request,
              const FilterSettings &settings,
              const MailInspection &inspection,
              const rules::RuleSet &ruleSet,
              const rules::Evaluation &evaluation);

    /// The number of the copy with these edits in contents(); made on first use.
    quint32 copyFor(CopyGroup &group);
    [[nodiscard]] std::vector<mail::Content> takeContents() { return std::move(m_contents); }
    /// Adds a message of our own (a notification) and gives its number.
    quint32 add(mail::Content content);

    /// What the macros mean for one rule's action on one group.
    [[nodiscard]] rules::MacroValues macros(const rules::MatchedRule &rule,
                                            rules::SenderStanding standing) const;

    /// What could not be done, for the log: a disclaimer on a signed mail, a header field's name.
    [[nodiscard]] const std::vector<QString> &problems() const { return m_problems; }

private:
    void applyBase(mail::MessageEditor &editor) const;
    void markState(mail::MessageEditor &editor) const;
    void apply(mail::MessageEditor &editor, const PlannedEdit &edit, const CopyGroup &group);
    void applyHeader(mail::MessageEditor &editor,
                     const rules::HeaderAction &action,
                     const rules::MacroExpander &expander);
    void applyRemove(mail::MessageEditor &editor,
                     const rules::RemoveAction &action,
                     const rules::MatchedRule &rule,
                     const rules::MacroValues &values) const;
    void applyDisclaimer(mail::MessageEditor &editor,
                         const rules::DisclaimerAction &action,
                         const rules::MacroExpander &expander);

    const verdict::FilterRequest &m_request;
    const FilterSettings &m_settings;
    const MailInspection &m_inspection;
    const rules::RuleSet &m_ruleSet;
    const rules::Evaluation &m_evaluation;
    rules::MacroValues m_common;  ///< Values that do not depend on rule or recipient.
    std::vector<mail::Content> m_contents;
    std::vector<CopyGroup> m_made;  ///< One a content beyond the first, with its edits.
    std::vector<QString> m_problems;
};

}  // namespace portcullis::filter
