// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/MimeFacts.h"

#include "appliance/spam/html/HtmlCharacters.h"
#include "appliance/spam/text/ContentType.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

constexpr qsizetype quotedLineLimit = 79;  ///< RFC 5322 §2.1.1: 78 characters, and the line's end.

bool containsAny(const QByteArray &text, std::initializer_list<const char *> words)
{
    return std::any_of(words.begin(), words.end(),
                       [&](const char *word) { return text.contains(word); });
}

bool isAsciiCharset(const QByteArray &charset)
{
    return charset.isEmpty()
           || containsAny(charset, {"ascii", "ansi_x3.4-1968", "iso-ir-6", "ansi_x3.4-1986",
                                    "iso_646.irv:1991", "iso646-us", "us", "ibm367", "cp367"});
}

/// "iso-8859-15", "iso-2022-jp" at the start of a text.
bool startsKnownIsoCharset(QByteArrayView text)
{
    const auto endsWord = [&](qsizetype at) {
        return at >= text.size()
               || !isPerlWord(static_cast<unsigned char>(text[at]), PerlText::Octets);
    };
    if (text.startsWith("iso-2022-jp") || text.startsWith("iso-2022-kr")) {
        return endsWord(11);
    }
    if (!text.startsWith("iso-8859-")) {
        return false;
    }
    qsizetype at = 9;
    while (at < text.size() && at < 11 && text[at] >= '0' && text[at] <= '9') {
        ++at;
    }
    return at > 9 && endsWord(at);
}

/// "iso-…-…" that is none of the registered names.
bool isBadIsoCharset(const QByteArray &charset)
{
    bool looksLikeIso = false;
    for (qsizetype at = charset.indexOf("iso-"); at >= 0; at = charset.indexOf("iso-", at + 1)) {
        const QByteArrayView rest = QByteArrayView(charset).sliced(at);
        if (startsKnownIsoCharset(rest)) {
            return false;
        }
        qsizetype end = 4;
        while (end < rest.size() && !isAsciiSpace(rest[end])) {
            ++end;
        }
        const QByteArrayView name = rest.first(end).sliced(4);
        const qsizetype hyphen = name.indexOf('-', 1);
        looksLikeIso = looksLikeIso
                       || (hyphen > 0
                           && std::any_of(name.begin() + hyphen + 1, name.end(), [](char c) {
                                  return isPerlWord(static_cast<unsigned char>(c),
                                                    PerlText::Octets);
                              }));
    }
    return looksLikeIso;
}

constexpr bool isUpperHex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/// "=41" and the like: printing characters and tab, which need no encoding; space and "=" are apart.
constexpr bool isNeedlessCode(char high, char low)
{
    switch (high) {
    case '0':
        return low == '9';
    case '3':
        return isUpperHex(low) && low != 'D';
    case '2':
    case '4':
    case '5':
    case '6':
        return isUpperHex(low);
    case '7':
        return isUpperHex(low) && low != 'F';
    default:
        return false;
    }
}

/// Octets of a quoted-printable line that are encoded without need; space at its end needs it.
int countNeedlessCodes(QByteArrayView line)
{
    int count = 0;
    for (qsizetype at = line.indexOf('='); at >= 0; at = line.indexOf('=', at + 1)) {
        if (at + 2 < line.size() && isNeedlessCode(line[at + 1], line[at + 2])) {
            ++count;
            at += 2;
        }
    }
    if (count > 0) {
        QByteArrayView rest = line;
        while (!rest.isEmpty() && isAsciiSpace(rest.back())) {
            rest = rest.chopped(1);
        }
        while (rest.endsWith("=20") || rest.endsWith("=09")) {
            rest = rest.chopped(3);
            --count;
        }
    }
    return count;
}

/// "&#x2019;" and the like: how many.
int countUnicodeReferences(QByteArrayView line)
{
    constexpr qsizetype length = 8;
    int count = 0;
    for (qsizetype at = line.indexOf("&#x"); at >= 0; at = line.indexOf("&#x", at + 1)) {
        const QByteArrayView reference = line.sliced(at);
        if (reference.size() >= length && reference[length - 1] == ';'
            && std::all_of(reference.begin() + 3, reference.begin() + 7, isUpperHex)) {
            ++count;
        }
    }
    return count;
}

/// Reads parts in order and sums up.
class MimeReader
{
public:
    MimeReader(MessageText &text, const CharsetLocales &locales)
        : m_text(text)
        , m_locales(locales)
    {
    }

