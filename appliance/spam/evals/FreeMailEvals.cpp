// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/FreeMailEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/FreeMailAddresses.h"
#include "appliance/spam/evals/MailAddresses.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

bool isDomainPattern(const QByteArray &word)
{
    return std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '*'
               || c == '?';
    });
}

/// "a@b" or "b.c": something a welcome list can mean.
bool isAddressOrDomain(const QByteArray &word)
{
    const auto isWord = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    for (qsizetype i = 1; i + 1 < word.size(); ++i) {
        if ((word[i] == '.' || word[i] == '@') && isWord(word[i - 1]) && isWord(word[i + 1])) {
            return true;
        }
    }
    return false;
}

std::vector<QByteArray> lowerCase(std::vector<QByteArray> words)
{
    for (QByteArray &word : words) {
        word = word.toLower();
    }
    return words;
}

QByteArray joinedWords(const std::vector<QByteArray> &words, const char *separator)
{
    QByteArray text;
    for (const QByteArray &word : words) {
        text += (text.isEmpty() ? "" : separator) + word;
    }
    return text;
}

}  // namespace

struct FreeMailEvals::Memory final : Scan::Memory {
    bool isRead = false;
    bool isSkipped = false;  ///< Too many addresses to mean anything.
    std::vector<QByteArray> freeMails;
};

QByteArray FreeMailEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::FreeMail";
}

void FreeMailEvals::configure(const RuleSet &rules, ProblemSink &problems)
{
    readDomains(rules, problems);
    readWelcomeList(rules, problems);
    for (const char *list : {"welcomelist_auth", "def_welcomelist_auth"}) {
        if (rules.isOn(QByteArray("freemail_import_") + list, false)) {
            for (const Directive &directive : rules.directive(list)) {
                m_authenticated.addAll(directive.value);
            }
        }
    }
    m_maxAddresses = static_cast<int>(rules.number("freemail_max_body_emails", m_maxAddresses));
    m_maxFreeMails = static_cast<int>(rules.number("freemail_max_body_freemails", m_maxFreeMails));
    m_skipsOverMax = rules.isOn("freemail_skip_when_over_max", m_skipsOverMax);
    m_skipsBulk = rules.isOn("freemail_skip_bulk_envfrom", m_skipsBulk);
    m_describes = rules.isOn("freemail_add_describe_email", m_describes);
    compileArguments(rules, problems);
}

void FreeMailEvals::readDomains(const RuleSet &rules, ProblemSink &problems)
{
    for (const Directive &directive : rules.directive("freemail_domains")) {
        for (const QByteArray &word : wordsOf(directive.value.toLower())) {
            if (!isDomainPattern(word) || word.count('*') > m_limits.stars) {
                problems.report({Problem::Severity::Warning, directive.origin, "freemail_domains",
                                 "\"" + word + "\" is no domain, or has more than "
                                     + QByteArray::number(m_limits.stars) + " \"*\""});
            } else if (word.contains('*') || word.contains('?')) {
                m_globs.push_back(word);
            } else {
                m_domains.insert(word);
            }
        }
    }
}

void FreeMailEvals::readWelcomeList(const RuleSet &rules, ProblemSink &problems)
{
    for (const Directive &directive : rules.directive("freemail_welcomelist")) {
        for (const QByteArray &word : wordsOf(directive.value.toLower())) {
            if (isAddressOrDomain(word)) {
                m_welcome.insert(word);
            } else {
                problems.report({Problem::Severity::Warning, directive.origin,
                                 "freemail_welcomelist",
                                 "\"" + word + "\" is neither an address nor a domain"});
            }
        }
    }
}

