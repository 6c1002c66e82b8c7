// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"
#include "appliance/rules/MailFacts.h"

#include <QtCore/QString>

#include <optional>
#include <vector>

namespace portcullis::rules {

/// What the macros stand for. A value that is not set leaves the macro's text as it is. Values come
/// from mail and may hold anything; the expander makes them harmless for where they are used.
struct MacroValues {
    std::optional<QString> sender;     ///< __SENDER__
    std::optional<QString> receivers;  ///< __RECEIVERS__: joinAddresses()
    std::optional<QString> targets;    ///< __TARGETS__
    std::optional<QString> subject;    ///< __SUBJECT__; see subjectOrDefault()
    std::optional<QString> admin;      ///< __ADMIN__
    std::optional<QString> senderIp;   ///< __SENDER_IP__
    std::optional<QString> messageId;  ///< __MSGID__
    std::optional<QString> version;    ///< __VERSION__
    std::optional<QString> rule;       ///< __RULE__
    std::optional<QString> ruleInfo;   ///< __RULE_INFO__, several lines
    std::optional<QString> virusInfo;  ///< __VIRUS_INFO__: virusInfoText()
    std::optional<QString> spamLevel;  ///< __SPAMLEVEL__
    std::optional<QString> spamStars;  ///< __SPAMSTARS__
    std::optional<QString> spamInfo;   ///< __SPAM_INFO__, several lines
    std::optional<QString> spamHits;   ///< __SPAM_HITS__
    std::optional<QString> host;       ///< __HOST__
    std::optional<QString> domain;     ///< __DOMAIN__
    std::optional<QString> fqdn;       ///< __FQDN__
    std::optional<QString> fileName;   ///< __FILENAME__, removed attachments only

    /// Sets spamLevel, spamStars, spamInfo and spamHits; no test was run: level 0 and empty texts.
    void setSpam(const std::optional<SpamFacts> &spam, SenderStanding standing);
};

/// "Virus Info: NAME (SCANNER)", or empty.
QString virusInfoText(const QString &virus, const QString &scanner);
QString joinAddresses(const std::vector<mail::Address> &addresses);  ///< Comma and space.
QString subjectOrDefault(const QString &decodedSubject);             ///< "No Subject" if empty.

/// Replaces macros once: what a value brings in is never looked at again (a subject `__ADMIN__`
/// stays text). Unknown names stay. The results hold no C0, C1, NUL, or Unicode line separators
/// that came from values, except line ends where said (R2, W11).
class MacroExpander
{
public:
    explicit MacroExpander(MacroValues values);

    /// One line: subjects. Line ends become a space.
    [[nodiscard]] QString line(const QString &text) const;

    /// A header field's value: lines separated by '\n', none of them empty, for the writer to fold
    /// (CRLF + space). Only the text itself and the macros of several lines bring line ends.
    [[nodiscard]] QString headerValue(const QString &text) const;

    /// Plain text with '\n' line ends.
    [[nodiscard]] QString body(const QString &text) const;

    /// As body(), for text that is HTML: values are escaped.
    [[nodiscard]] QString html(const QString &text) const;

    /// A list of addresses (comma-separated). A macro gives whole addresses only: text around it
    /// cannot be completed by a value. What is no address is left out, as is the null path.
    [[nodiscard]] std::vector<mail::Address> addresses(const QString &text) const;

private:
    MacroValues m_values;
};

}  // namespace portcullis::rules
