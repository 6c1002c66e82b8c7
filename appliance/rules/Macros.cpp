// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/Macros.h"

#include <algorithm>
#include <array>
#include <functional>

namespace portcullis::rules {

namespace {

constexpr int maxStars = 100;  ///< Of __SPAMSTARS__.

struct MacroName {
    const char *name;
    std::optional<QString> MacroValues::*value;
    bool hasLines;  ///< Its line ends are ours, not the mail's.
};

constexpr std::array macroNames{
    MacroName{"__SENDER__", &MacroValues::sender, false},
    MacroName{"__RECEIVERS__", &MacroValues::receivers, false},
    MacroName{"__TARGETS__", &MacroValues::targets, false},
    MacroName{"__SUBJECT__", &MacroValues::subject, false},
    MacroName{"__ADMIN__", &MacroValues::admin, false},
    MacroName{"__SENDER_IP__", &MacroValues::senderIp, false},
    MacroName{"__MSGID__", &MacroValues::messageId, false},
    MacroName{"__VERSION__", &MacroValues::version, false},
    MacroName{"__RULE__", &MacroValues::rule, false},
    MacroName{"__RULE_INFO__", &MacroValues::ruleInfo, true},
    MacroName{"__VIRUS_INFO__", &MacroValues::virusInfo, false},
    MacroName{"__SPAMLEVEL__", &MacroValues::spamLevel, false},
    MacroName{"__SPAMSTARS__", &MacroValues::spamStars, false},
    MacroName{"__SPAM_INFO__", &MacroValues::spamInfo, true},
    MacroName{"__SPAM_HITS__", &MacroValues::spamHits, false},
    MacroName{"__HOST__", &MacroValues::host, false},
    MacroName{"__DOMAIN__", &MacroValues::domain, false},
    MacroName{"__FQDN__", &MacroValues::fqdn, false},
    MacroName{"__FILENAME__", &MacroValues::fileName, false},
};

/// Line ends of any kind, other control characters, and characters that turn the direction of text.
bool isHarmful(QChar c)
{
    const ushort u = c.unicode();
    return u < 0x20 || (u >= 0x7f && u <= 0x9f) || u == 0x2028 || u == 0x2029
           || (u >= 0x202a && u <= 0x202e) || (u >= 0x2066 && u <= 0x2069);
}

QString cleaned(const QString &value, bool keepLines)
{
    QString text = value;
    if (keepLines) {
        text.replace(QLatin1String("\r\n"), QLatin1String("\n"));
    }
    for (QChar &c : text) {
        if (isHarmful(c) && !(keepLines && c == QLatin1Char('\n'))) {
            c = QLatin1Char(' ');
        }
    }
    return text;
}

/// The macro that begins at `at`, if any.
const MacroName *macroAt(QStringView text, qsizetype at)
{
    const QStringView rest = text.mid(at);
    const auto found = std::find_if(
        macroNames.begin(), macroNames.end(),
        [rest](const MacroName &macro) { return rest.startsWith(QLatin1String(macro.name)); });
    return found == macroNames.end() ? nullptr : &*found;
}

using Convert = std::function<QString(const QString &value, const MacroName &macro)>;

/// One pass from left to right, so that values are never searched for macros themselves.
QString expanded(const QString &text, const MacroValues &values, const Convert &convert)
{
    QString result;
    qsizetype at = 0;
    while (at < text.size()) {
        const qsizetype next = text.indexOf(QLatin1String("__"), at);
        if (next < 0) {
            break;
        }
        result += QStringView(text).mid(at, next - at);
        const MacroName *macro = macroAt(text, next);
        const auto *value = macro != nullptr ? &(values.*(macro->value)) : nullptr;
        if (value != nullptr && value->has_value()) {
            result += convert(**value, *macro);
            at = next + static_cast<qsizetype>(qstrlen(macro->name));
        } else {
            result += text[next];
            at = next + 1;
        }
    }
    return result + text.mid(at);
}

QString withPlainLineEnds(QString text)
{
    text.replace(QLatin1String("\r\n"), QLatin1String("\n"));
    text.replace(QLatin1Char('\r'), QLatin1Char('\n'));
    return text;
}

QString linesOf(const SpamFacts &spam, SenderStanding standing)
{
    QString text = QStringLiteral("Spam detection results:  %1\n")
                       .arg(standing == SenderStanding::Blocked ? 100 : spam.level);
    for (const SpamHit &hit : spam.hits) {
        text += cleaned(hit.rule, false).leftJustified(22) + QLatin1Char(' ')
                + QString::number(hit.score, 'g', 5).rightJustified(6) + QLatin1Char(' ')
                + cleaned(hit.description, false) + QLatin1Char('\n');
    }
    if (standing == SenderStanding::Blocked) {
        text += QStringLiteral("USER_IN_BLOCKLIST         100 The recipient blocks this sender\n");
    }
    return text;
}

}  // namespace

void MacroValues::setSpam(const std::optional<SpamFacts> &spam, SenderStanding standing)
{
    const int level = !spam ? 0 : (standing == SenderStanding::Blocked ? 100 : spam->level);
    spamLevel = QString::number(level);
    spamStars = QString(std::min(level, maxStars), QLatin1Char('*'));
    spamInfo = spam ? linesOf(*spam, standing) : QString();
    QStringList hits;
    if (spam) {
        for (const SpamHit &hit : spam->hits) {
            hits << QStringLiteral("%1(%2)").arg(hit.rule).arg(hit.score);
        }
    }
    spamHits = hits.join(QLatin1Char(','));
}

QString virusInfoText(const QString &virus, const QString &scanner)
{
    return virus.isEmpty() ? QString() : QStringLiteral("Virus Info: %1 (%2)").arg(virus, scanner);
}

QString joinAddresses(const std::vector<mail::Address> &addresses)
{
    QStringList texts;
    for (const mail::Address &address : addresses) {
        texts << QString::fromUtf8(address.toString());
    }
    return texts.join(QStringLiteral(", "));
}

QString subjectOrDefault(const QString &decodedSubject)
{
    return decodedSubject.trimmed().isEmpty() ? QStringLiteral("No Subject") : decodedSubject;
}

MacroExpander::MacroExpander(MacroValues values)
    : m_values(std::move(values))
{
}

QString MacroExpander::line(const QString &text) const
{
    const QString result = expanded(text, m_values, [](const QString &value, const MacroName &) {
        return cleaned(value, false);
    });
    return cleaned(result, false).trimmed();
}

QString MacroExpander::headerValue(const QString &text) const
{
    const QString result = expanded(text, m_values,
                                    [](const QString &value, const MacroName &macro) {
                                        return cleaned(value, macro.hasLines);
                                    });
    QStringList lines;
    for (const QString &one : withPlainLineEnds(result).split(QLatin1Char('\n'))) {
        // A line of white space only would end the header (RFC 5322 §3.2.2 forbids it when folding).
        const QString kept = cleaned(one, false);
        if (!kept.trimmed().isEmpty()) {
            lines << kept;
        }
    }
    return lines.join(QLatin1Char('\n'));
}

QString MacroExpander::body(const QString &text) const
{
    const QString plain = withPlainLineEnds(text);
    return expanded(plain, m_values, [](const QString &value, const MacroName &macro) {
        return cleaned(value, macro.hasLines);
    });
}

QString MacroExpander::html(const QString &text) const
{
    const QString plain = withPlainLineEnds(text);
    return expanded(plain, m_values, [](const QString &value, const MacroName &macro) {
        return cleaned(value, macro.hasLines)
            .toHtmlEscaped()
            .replace(QLatin1Char('\n'), QLatin1String("<br>\n"));
    });
}

std::vector<mail::Address> MacroExpander::addresses(const QString &text) const
{
    std::vector<mail::Address> addresses;
    const auto add = [&addresses](const QString &candidate) {
        const auto address = mail::Address::parse(candidate.trimmed().toUtf8());
        if (address && !address->isNull() && !address->domain().isEmpty()
            && std::find(addresses.begin(), addresses.end(), *address) == addresses.end()) {
            addresses.push_back(*address);
        }
    };
    const QStringList items = withPlainLineEnds(text).split(QLatin1Char(','));
    for (const QString &item : items) {
        const QString trimmed = item.trimmed();
        const MacroName *macro = macroAt(trimmed, 0);
        const bool isWholeMacro = macro != nullptr && trimmed == QLatin1String(macro->name);
        if (!isWholeMacro) {
            add(expanded(trimmed, m_values, [](const QString &value, const MacroName &) {
                return cleaned(value, false);
            }));
            continue;
        }
        const auto &value = m_values.*(macro->value);
        // Only lists that we joined ourselves are split; a comma inside one address (quoted local
        // part) must not make two of it.
        const bool isList = macro->value == &MacroValues::receivers
                            || macro->value == &MacroValues::targets
                            || macro->value == &MacroValues::admin;
        const QStringList parts = !value ? QStringList()
                                         : (isList ? value->split(QStringLiteral(", "))
                                                   : QStringList{*value});
        std::for_each(parts.begin(), parts.end(), add);
    }
    return addresses;
}

}  // namespace portcullis::rules