/// Regular expressions stand in the rules, so what is wrong with them is known before the first mail.
void FreeMailEvals::compileArguments(const RuleSet &rules, ProblemSink &problems)
{
    for (const Test &test : rules.tests) {
        const EvalCall *call = std::get_if<EvalCall>(&test.body);
        if (!call || !call->function.startsWith("check_freemail_")
            || call->function == "check_freemail_replyto") {
            continue;
        }
        const size_t position = call->function == "check_freemail_header" ? 1 : 0;
        if (call->arguments.size() <= position || m_patterns.contains(call->arguments[position])) {
            continue;
        }
        Regex regex;
        regex.source = call->arguments[position];
        auto pattern = Pattern::compile(regex);
        if (pattern) {
            m_patterns.emplace(regex.source, *pattern);
        } else {
            problems.report({Problem::Severity::Error, test.origin, test.name,
                             pattern.error().detail.toUtf8()});
        }
    }
}

std::vector<EvalModule::Entry> FreeMailEvals::functions() const
{
    const auto entry = [this](const char *name,
                              int (FreeMailEvals::*member)(Scan &, const EvalCall &) const) {
        return Entry{name, [this, member](Scan &scan, const EvalCall &call) {
                         const bool isUsable = !m_domains.isEmpty() || !m_globs.empty();
                         return isUsable ? (this->*member)(scan, call) : 0;
                     }};
    };
    return {entry("check_freemail_from", &FreeMailEvals::checkFrom),
            entry("check_freemail_header", &FreeMailEvals::checkHeader),
            entry("check_freemail_body", &FreeMailEvals::checkBody),
            entry("check_freemail_replyto", &FreeMailEvals::checkReplyTo)};
}

bool FreeMailEvals::isFreeMail(const QByteArray &address) const
{
    const QByteArray host = address.sliced(address.lastIndexOf('@') + 1);
    if (address.isEmpty() || m_welcome.contains(address) || m_welcome.contains(host)
        || isRoleAddress(address) || m_authenticated.matches(address)) {
        return false;
    }
    if (m_domains.contains(host)) {
        return true;
    }
    return address.contains('@') && host.size() <= m_limits.host
           && std::any_of(m_globs.begin(), m_globs.end(), [&host](const QByteArray &glob) {
                  return matchesGlob(glob, host, GlobStar::WithinLabel);
              });
}

bool FreeMailEvals::anyFreeMail(const std::vector<QByteArray> &addresses) const
{
    return std::any_of(addresses.begin(), addresses.end(),
                       [this](const QByteArray &address) { return isFreeMail(address); });
}

void FreeMailEvals::note(Scan &scan, QByteArray words) const
{
    if (m_describes) {
        scan.note(words.replace("@", "(at)"));
    }
}

int FreeMailEvals::checkAddresses(Scan &scan,
                                  const std::vector<QByteArray> &addresses,
                                  const QByteArray *regex) const
{
    const auto pattern = regex ? m_patterns.find(*regex) : m_patterns.end();
    if (regex && pattern == m_patterns.end()) {
        return 0;  // Reported when the rules were read.
    }
    for (const QByteArray &address : addresses) {
        if (isFreeMail(address) && (!regex || pattern->second.matches(address))) {
            note(scan, address);
            return 1;
        }
    }
    return 0;
}

int FreeMailEvals::checkFrom(Scan &scan, const EvalCall &call) const
{
    return checkAddresses(scan, lowerCase(sendersOf(scan.text())),
                          call.arguments.empty() ? nullptr : &call.arguments[0]);
}

int FreeMailEvals::checkHeader(Scan &scan, const EvalCall &call) const
{
    if (call.arguments.empty()) {
        return 0;
    }
    const QByteArray query = call.arguments[0] + ":addr";
    return checkAddresses(scan, lowerCase(scan.text().headerList(query.constData())),
                          call.arguments.size() > 1 ? &call.arguments[1] : nullptr);
}

int FreeMailEvals::checkBody(Scan &scan, const EvalCall &call) const
{
    const std::vector<QByteArray> *found = bodyFreeMails(scan);
    if (!found || found->empty()) {
        return 0;
    }
    if (!call.arguments.empty()) {
        return checkAddresses(scan, *found, &call.arguments[0]);
    }
    note(scan, joinedWords(*found, ", "));
    return 1;
}

