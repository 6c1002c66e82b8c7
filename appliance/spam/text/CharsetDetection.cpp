// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/CharsetDetection.h"

#include "appliance/spam/text/Octets.h"

#include <uchardet/uchardet.h>

#include <memory>
#include <type_traits>

namespace portcullis::spam {

namespace {

/// A guess needs no more of a text; bounds the work on large ones.
constexpr qsizetype mostOctets = 65'536;

constexpr const char *knownCharsets[] = {
    "UTF-8",       "UTF-16",     "UTF-32",       "SHIFT_JIS",    "EUC-JP",       "EUC-KR",
    "UHC",         "GB18030",    "BIG5",         "EUC-TW",       "ISO-2022-JP",  "ISO-2022-CN",
    "ISO-2022-KR", "HZ-GB-2312", "KOI8-R",       "MAC-CYRILLIC", "IBM866",       "IBM855",
    "ISO-8859-5",  "ISO-8859-7", "WINDOWS-1251", "WINDOWS-1253", "WINDOWS-1255", "WINDOWS-1252",
    "ISO-8859-8",  "TIS-620"};

struct DeleteDetector {
    void operator()(uchardet_t detector) const { uchardet_delete(detector); }
};

}  // namespace

QByteArray detectCharset(QByteArrayView text)
{
    thread_local const std::unique_ptr<std::remove_pointer_t<uchardet_t>, DeleteDetector> detector(
        uchardet_new());
    uchardet_reset(detector.get());
    const QByteArrayView sample = text.first(qMin(text.size(), mostOctets));
    if (uchardet_handle_data(detector.get(), sample.data(), size_t(sample.size())) != 0) {
        return {};
    }
    uchardet_data_end(detector.get());
    const QByteArrayView found(uchardet_get_charset(detector.get()));
    if (found == QByteArrayView("UTF-16")) {
        // Found by its mark, which stays part of the text.
        return text.startsWith("\xff\xfe") ? QByteArrayLiteral("UTF-16LE")
                                           : QByteArrayLiteral("UTF-16BE");
    }
    for (const char *known : knownCharsets) {
        if (octets::equalsIgnoringCase(found, known)) {
            return found.toByteArray();
        }
    }
    return {};
}

}  // namespace portcullis::spam
