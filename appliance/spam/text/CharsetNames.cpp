// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/CharsetNames.h"

#include "appliance/spam/text/Octets.h"

#include <algorithm>
#include <array>
#include <optional>

namespace portcullis::spam {

namespace {

struct Label {
    const char *name;
    const char *iconv;
};

constexpr Label wholeLabels[] = {
    {"ascii", "ASCII"},
    {"us-ascii", "ASCII"},
    {"usascii", "ASCII"},
    {"c", "ASCII"},
    {"iso646-us", "ASCII"},
    {"ansi_x3.4-1968", "ASCII"},
    {"arabic", "ISO-8859-6"},
    {"cyrillic", "ISO-8859-5"},
    {"greek", "ISO-8859-7"},
    {"hebrew", "ISO-8859-8"},
    {"thai", "ISO-8859-11"},
    {"utf-7", "UTF-7"},
    {"utf7", "UTF-7"},
    {"unicode-1-1-utf-7", "UTF-7"},
    {"ucs2", "UCS-2BE"},
    {"ucs-2", "UCS-2BE"},
    {"ucs-2be", "UCS-2BE"},
    {"iso-10646-1", "UCS-2BE"},
    {"ucs-2le", "UCS-2LE"},
    {"utf-16be", "UTF-16BE"},
    {"utf-16le", "UTF-16LE"},
    {"utf-32be", "UTF-32BE"},
    {"utf-32le", "UTF-32LE"},
    {"iso-2022-jp", "ISO-2022-JP"},
    {"iso-2022-jp-1", "ISO-2022-JP-2"},
    {"7bit-jis", "ISO-2022-JP-2"},
    {"jis", "ISO-2022-JP-2"},
    {"iso-2022-kr", "ISO-2022-KR"},
    {"gbk", "CP936"},
    {"ujis", "EUC-JP"},
    {"sjis", "CP932"},
    {"x-sjis", "CP932"},
    {"windows-31j", "CP932"},
    {"uhc", "UHC"},
    {"x-uhc", "UHC"},
    {"ks_c_5601-1987", "UHC"},
    {"johab", "JOHAB"},
    {"tca-big5", "BIG5"},
    {"big5-eten", "BIG5"},
    {"big5-hkscs", "BIG5-HKSCS"},
    {"big5hkscs", "BIG5-HKSCS"},
    {"viscii", "VISCII"},
    {"hp-roman8", "HP-ROMAN8"},
    {"roman8", "HP-ROMAN8"},
    {"macintosh", "MACINTOSH"},
    {"macroman", "MACINTOSH"},
    {"maccyrillic", "MAC-CYRILLIC"},
    {"maccentraleurroman", "MAC-CENTRALEUROPE"},
    {"macce", "MAC-CENTRALEUROPE"},
    {"macukrainian", "MAC-UK"},
};

/// ISO 8859 parts by the number of a "latin" label.
constexpr std::array<int, 11> partOfLatin = {0, 1, 2, 3, 4, 9, 10, 13, 14, 15, 16};

constexpr int codePages[] = {37,   424,  437,  500,  737,  775,  850,  852,  855,  856,
                             857,  858,  860,  861,  862,  863,  864,  865,  866,  869,
                             874,  875,  932,  936,  949,  950,  1026, 1047, 1250, 1251,
                             1252, 1253, 1254, 1255, 1256, 1257, 1258};

bool isSeparator(char c)
{
    return c == '-' || c == '_' || c == ' ';
}

/// The digits at the end as a number, removed together with separators before them.
std::optional<int> takeNumber(QByteArrayView &label)
{
    qsizetype begin = label.size();
    while (begin > 0 && octets::isDigit(label[begin - 1])) {
        --begin;
    }
    const QByteArrayView digits = label.sliced(begin);
    if (digits.isEmpty() || digits.size() > 4) {
        return std::nullopt;
    }
    label.truncate(begin);
    int number = 0;
    for (const char c : digits) {
        number = number * 10 + (c - '0');
    }
    return number;
}

void dropSeparator(QByteArrayView &label)
{
    label.chop(!label.isEmpty() && isSeparator(label.back()) ? 1 : 0);
}

/// Ends with the word, which begins the label or follows something that is no part of a word.
bool endsWithWord(QByteArrayView label, QByteArrayView word)
{
    return label.endsWith(word)
           && (label.size() == word.size()
               || !octets::isWord(label[label.size() - word.size() - 1]));
}

QByteArray isoPart(int part)
{
    if (part < 1 || part > 16 || part == 12) {
        return {};
    }
    return part == 11 ? QByteArrayLiteral("TIS-620") : "ISO-8859-" + QByteArray::number(part);
}

/// "iso-8859-2", "iso_8859-2", "iso88592", "latin2", "windows-1250", "cp850", "ibm 866".
QByteArray numberedCharset(QByteArrayView label)
{
    const std::optional<int> number = takeNumber(label);
    if (!number) {
        return {};
    }
    if (endsWithWord(label, "iso") && *number >= 8859) {
        return {};
    }
    QByteArrayView family = label;
    dropSeparator(family);
    if (endsWithWord(family, "latin") || endsWithWord(family, "iso-latin")
        || endsWithWord(family, "isolatin")) {
        const bool isKnown = *number > 0 && size_t(*number) < partOfLatin.size();
        return isKnown ? isoPart(partOfLatin[size_t(*number)]) : QByteArray();
    }
    for (const char *maker : {"cp", "ibm", "ms", "windows"}) {
        if (endsWithWord(family, maker)) {
            const bool isKnown = std::find(std::begin(codePages), std::end(codePages), *number)
                                 != std::end(codePages);
            return isKnown ? "CP" + QByteArray::number(*number).rightJustified(3, '0')
                           : QByteArray();
        }
    }
    QByteArrayView standard = family;
    if (takeNumber(standard) == 8859) {
        dropSeparator(standard);
        return endsWithWord(standard, "iso") ? isoPart(*number) : QByteArray();
    }
    return {};
}

/// "iso88592": standard and part in one number.
QByteArray joinedIsoCharset(QByteArrayView label)
{
    const qsizetype at = label.lastIndexOf(QByteArrayView("iso8859"));
    if (at < 0 || !endsWithWord(label.first(at + 7), "iso8859")) {
        return {};
    }
    QByteArrayView rest = label.sliced(at + 7);
    const std::optional<int> part = takeNumber(rest);
    return part && rest.isEmpty() ? isoPart(*part) : QByteArray();
}

/// Names of East Asian charsets come in many spellings.
QByteArray eastAsianCharset(QByteArrayView label)
{
    const bool isEuc = label.contains(QByteArrayView("euc"));
    if (isEuc && label.endsWith(QByteArrayView("cn"))) {
        return QByteArrayLiteral("EUC-CN");
    }
    if (isEuc && label.endsWith(QByteArrayView("jp"))) {
        return QByteArrayLiteral("EUC-JP");
    }
    if (isEuc && label.endsWith(QByteArrayView("kr"))) {
        return QByteArrayLiteral("EUC-KR");
    }
    for (const char *name : {"gb2312", "gb-2312", "gb_2312", "gb 2312"}) {
        const qsizetype at = label.indexOf(QByteArrayView(name));
        if (at >= 0 && (at == 0 || !octets::isWord(label[at - 1]))) {
            return QByteArrayLiteral("EUC-CN");
        }
    }
    if (label.contains(QByteArrayView("shift")) && label.endsWith(QByteArrayView("jis"))) {
        return QByteArrayLiteral("CP932");
    }
    if (endsWithWord(label, "big5") || endsWithWord(label, "big-5")) {
        return QByteArrayLiteral("BIG5");
    }
    if (endsWithWord(label, "sjis")) {
        return QByteArrayLiteral("CP932");
    }
    if (label.contains(QByteArrayView("tis-620")) || label.contains(QByteArrayView("tis620"))) {
        return QByteArrayLiteral("TIS-620");
    }
    return {};
}

QByteArray koi8Charset(QByteArrayView label)
{
    const qsizetype at = label.lastIndexOf(QByteArrayView("koi8"));
    if (at < 0 || (at > 0 && octets::isWord(label[at - 1]))) {
        return {};
    }
    QByteArrayView variant = label.sliced(at + 4);
    while (!variant.isEmpty() && isSeparator(variant.front())) {
        variant = variant.sliced(1);
    }
    if (variant == QByteArrayView("r")) {
        return QByteArrayLiteral("KOI8-R");
    }
    return variant == QByteArrayView("u") ? QByteArrayLiteral("KOI8-U") : QByteArray();
}

QByteArray known(QByteArrayView label)
{
    for (const Label &entry : wholeLabels) {
        if (label == QByteArrayView(entry.name)) {
            return entry.iconv;
        }
    }
    for (const auto lookup : {numberedCharset, joinedIsoCharset, koi8Charset, eastAsianCharset}) {
        const QByteArray name = lookup(label);
        if (!name.isEmpty()) {
            return name;
        }
    }
    return {};
}

}  // namespace

QByteArray iconvCharset(QByteArrayView label)
{
    constexpr qsizetype longestLabel = 64;
    if (label.isEmpty() || label.size() > longestLabel) {
        return {};
    }
    QByteArray lower = label.toByteArray().toLower();
    if (lower.endsWith("@euro")) {
        lower.chop(5);
    }
    if (lower.startsWith("x-mac-") || lower.startsWith("mac-") || lower.startsWith("mac_")) {
        lower = "mac" + lower.sliced(lower.indexOf("mac") + 4);
    }
    const QByteArray name = known(lower);
    if (!name.isEmpty()) {
        return name;
    }
    const QByteArray dashed = QByteArray(lower).replace('_', '-').replace(' ', '-');
    return dashed == lower ? QByteArray() : known(dashed);
}

}  // namespace portcullis::spam
