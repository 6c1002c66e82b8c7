// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/CharsetConversion.h"

#include "appliance/spam/text/Characters.h"
#include "appliance/spam/text/Octets.h"

#include <QtCore/QHash>

#include <iconv.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <unordered_map>

namespace portcullis::spam {

namespace {

constexpr char replacement[] = "\xef\xbf\xbd";

/// U+0080 … U+009F in Windows-1252; 0: not assigned.
constexpr std::array<char16_t, 32> windows1252Upper = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

/// A character of the Basic Multilingual Plane above U+007F.
char *putCharacter(char *out, char16_t c)
{
    if (c < 0x800) {
        *out++ = char(0xc0 | (c >> 6));
    } else {
        *out++ = char(0xe0 | (c >> 12));
        *out++ = char(0x80 | ((c >> 6) & 0x3f));
    }
    *out++ = char(0x80 | (c & 0x3f));
    return out;
}

struct Sequence {
    int length = 1;  ///< Octets to go on by.
    bool isValid = false;
};

/// The sequence that begins with an octet above 127; if it is malformed, its maximal subpart.
Sequence sequenceAt(const quint8 *at, const quint8 *end)
{
    const quint8 lead = *at;
    const int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4) {
        return {};
    }
    quint8 low = 0x80;
    quint8 high = 0xbf;
    if (lead == 0xe0) {
        low = 0xa0;
    } else if (lead == 0xed) {
        high = 0x9f;
    } else if (lead == 0xf0) {
        low = 0x90;
    } else if (lead == 0xf4) {
        high = 0x8f;
    }
    for (int i = 1; i < length; ++i) {
        if (end - at <= i || at[i] < low || at[i] > high) {
            return {i, false};
        }
        low = 0x80;
        high = 0xbf;
    }
    // Noncharacters: U+FDD0 … U+FDEF and the last two of each plane.
    const bool isArabicHole = length == 3 && lead == 0xef && at[1] == 0xb7 && at[2] >= 0x90
                              && at[2] <= 0xaf;
    const bool isPlaneEnd = at[length - 1] >= 0xbe && at[length - 2] == 0xbf
                            && (length == 3 ? lead == 0xef : (at[1] & 0x0f) == 0x0f);
    return {length, !isArabicHole && !(length >= 3 && isPlaneEnd)};
}

struct CloseIconv {
    void operator()(void *converter) const { iconv_close(converter); }
};
using Converter = std::unique_ptr<void, CloseIconv>;

/// Null: iconv does not know the charset. Names come from iconvCharset(), so there are not many.
iconv_t converterFor(const QByteArray &charset)
{
    thread_local std::unordered_map<QByteArray, Converter> converters;
    const auto known = converters.find(charset);
    if (known != converters.end()) {
        if (known->second != nullptr) {
            iconv(known->second.get(), nullptr, nullptr, nullptr, nullptr);
        }
        return known->second.get();
    }
    iconv_t opened = iconv_open("UTF-8", charset.constData());
    if (opened == reinterpret_cast<iconv_t>(-1)) {
        opened = nullptr;
    }
    converters.emplace(charset, Converter(opened));
    return opened;
}

}  // namespace

bool isStrictUtf8(QByteArrayView text)
{
    const auto *at = reinterpret_cast<const quint8 *>(text.data());
    const quint8 *const end = at + text.size();
    while (at != end) {
        if (*at < 0x80) {
            ++at;
            continue;
        }
        const Sequence sequence = sequenceAt(at, end);
        if (!sequence.isValid) {
            return false;
        }
        at += sequence.length;
    }
    return true;
}

std::optional<QByteArray> fromWindows1252(QByteArrayView text, Strictness strictness)
{
    QByteArray result(text.size() * 3, Qt::Uninitialized);
    char *out = result.data();
    for (const char octet : text) {
        const auto c = quint8(octet);
        if (c < 0x80) {
            *out++ = octet;
        } else if (c >= 0xa0) {
            out = putCharacter(out, c);
        } else if (windows1252Upper[c - 0x80] != 0) {
            out = putCharacter(out, windows1252Upper[c - 0x80]);
        } else if (strictness == Strictness::Strict) {
            return std::nullopt;
        } else {
            out = putCharacter(out, 0xfffd);
        }
    }
    result.truncate(out - result.constData());
    return result;
}

std::optional<QByteArray> fromUtf8(const QByteArray &text, Strictness strictness)
{
    if (isStrictUtf8(text)) {
        return text;
    }
    if (strictness == Strictness::Strict) {
        return std::nullopt;
    }
    QByteArray result;
    result.reserve(text.size() + text.size() / 8);
    const auto *at = reinterpret_cast<const quint8 *>(text.constData());
    const quint8 *const end = at + text.size();
    while (at != end) {
        const Sequence sequence = *at < 0x80 ? Sequence{1, true} : sequenceAt(at, end);
        if (sequence.isValid) {
            result.append(reinterpret_cast<const char *>(at), sequence.length);
        } else {
            result.append(replacement, 3);
        }
        at += sequence.length;
    }
    return result;
}

std::optional<QByteArray> fromIconv(QByteArrayView text,
                                    const QByteArray &charset,
                                    Strictness strictness)
{
    iconv_t converter = converterFor(charset);
    if (converter == nullptr) {
        return std::nullopt;
    }
    // The peer's decoders of these end where the text is malformed, and do not call it an error.
    const bool isStateful = charset.startsWith("ISO-2022-");
    QByteArray result;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init) iconv fills what is read
    std::array<char, 8192> buffer;
    char *in = const_cast<char *>(text.data());  // iconv's signature; it does not write there
    size_t left = size_t(text.size());
    while (left > 0) {
        char *out = buffer.data();
        size_t room = buffer.size();
        const size_t outcome = iconv(converter, &in, &left, &out, &room);
        const int problem = errno;
        result.append(buffer.data(), out - buffer.data());
        if (outcome != size_t(-1) || problem == E2BIG) {
            continue;
        }
        if (isStateful) {
            break;
        }
        if (strictness == Strictness::Strict) {
            return std::nullopt;
        }
        result.append(replacement, 3);
        if (problem == EINVAL) {
            break;
        }
        ++in;
        --left;
    }
    char *out = buffer.data();
    size_t room = buffer.size();
    iconv(converter, nullptr, nullptr, &out, &room);
    result.append(buffer.data(), out - buffer.data());
    return result;
}

}  // namespace portcullis::spam