    MimeFacts read()
    {
        const std::vector<TextPart> &parts = m_text.parts();
        for (size_t index = 0; index < parts.size(); ++index) {
            readHeader(parts[index]);
            if (parts[index].isLeaf) {
                readBody(m_text.raw(int(index)));
            }
        }
        if (m_quotedBytes > 0) {
            m_facts.quotedBytes = m_quotedBytes;
            m_facts.quotedCount = m_needlessCodes;
            m_facts.quotedRatio = m_needlessCodes / m_quotedBytes;
        }
        if (m_plainBytes > 0) {
            m_facts.unicodeRatio = m_unicodeReferences / m_plainBytes;
        }
        if (m_facts.hasAlternative && m_textBytes && m_htmlBytes && *m_htmlBytes > 0) {
            m_facts.alternativeRatio = *m_textBytes / *m_htmlBytes;
        }
        return std::move(m_facts);
    }

private:
    void readHeader(const TextPart &part)
    {
        const ContentType type = readContentType(part.value("Content-Type"));
        m_type = type.type;
        m_charset = type.charset ? std::optional(type.charset->toLower()) : std::nullopt;
        m_encoding = part.value("Content-Transfer-Encoding").toLower();
        const QByteArray disposition = part.value("Content-Disposition").toLower();
        m_isAttachment = disposition.contains("attachment");
        m_facts.hasAlternative = m_facts.hasAlternative || m_type == "multipart/alternative";
        if (m_type == "text/html") {
            ++m_facts.htmlParts;
        } else if (m_type.startsWith("text")) {
            ++m_facts.textParts;
        }
        const bool isBase64 = m_encoding.contains("base64");
        if (isBase64) {
            ++m_facts.base64Parts;
        } else if (m_encoding.contains("quoted-printable")) {
            ++m_facts.quotedCount;
        }
        m_facts.attachments += m_isAttachment ? 1 : 0;
        const QByteArray charset = m_charset.value_or(QByteArray());
        if (m_type.startsWith("text") && isBase64 && isAsciiCharset(charset)
            && !disposition.startsWith("attachment") && !disposition.startsWith("inline")) {
            m_facts.hasBase64Text = true;
        }
        readCharset(charset);
    }

    void readCharset(const QByteArray &charset)
    {
        m_facts.hasBadIsoCharset = m_facts.hasBadIsoCharset || isBadIsoCharset(charset);
        if (std::any_of(charset.begin(), charset.end(),
                        [](char c) { return c >= 'a' && c <= 'z'; })) {
            m_facts.charsets.push_back(charset);
            m_facts.hasFarawayCharset = m_facts.hasFarawayCharset || !m_locales.accepts(charset);
        }
    }

    void readBody(const QByteArray &body)
    {
        const bool isPlain = m_type == "text/plain";
        if (!m_isAttachment && (isPlain || m_type == "text/html")) {
            // Only what comes behind multipart/alternative is counted, and the last part of a kind.
            (isPlain ? m_textBytes : m_htmlBytes) = m_facts.hasAlternative ? double(body.size())
                                                                           : 0;
        }
        const bool isQuoted = m_encoding == "quoted-printable";
        const bool isAscii = isPlain && (!m_charset || *m_charset == "us-ascii");
        const bool isBare = isPlain
                            && (m_encoding.isEmpty() || m_encoding == "7bit"
                                || m_encoding == "8bit");
        if (!isQuoted && !isAscii && !isBare) {
            return;
        }
        for (qsizetype start = 0; start < body.size();) {
            const qsizetype newline = body.indexOf('\n', start);
            const qsizetype end = newline < 0 ? body.size() : newline + 1;
            const QByteArrayView line = QByteArrayView(body).sliced(start, end - start);
            if (isQuoted && !line.startsWith("SPAM: ")) {
                readQuotedLine(line);
            }
            if (isAscii && std::any_of(line.begin(), line.end(), [](char c) {
                    return c == '\0' || c == '\r' || static_cast<unsigned char>(c) >= 0x80;
                })) {
                ++m_facts.illegalAsciiLines;
            }
            if (isBare) {
                const int references = countUnicodeReferences(line);
                m_unicodeReferences += references;
                m_plainBytes += double(line.size()) - 8.0 * references;
            }
            start = end;
        }
    }

    void readQuotedLine(QByteArrayView line)
    {
        m_facts.hasLongQuotedLine = m_facts.hasLongQuotedLine || line.size() > quotedLineLimit;
        m_quotedBytes += double(line.size());
        m_needlessCodes += countNeedlessCodes(line);
    }

    MessageText &m_text;
    const CharsetLocales &m_locales;
    MimeFacts m_facts;
    double m_quotedBytes = 0;
    double m_needlessCodes = 0;
    double m_plainBytes = 0;
    double m_unicodeReferences = 0;
    std::optional<double> m_textBytes;
    std::optional<double> m_htmlBytes;
    // Of the part at hand.
    QByteArray m_type;
    std::optional<QByteArray> m_charset;
    QByteArray m_encoding;
    bool m_isAttachment = false;
};

}  // namespace

MimeFacts MimeFacts::read(MessageText &text, const CharsetLocales &locales)
{
    return MimeReader(text, locales).read();
}

std::optional<double> MimeFacts::value(QByteArrayView name) const
{
    const std::array<std::pair<QByteArrayView, double>, 17> values{
        {{"mime_body_html_count", htmlParts},
         {"mime_body_text_count", textParts},
         {"mime_base64_count", base64Parts},
         {"mime_attachment", attachments},
         {"mime_base64_encoded_text", hasBase64Text},
         {"mime_bad_iso_charset", hasBadIsoCharset},
         {"mime_faraway_charset", hasFarawayCharset},
         {"mime_multipart_alternative", hasAlternative},
         {"mime_multipart_ratio", alternativeRatio},
         {"mime_qp_count", quotedCount},
         {"mime_qp_bytes", quotedBytes},
         {"mime_qp_ratio", quotedRatio},
         {"mime_qp_long_line", hasLongQuotedLine},
         {"mime_ascii_text_illegal", illegalAsciiLines},
         {"mime_text_unicode_ratio", unicodeRatio},
         {"mime_html_charsets", charsets.empty() ? 0 : 1},
         {"mime_checked_attachments", 1}}};
    for (const auto &[known, value] : values) {
        if (known == name) {
            return value;
        }
    }
    return std::nullopt;
}

}  // namespace portcullis::spam