int FreeMailEvals::checkReplyTo(Scan &scan, const EvalCall &call) const
{
    const QByteArray mode = call.arguments.empty() ? QByteArray("replyto") : call.arguments[0];
    const bool isReply = mode == "reply";
    if (!isReply && mode != "replyto") {
        return 0;
    }
    const std::vector<QByteArray> &envelope = scan.text().headerList("EnvelopeFrom");
    if (m_skipsBulk && !envelope.empty() && isBulkSender(envelope.front())) {
        return 0;
    }
    const std::vector<QByteArray> from = lowerCase(scan.text().headerList("From:addr"));
    const std::vector<QByteArray> replyTo = lowerCase(scan.text().headerList("Reply-To:addr"));
    const bool isFromFree = anyFreeMail(from);
    const bool isReplyToFree = anyFreeMail(replyTo);
    const QSet<QByteArray> authors(from.begin(), from.end());
    const bool isApart = std::none_of(
        replyTo.begin(), replyTo.end(),
        [&authors](const QByteArray &a) { return authors.contains(a); });
    if (isFromFree && isReplyToFree && isApart) {
        note(scan, joinedWords(from, ",") + " -> " + joinedWords(replyTo, ","));
        return 1;
    }
    const bool isAnswerFree = isReply ? (replyTo.empty() || isReplyToFree) && isFromFree
                                      : isReplyToFree;
    if (!isAnswerFree) {
        return 0;
    }
    return compareWithBody(scan, isReply && !isReplyToFree ? from : replyTo);
}

int FreeMailEvals::compareWithBody(Scan &scan, const std::vector<QByteArray> &answers) const
{
    const std::vector<QByteArray> *found = bodyFreeMails(scan);
    if (!found) {
        return 0;
    }
    for (const QByteArray &inBody : *found) {
        for (const QByteArray &answer : answers) {
            if (inBody != answer) {
                note(scan, answer + ", " + inBody);
                return 1;
            }
        }
    }
    return 0;
}

/// nullptr: so many addresses that the message is a list of them.
const std::vector<QByteArray> *FreeMailEvals::bodyFreeMails(Scan &scan) const
{
    Memory &memory = scan.memory<Memory>(this);
    if (!memory.isRead) {
        memory.isRead = true;
        int addresses = 0;
        int freeMails = 0;
        for (const QByteArray &address : bodyAddresses(scan)) {
            memory.isSkipped = m_skipsOverMax && ++addresses == m_maxAddresses;
            if (!memory.isSkipped && isFreeMail(address)) {
                memory.isSkipped = m_skipsOverMax && ++freeMails == m_maxFreeMails;
                memory.freeMails.push_back(address);
            }
            if (memory.isSkipped) {
                break;
            }
        }
    }
    return memory.isSkipped ? nullptr : &memory.freeMails;
}

std::vector<QByteArray> FreeMailEvals::bodyAddresses(Scan &scan) const
{
    std::vector<QByteArray> addresses;
    const auto take = [&addresses](const QByteArray &address) {
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    };
    const QByteArray scheme("mailto:");
    for (const UriDetail &uri : scan.text().uris()) {
        if (!uri.hasType("a") || uri.hasType("parsed") || !uri.raw.toLower().startsWith(scheme)) {
            continue;
        }
        const FoundAddress found = nextAddress(uri.raw, scheme.size(), scan.domains());
        if (!found.address.isEmpty() && found.begin == scheme.size()) {
            take(found.address);
        }
        if (addresses.size() >= m_limits.linkAddresses) {
            break;
        }
    }
    for (const QByteArray &line : scan.text().body()) {
        if (!line.contains('@')) {
            continue;
        }
        const QByteArray text = withoutQuotedAddresses(line, scan.domains());
        for (FoundAddress found = nextAddress(text, 0, scan.domains()); !found.address.isEmpty();
             found = nextAddress(text, found.end, scan.domains())) {
            take(found.address);
            if (addresses.size() >= m_limits.bodyAddresses) {
                return addresses;
            }
        }
    }
    return addresses;
}

}  // namespace portcullis::spam
