// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/SpfEvals.h"

#include "appliance/spam/engine/Scan.h"

#include <algorithm>
#include <array>
#include <optional>

namespace portcullis::spam {

namespace {

struct AnswerName {
    const char *name;
    SpfAnswer answer;
};

constexpr std::array<AnswerName, 8> answerNames{{{"pass", SpfAnswer::Pass},
                                                 {"neutral", SpfAnswer::Neutral},
                                                 {"softfail", SpfAnswer::SoftFail},
                                                 {"hardfail", SpfAnswer::Fail},
                                                 {"fail", SpfAnswer::Fail},
                                                 {"temperror", SpfAnswer::TempError},
                                                 {"permerror", SpfAnswer::PermError},
                                                 {"none", SpfAnswer::None}}};

QByteArray firstWord(const QByteArray &text)
{
    const auto end = std::find_if_not(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    return text.first(end - text.begin());
}

std::optional<SpfAnswer> answerOf(const QByteArray &word)
{
    const auto found = std::find_if(answerNames.begin(), answerNames.end(),
                                    [&word](const AnswerName &name) { return word == name.name; });
    return found == answerNames.end() ? std::nullopt : std::optional(found->answer);
}

std::optional<SpfFieldResult> resultFor(const QByteArray &answer, const QByteArray &identity)
{
    const std::optional<SpfAnswer> known = answerOf(answer);
    const bool isHelo = identity == "helo";
    const bool isMailFrom = identity.isEmpty() || identity == "mfrom" || identity == "mailfrom";
    if (!known || (!isHelo && !isMailFrom)) {
        return std::nullopt;
    }
    return SpfFieldResult{*known, isHelo};
}

/// RFC 7208 §9.1
std::optional<SpfFieldResult> readReceivedSpf(const QByteArray &value)
{
    const qsizetype identity = value.lastIndexOf("identity=");
    return resultFor(firstWord(value),
                     identity < 0 ? QByteArray() : firstWord(value.sliced(identity + 9)));
}

/// RFC 8601 §2.2; the last spf= counts.
std::optional<SpfFieldResult> readResults(const QByteArray &value)
{
    const QList<QByteArray> clauses = value.split(';');
    for (qsizetype i = clauses.size() - 1; i > 0; --i) {
        const QByteArray clause = clauses[i].trimmed();
        const qsizetype equals = clause.indexOf('=');
        if (equals < 0 || clause.first(equals).trimmed() != "spf") {
            continue;
        }
        const QByteArray result = clause.sliced(equals + 1).trimmed();
        const qsizetype property = result.indexOf("smtp.");
        return resultFor(firstWord(result),
                         property < 0 ? QByteArray() : firstWord(result.sliced(property + 5)));
    }
    return std::nullopt;
}

constexpr qsizetype longestField = 8'192;

}  // namespace

struct SpfEvals::Memory final : Scan::Memory {
    bool isRead = false;
    std::optional<SpfEvidence> mailFrom;
    std::optional<SpfEvidence> helo;
    std::optional<QByteArray> sender;  ///< Lower case; nothing: not to be found out.
};

std::optional<SpfFieldResult> readSpfField(QByteArrayView field)
{
    const QByteArray text =
        field.first(std::min(field.size(), longestField)).toByteArray().simplified().toLower();
    const qsizetype colon = text.indexOf(':');
    if (colon < 0) {
        return std::nullopt;
    }
    const QByteArray name = text.first(colon);
    const QByteArray value = text.sliced(colon + 1).trimmed();
    if (name == "received-spf") {
        return readReceivedSpf(value);
    }
    if (name == "authentication-results" || name == "arc-authentication-results") {
        return readResults(value);
    }
    return std::nullopt;
}

QByteArray SpfEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::SPF";
}

void SpfEvals::configure(const RuleSet &rules, ProblemSink &)
{
    const auto read = [&rules](const char *name, GlobList &list) {
        for (const Directive &directive : rules.directive(name)) {
            list.addAll(directive.value);
        }
    };
    read("welcomelist_from_spf", m_welcome);
    read("welcomelist_auth", m_welcomeAuthenticated);
    read("def_welcomelist_from_spf", m_default);
    read("def_welcomelist_auth", m_defaultAuthenticated);
    m_ignoresFields = rules.isOn("ignore_received_spf_header", false);
    m_prefersNewest = rules.isOn("use_newest_received_spf_header", false);
    m_trustsEnvelopeSender = rules.isOn("always_trust_envelope_sender", false);
}

const SpfEvals::Memory &SpfEvals::memory(Scan &scan) const
{
    Memory &known = scan.memory<Memory>(this);
    if (known.isRead) {
        return known;
    }
    known.isRead = true;
    const SenderEvidence *evidence = scan.context().evidence;
    if (evidence && (evidence->mailFrom || evidence->helo)) {
        known.mailFrom = evidence->mailFrom;
        known.helo = evidence->helo;
    } else if (!m_ignoresFields) {
        readFields(scan, known);
    }
    const RelayChain &relays = scan.text().relays();
    if (evidence && evidence->mailFrom) {
        known.sender = evidence->mailFrom->identity.toLower();
    } else if (!relays.external.empty() && relays.external.front().hasEnvelopeFrom) {
        known.sender = relays.external.front().envelopeFrom.toLower();
    } else if (relays.trusted.empty() || m_trustsEnvelopeSender) {
        // Trusted relays may have rewritten what stands in the header.
        const std::vector<QByteArray> &senders = scan.text().headerList("EnvelopeFrom:addr");
        if (!senders.empty()) {
            known.sender = senders.front().toLower();
        }
    }
    return known;
}

/// The oldest field of an internal host is nearest to the border of our network.
void SpfEvals::readFields(Scan &scan, Memory &memory) const
{
    std::vector<QByteArray> fields = scan.text().headerList("ALL-INTERNAL");
    if (!m_prefersNewest) {
        std::reverse(fields.begin(), fields.end());
    }
    for (const QByteArray &field : fields) {
        const std::optional<SpfFieldResult> result = readSpfField(field);
        if (!result) {
            continue;
        }
        std::optional<SpfEvidence> &slot = result->isHelo ? memory.helo : memory.mailFrom;
        if (!slot) {
            slot = SpfEvidence{result->answer, {}, {}};
        }
    }
}

int SpfEvals::answers(Scan &scan, Identity identity, SpfAnswer answer) const
{
    const Memory &known = memory(scan);
    const std::optional<SpfEvidence> &evidence = identity == Identity::Helo ? known.helo
                                                                            : known.mailFrom;
    if (!evidence || evidence->answer != answer) {
        return 0;
    }
    if (answer == SpfAnswer::Fail && !evidence->explanation.isEmpty()) {
        scan.note("SPF failed: " + evidence->explanation);
    }
    return 1;
}

int SpfEvals::isWelcome(Scan &scan, const GlobList &bySpf, const GlobList &byAny) const
{
    const Memory &known = memory(scan);
    const bool hasPassed = known.mailFrom && known.mailFrom->answer == SpfAnswer::Pass;
    return hasPassed && known.sender && !known.sender->isEmpty()
           && (bySpf.matches(*known.sender) || byAny.matches(*known.sender));
}

std::vector<EvalModule::Entry> SpfEvals::functions() const
{
    std::vector<Entry> entries;
    const auto asks = [&](const char *name, Identity identity, SpfAnswer answer) {
        entries.push_back({name, [this, identity, answer](Scan &scan, const EvalCall &) {
                               return answers(scan, identity, answer);
                           }});
    };
    using enum SpfAnswer;
    asks("check_for_spf_pass", Identity::MailFrom, Pass);
    asks("check_for_spf_neutral", Identity::MailFrom, Neutral);
    asks("check_for_spf_none", Identity::MailFrom, None);
    asks("check_for_spf_fail", Identity::MailFrom, Fail);
    asks("check_for_spf_softfail", Identity::MailFrom, SoftFail);
    asks("check_for_spf_permerror", Identity::MailFrom, PermError);
    asks("check_for_spf_temperror", Identity::MailFrom, TempError);
    asks("check_for_spf_helo_pass", Identity::Helo, Pass);
    asks("check_for_spf_helo_neutral", Identity::Helo, Neutral);
    asks("check_for_spf_helo_none", Identity::Helo, None);
    asks("check_for_spf_helo_fail", Identity::Helo, Fail);
    asks("check_for_spf_helo_softfail", Identity::Helo, SoftFail);
    asks("check_for_spf_helo_permerror", Identity::Helo, PermError);
    asks("check_for_spf_helo_temperror", Identity::Helo, TempError);
    const EvalFunction welcome = [this](Scan &scan, const EvalCall &) {
        return isWelcome(scan, m_welcome, m_welcomeAuthenticated);
    };
    const EvalFunction byDefault = [this](Scan &scan, const EvalCall &) {
        return isWelcome(scan, m_default, m_defaultAuthenticated);
    };
    entries.push_back({"check_for_spf_welcomelist_from", welcome});
    entries.push_back({"check_for_spf_whitelist_from", welcome});
    entries.push_back({"check_for_def_spf_welcomelist_from", byDefault});
    entries.push_back({"check_for_def_spf_whitelist_from", byDefault});
    entries.push_back({"check_spf_skipped_noenvfrom", [this](Scan &scan, const EvalCall &) {
                           return memory(scan).sender ? 0 : 1;
                       }});
    return entries;
}

}  // namespace portcullis::spam
