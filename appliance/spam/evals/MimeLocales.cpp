// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/MimeLocales.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <QtCore/QList>

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

/// Charsets of a locale in addition to those of Latin script, names without punctuation.
struct LocaleCharsets {
    QByteArrayView locales;
    QByteArrayView charsets;
};

constexpr std::array localeCharsets = std::to_array<LocaleCharsets>({
    {"ja",
     "EUCJP JISX020119760 JISX020819830 JISX020819900 JISX020819970 JISX021219900 JISX021320001 "
     "JISX021320002 SHIFTJIS ISO2022JP SJIS JIS7 JISX0201 JISX0208 JISX0212"},
    {"ko", "EUCKR KSC56011987"},
    {"ru ka tg be uk bg", "KOI8R KOI8U KOI8T ISOIR111 CP1251 GEORGIANPS PT154 CP866"},
    {"th", "TIS620"},
    {"zh", "GB1988 GB2312 GB231219800 GB18030 GBK BIG5HKSCS BIG5 EUCTW ISO2022CN"},
});

bool hasWord(QByteArrayView words, QByteArrayView word)
{
    for (qsizetype at = words.indexOf(word); at >= 0; at = words.indexOf(word, at + 1)) {
        const qsizetype end = at + word.size();
        if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) {
            return true;
        }
    }
    return false;
}

/// "3D" in front is left over from quoted-printable; only the first of several names counts.
QByteArray plainCharset(QByteArrayView charset)
{
    QByteArray plain;
    for (const char c : charset) {
        const char upper = c >= 'a' && c <= 'z' ? char(c - 0x20) : c;
        if ((upper >= 'A' && upper <= 'Z') || (upper >= '0' && upper <= '9')) {
            plain.append(upper);
        }
    }
    return plain.startsWith("3D") ? plain.sliced(2) : plain;
}

bool isEverybodysCharset(const QByteArray &plain)
{
    for (const char *family : {"ISO8859", "ISO10646", "UTF", "UCS", "CP125", "WINDOWS",
                               "UNICODE11UTF7", "UNICODE11UTF8"}) {
        if (plain.startsWith(family)) {
            return true;
        }
    }
    return plain == "USASCII" || plain == "ASCII" || plain == "IBM852" || plain == "XUNKNOWN"
           || plain == "ISO";
}

}  // namespace

CharsetLocales::CharsetLocales(const QByteArray &value)
{
    for (const QByteArray &locale : value.simplified().split(' ')) {
        if (locale == "all") {
            m_acceptsAll = true;
        } else if (!locale.isEmpty()) {
            m_locales.push_back(locale.first(std::min<qsizetype>(locale.size(), 2)));
        }
    }
}

bool CharsetLocales::accepts(QByteArrayView charset) const
{
    const QByteArray plain = plainCharset(charset);
    if (m_acceptsAll || isEverybodysCharset(plain)) {
        return true;
    }
    return std::any_of(localeCharsets.begin(), localeCharsets.end(),
                       [&](const LocaleCharsets &known) {
                           return hasWord(known.charsets, plain)
                                  && std::any_of(m_locales.begin(), m_locales.end(),
                                                 [&](const QByteArray &locale) {
                                                     return hasWord(known.locales, locale);
                                                 });
                       });
}

bool looksLikeCapitals(QByteArrayView charset)
{
    const QByteArray lower = charset.toByteArray().toLower();
    const auto isNameOctet = [](char c) {
        return isPerlWord(static_cast<unsigned char>(c), PerlText::Octets) || c == '-';
    };
    if (!std::all_of(lower.begin(), lower.end(), isNameOctet)) {
        return false;
    }
    for (const char *part : {"koi", "jp", "jis", "euc", "gb", "big5", "isoir", "cp1251",
                             "windows-1251", "georgianps", "pt154", "tis"}) {
        if (lower.contains(part)) {
            return true;
        }
    }
    return false;
}

QByteArray charsetOfContentType(QByteArrayView value)
{
    const QByteArray lower = value.toByteArray().toLower();
    constexpr QByteArrayView key("charset=");
    for (const char quote : {'"', '\''}) {
        for (qsizetype at = lower.indexOf(key); at >= 0; at = lower.indexOf(key, at + 1)) {
            const qsizetype start = at + key.size() + 1;
            const qsizetype end = lower.indexOf(quote, start);
            if (start < lower.size() && lower[start - 1] == quote && end > start) {
                return value.sliced(start, end - start).toByteArray();
            }
        }
    }
    for (qsizetype at = lower.indexOf(key); at >= 0; at = lower.indexOf(key, at + 1)) {
        const qsizetype start = at + key.size();
        qsizetype end = start;
        while (end < lower.size() && !isAsciiSpace(lower[end])) {
            ++end;
        }
        if (end > start) {
            return value.sliced(start, end - start).toByteArray();
        }
    }
    return {};
}

}  // namespace portcullis::spam
