// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/MimeEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/BodyArguments.h"
#include "appliance/spam/evals/MimeFacts.h"
#include "appliance/spam/html/HtmlCharacters.h"
#include "appliance/spam/text/ContentType.h"

#include <algorithm>
#include <optional>

namespace portcullis::spam {

namespace {

constexpr qsizetype leastUpperCaseText = 200;  ///< Shorter text has too few words to judge.

bool isHtmlMessage(Scan &scan)
{
    return scan.text().headerText("Content-Type").toLower().startsWith("text/html");
}

/// Whether space stands between other characters.
bool hasInnerSpace(const QByteArray &line)
{
    const QByteArrayView inner = trimmedOctets(line);
    return std::any_of(inner.begin(), inner.end(), isAsciiSpace);
}

/// Two runs of what could be base64, 60 to 76 long: what is left of a forwarded attachment.
bool startsWithBase64(QByteArrayView line)
{
    for (int run = 0; run < 2; ++run) {
        qsizetype length = 0;
        while (length < line.size() && line[length] != ' '
               && (isPerlWord(static_cast<unsigned char>(line[length]), PerlText::Octets)
                   || QByteArrayView("+/=").contains(line[length]))
               && line[length] != '_') {
            ++length;
        }
        if (length < 60 || length > 76 || length >= line.size() || line[length] != ' ') {
            return false;
        }
        line = line.sliced(length + 1);
    }
    return true;
}

/// Without what stands between the shifts to Japanese and back (RFC 1468 §2).
QByteArray withoutJapanese(const QByteArray &line)
{
    const qsizetype start = line.indexOf("\x1B$B");
    const qsizetype end = line.lastIndexOf("\x1B(B");
    if (start < 0 || end < start + 3) {
        return line;
    }
    return line.first(start) + line.sliced(end + 3);
}

bool hasMoreHighOctets(const std::vector<QByteArray> &lines)
{
    qsizetype high = 0;
    qsizetype all = std::max<qsizetype>(qsizetype(lines.size()) - 1, 0);
    for (const QByteArray &line : lines) {
        all += line.size();
        high += std::count_if(line.begin(), line.end(),
                              [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    }
    return all - high <= high && high > 3;
}

/// Whether an alternative is neither text nor what mail programs put there.
int hasOddAlternative(Scan &scan)
{
    const std::vector<TextPart> &parts = scan.text().parts();
    return std::any_of(parts.begin(), parts.end(), [&](const TextPart &part) {
        return part.type == "multipart/alternative"
               && std::any_of(part.children.begin(), part.children.end(), [&](int index) {
                      const TextPart &child = parts[size_t(index)];
                      return child.isLeaf && child.type != "multipart/related"
                             && child.type != "application/rtf" && !child.type.startsWith("text/");
                  });
    });
}

/// "0.02", ".5": what a ratio may look like.
bool isRatio(const QByteArray &text)
{
    const qsizetype point = text.indexOf('.');
    const qsizetype decimals = text.size() - point - 1;
    return point >= 0 && point <= 3 && decimals >= 1 && decimals <= 3
           && std::all_of(text.begin(), text.end(),
                          [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

}  // namespace

struct MimeEvals::Memory final : Scan::Memory {
    std::optional<MimeFacts> facts;
    std::optional<double> upperCase;
    std::optional<qsizetype> base64Length;
};

QByteArray MimeEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::MIMEEval";
}

void MimeEvals::configure(const RuleSet &rules, ProblemSink &)
{
    m_locales = CharsetLocales(rules.value("ok_locales", "all"));
}

std::vector<EvalModule::Entry> MimeEvals::functions() const
{
    const auto factAtLeast = [this](const char *name) {
        return [this, name](Scan &scan, const EvalCall &call) -> int {
            return facts(scan).value(name).value_or(0) >= CallArguments(call).number(0);
        };
    };
    return {
        {"check_for_mime",
         [this](Scan &scan, const EvalCall &call) -> int {
             return facts(scan).value(CallArguments(call).text(0)).value_or(0) != 0;
         }},
        {"check_for_mime_html", [this](Scan &scan, const EvalCall &) { return hasHtml(scan); }},
        {"check_for_mime_html_only",
         [this](Scan &scan, const EvalCall &) { return hasOnlyHtml(scan); }},
        {"check_mime_multipart_ratio",
         [this](Scan &scan, const EvalCall &call) -> int {
             const CallArguments arguments(call);
             const double ratio = facts(scan).alternativeRatio;
             return ratio >= arguments.number(0) && ratio < arguments.number(1);
         }},
        {"check_msg_parse_flags",
         [](Scan &scan, const EvalCall &call) -> int {
             return scan.text().hasParseFlag(CallArguments(call).text(0).constData());
         }},
        {"check_for_ascii_text_illegal",
         [this](Scan &scan, const EvalCall &) -> int { return facts(scan).illegalAsciiLines > 0; }},
        {"check_abundant_unicode_ratio",
         [check = factAtLeast("mime_text_unicode_ratio")](Scan &scan, const EvalCall &call) {
             return isRatio(CallArguments(call).text(0)) ? check(scan, call) : 0;
         }},
        {"check_qp_ratio", factAtLeast("mime_qp_ratio")},
        {"check_for_faraway_charset",
         [this](Scan &scan, const EvalCall &) { return hasFarawayText(scan); }},
        {"check_for_uppercase",
         [this](Scan &scan, const EvalCall &call) { return upperCase(scan, call); }},
        {"check_ma_non_text", [](Scan &scan, const EvalCall &) { return hasOddAlternative(scan); }},
        {"check_base64_length",
         [this](Scan &scan, const EvalCall &call) { return base64Length(scan, call); }},
    };
}

const MimeFacts &MimeEvals::facts(Scan &scan) const
{
    std::optional<MimeFacts> &known = scan.memory<Memory>(this).facts;
    if (!known) {
        known = MimeFacts::read(scan.text(), m_locales);
    }
    return *known;
}

int MimeEvals::hasHtml(Scan &scan) const
{
    return isHtmlMessage(scan) || facts(scan).htmlParts > 0;
}

int MimeEvals::hasOnlyHtml(Scan &scan) const
{
    return isHtmlMessage(scan) || (facts(scan).htmlParts > 0 && facts(scan).textParts == 0);
}

/// The message's charset is not one of `ok_locales`, and the text makes use of it: some of them contain
/// ASCII.
int MimeEvals::hasFarawayText(Scan &scan) const
{
    if (m_locales.acceptsAll()) {
        return 0;
    }
    const QByteArray charset = charsetOfContentType(scan.text().headerText("Content-Type"));
    return !charset.isEmpty() && !m_locales.accepts(charset)
           && hasMoreHighOctets(scan.text().body());
}

int MimeEvals::upperCase(Scan &scan, const EvalCall &call) const
{
    std::optional<double> &known = scan.memory<Memory>(this).upperCase;
    if (!known) {
        known = upperCaseShare(scan);
    }
    const CallArguments arguments(call);
    return *known > arguments.number(0) && *known <= arguments.number(1);
}

/// Capitals among letters and digits, in percent; 0 where that would say nothing.
double MimeEvals::upperCaseShare(Scan &scan) const
{
    const QByteArray charset = charsetOfContentType(scan.text().headerText("Content-Type"));
    const std::vector<QByteArray> &charsets = facts(scan).charsets;
    if (looksLikeCapitals(charset)
        || std::any_of(charsets.begin(), charsets.end(), looksLikeCapitals)) {
        return 0;
    }
    qsizetype length = 0;
    qsizetype lower = 0;
    qsizetype upper = 0;
    for (const QByteArray &line : scan.text().body()) {
        if (!hasInnerSpace(line) || startsWithBase64(line)) {
            continue;
        }
        const QByteArray plain = line.contains('\x1B') ? withoutJapanese(line) : line;
        length += plain.size();
        for (const char c : plain) {
            lower += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? 1 : 0;
            upper += c >= 'A' && c <= 'Z' ? 1 : 0;
        }
    }
    if (length < leastUpperCaseText || upper + lower == 0) {
        return 0;
    }
    return double(upper) / double(upper + lower) * 100;
}

/// Length of the longest line of base64, its end included.
int MimeEvals::base64Length(Scan &scan, const EvalCall &call) const
{
    std::optional<qsizetype> &known = scan.memory<Memory>(this).base64Length;
    if (!known) {
        known = 0;
        const std::vector<TextPart> &parts = scan.text().parts();
        for (size_t index = 0; index < parts.size(); ++index) {
            const TextPart &part = parts[index];
            if (!part.isLeaf || part.value("Content-Transfer-Encoding").toLower() != "base64"
                || readContentType(part.value("Content-Type")).type == "application/ics") {
                continue;
            }
            const QByteArray &body = scan.text().raw(int(index));
            for (qsizetype start = 0; start < body.size();) {
                const qsizetype newline = body.indexOf('\n', start);
                const qsizetype end = newline < 0 ? body.size() : newline + 1;
                known = std::max(*known, end - start);
                start = end;
            }
        }
    }
    const CallArguments arguments(call);
    return double(*known) >= arguments.number(0)
           && (!arguments.has(1) || double(*known) <= arguments.number(1));
}

}  // namespace portcullis::spam
