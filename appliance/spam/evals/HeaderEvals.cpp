// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/BodyArguments.h"
#include "appliance/spam/evals/HeaderForgeries.h"
#include "appliance/spam/evals/HeaderTexts.h"

#include <QtCore/QDateTime>

#include <optional>

namespace portcullis::spam {

struct HeaderEvals::Memory : Scan::Memory {
    std::optional<HeaderDates> dates;
    std::optional<RecipientOrder> recipients;
};

namespace {

constexpr double secondsPerHour = 3600;
constexpr double secondsPerMonth = 365.2425 * 24 * 3600 / 12;

EvalFunction question(bool (*ask)(MessageText &text))
{
    return [ask](Scan &scan, const EvalCall &) { return ask(scan.text()) ? 1 : 0; };
}

// "undef" and a bound that was not given do not bind.
bool isBetween(double value, const EvalCall &call, double unit)
{
    const CallArguments arguments(call);
    const auto isSet = [&arguments](size_t index) {
        return arguments.has(index) && arguments.text(index) != "undef";
    };
    return (!isSet(0) || value >= arguments.number(0) * unit)
           && (!isSet(1) || value < arguments.number(1) * unit);
}

}  // namespace

HeaderEvals::HeaderEvals(Now now)
    : m_now(now ? std::move(now) : [] { return QDateTime::currentSecsSinceEpoch(); })
{
}

QByteArray HeaderEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::HeaderEval";
}

void HeaderEvals::configure(const RuleSet &rules, ProblemSink &)
{
    m_locales = CharsetLocales(rules.value("ok_locales", "all"));
}

HeaderEvals::Memory &HeaderEvals::memory(Scan &scan) const
{
    return scan.memory<Memory>(this);
}

const HeaderDates &HeaderEvals::dates(Scan &scan) const
{
    std::optional<HeaderDates> &dates = memory(scan).dates;
    if (!dates) {
        std::vector<QByteArray> said = scan.text().headerValues("Resent-Date");
        const std::vector<QByteArray> plain = scan.text().headerValues("Date");
        said.insert(said.end(), plain.begin(), plain.end());
        dates = readHeaderDates(said, scan.text().headerValues("Received"), m_now());
    }
    return *dates;
}

int HeaderEvals::hasShiftedDate(Scan &scan, const EvalCall &call) const
{
    return isBetween(static_cast<double>(dates(scan).difference), call, secondsPerHour) ? 1 : 0;
}

int HeaderEvals::isReceivedWithinMonths(Scan &scan, const EvalCall &call) const
{
    const auto age = static_cast<double>(m_now() - dates(scan).probable);
    return isBetween(age, call, secondsPerMonth) ? 1 : 0;
}

int HeaderEvals::hasFarawayCharset(Scan &scan) const
{
    if (m_locales.acceptsAll()) {
        return 0;
    }
    for (const char *query : {"From:raw", "Subject:raw"}) {
        for (const QByteArray &value : scan.text().headerList(query)) {
            for (const QByteArray &charset : charsetsOfEncodedWords(value)) {
                if (!m_locales.accepts(charset)) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

int HeaderEvals::hasSortedRecipients(Scan &scan) const
{
    std::optional<RecipientOrder> &order = memory(scan).recipients;
    if (!order) {
        order = recipientOrder(scan.text());
    }
    return order->isSorted ? 1 : 0;
}

int HeaderEvals::hasSimilarRecipients(Scan &scan, const EvalCall &call) const
{
    hasSortedRecipients(scan);
    return isBetween(memory(scan).recipients->similarity, call, 1) ? 1 : 0;
}

std::vector<EvalModule::Entry> HeaderEvals::functions() const
{
    const EvalFunction never = [](Scan &, const EvalCall &) { return 0; };
    return {
        {"check_for_fake_aol_relay_in_rcvd", question(hasFakeAolRelay)},
        {"check_for_faraway_charset_in_headers",
         [this](Scan &scan, const EvalCall &) { return hasFarawayCharset(scan); }},
        {"check_for_unique_subject_id", never},  // Withdrawn by SpamAssassin 4.
        {"check_illegal_chars",
         [](Scan &scan, const EvalCall &call) {
             const CallArguments arguments(call);
             return hasIllegalOctets(scan.text(), arguments.text(0), arguments.number(1),
                                     arguments.number(2))
                        ? 1
                        : 0;
         }},
        {"check_for_forged_hotmail_received_headers", question(hasForgedHotmail)},
        {"check_for_no_hotmail_received_headers", question(lacksHotmailRelay)},
        {"check_for_msn_groups_headers", question(isFromMsnGroups)},
        {"check_for_forged_eudoramail_received_headers", question(hasForgedEudoramail)},
        {"check_for_forged_yahoo_received_headers", question(hasForgedYahoo)},
        {"check_for_forged_juno_received_headers", question(hasForgedJuno)},
        {"check_for_forged_gmail_received_headers", question(hasForgedGmail)},
        {"check_for_matching_env_and_hdr_from", question(hasEqualSenders)},
        {"sorted_recipients",
         [this](Scan &scan, const EvalCall &) { return hasSortedRecipients(scan); }},
        {"similar_recipients",
         [this](Scan &scan, const EvalCall &call) { return hasSimilarRecipients(scan, call); }},
        {"check_for_missing_to_header", question(lacksRecipients)},
        {"check_for_forged_gw05_received_headers", question(hasForgedGateway05)},
        {"check_for_shifted_date",
         [this](Scan &scan, const EvalCall &call) { return hasShiftedDate(scan, call); }},
        {"subject_is_all_caps", question(isSubjectInCapitals)},
        {"check_for_to_in_subject",
         [](Scan &scan, const EvalCall &call) {
             return namesRecipientInSubject(scan.text(), CallArguments(call).text(0)) ? 1 : 0;
         }},
        {"check_outlook_message_id", question(hasWrongOutlookId)},
        {"check_messageid_not_usable", question(hasUnusableMessageId)},
        {"check_header_count_range",
         [](Scan &scan, const EvalCall &call) {
             const CallArguments arguments(call);
             const int count = countDifferentValues(scan.text(), arguments.text(0));
             return count >= arguments.number(1) && count <= arguments.number(2) ? 1 : 0;
         }},
        {"check_unresolved_template", question(hasUnresolvedTemplate)},
        {"check_ratware_name_id", question(hasRatwareNameId)},
        {"check_ratware_envelope_from",
         [](Scan &scan, const EvalCall &) {
             return hasRatwareEnvelopeFrom(scan.text(), scan.domains()) ? 1 : 0;
         }},
        {"gated_through_received_hdr_remover", question(passedReceivedRemover)},
        {"received_within_months",
         [this](Scan &scan, const EvalCall &call) { return isReceivedWithinMonths(scan, call); }},
        {"check_equal_from_domains", question(hasDifferentSenderDomains)},
    };
}

}  // namespace portcullis::spam
