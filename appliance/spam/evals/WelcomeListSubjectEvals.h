// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::WelcomeListSubject: welcomelist_subject and blocklist_subject, one glob a
/// line with its spaces, found anywhere in the Subject.
class WelcomeListSubjectEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    std::vector<QByteArray> m_welcome;  ///< Globs that begin and end with "*".
    std::vector<QByteArray> m_blocked;
};

}  // namespace portcullis::spam
