// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgqm/Learn.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/spam/learning/LearnJournal.h"
#include "appliance/spam/learning/LearnPaths.h"

namespace portcullis::cli::qm {

namespace {

Status tellJournal(const quarantine::EntryId &id,
                   spam::LearnAs as,
                   const config::Config &config,
                   const Paths &paths,
                   quarantine::QuarantineStore &store)
{
    const quarantine::Entry entry = TRY(store.entry(id));
    if (entry.kind != verdict::QuarantineKind::Spam) {
        return ok();
    }
    const QByteArray content = TRY(store.content(id));
    if (content.size() > config.spam.maxSpamSize) {
        return ok();
    }
    const spam::LearnJournal journal(spam::learningFolder(paths.lib()));
    return journal.append(spam::encodeLearnRequest(spam::LearnMessage{as, content}));
}

}  // namespace

void learnFromDecision(const quarantine::EntryId &id,
                       spam::LearnAs as,
                       const config::Config &config,
                       const Paths &paths,
                       quarantine::QuarantineStore &store)
{
    // Without Bayes nobody would take it from the journal.
    if (!config.spam.learnsFromQuarantine || !config.spam.useBayes) {
        return;
    }
    if (const Status told = tellJournal(id, as, config, paths, store); !told) {
        fail(told.error());
    }
}

}  // namespace portcullis::cli::qm
