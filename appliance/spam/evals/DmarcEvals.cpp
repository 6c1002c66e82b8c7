// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/DmarcEvals.h"

#include "appliance/spam/engine/Scan.h"

namespace portcullis::spam {

namespace {

EvalFunction asksDmarc(bool (*matches)(const DmarcEvidence &))
{
    return [matches](Scan &scan, const EvalCall &) {
        const SenderEvidence *evidence = scan.context().evidence;
        return evidence && evidence->dmarc && matches(*evidence->dmarc) ? 1 : 0;
    };
}

template<DmarcWish wish>
bool failsWith(const DmarcEvidence &dmarc)
{
    return dmarc.answer == DmarcAnswer::Fail && dmarc.wish == wish;
}

}  // namespace

QByteArray DmarcEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::DMARC";
}

void DmarcEvals::configure(const RuleSet &, ProblemSink &) {}

std::vector<EvalModule::Entry> DmarcEvals::functions() const
{
    return {
        {"check_dmarc_pass",
         asksDmarc([](const DmarcEvidence &dmarc) { return dmarc.answer == DmarcAnswer::Pass; })},
        {"check_dmarc_reject", asksDmarc(failsWith<DmarcWish::Reject>)},
        {"check_dmarc_quarantine", asksDmarc(failsWith<DmarcWish::Quarantine>)},
        {"check_dmarc_none", asksDmarc(failsWith<DmarcWish::None>)},
        {"check_dmarc_missing",
         asksDmarc([](const DmarcEvidence &dmarc) { return dmarc.answer == DmarcAnswer::None; })}};
}

}  // namespace portcullis::spam
