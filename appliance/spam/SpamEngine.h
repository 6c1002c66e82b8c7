// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/spam/SenderEvidence.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <optional>
#include <vector>

namespace portcullis::spam {

/// One test that hit, with its points.
struct SpamHit {
    QByteArray test;  ///< "GTUBE", "ClamAVHeuristics", "CustomCheck", a SpamAssassin rule name.
    double score = 0;
    QString description;
};

/// All that the tests said about one message.
struct SpamFinding {
    std::vector<SpamHit> hits;
    std::optional<double>
        bayes;               ///< Probability of spam by the Bayes classifier; nothing: not asked.
    QByteArray autoLearned;  ///< "spam", "ham" or "no"; empty: learning is off.

    void add(SpamHit hit) { hits.push_back(std::move(hit)); }
    [[nodiscard]] double score() const;
    /// The integer that rules, headers and statistics call the spam level: truncated, never negative.
    [[nodiscard]] int level() const;
};

/// What an engine may know besides the bytes.
struct SpamContext {
    mail::Direction direction = mail::Direction::In;
    const mail::Envelope &envelope;
    const mail::Client &client;
    qint64 maxBytes = 262'144;  ///< Larger messages are cut here (`maxspamsize`, least 64 KiB).
    /// SPF, DKIM, ARC and DMARC as found out on arrival; null: nothing is known of the sender.
    const SenderEvidence *evidence = nullptr;
};

/// Points for a message. One instance a worker; not thread-safe.
class SpamEngine
{
public:
    virtual ~SpamEngine() = default;

    /// Errors: `spam.*`, transient: the message is then deferred, never taken for harmless.
    virtual Result<SpamFinding> check(const mail::Content &content, const SpamContext &context) = 0;
};

}  // namespace portcullis::spam
