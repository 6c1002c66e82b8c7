// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/NameReadings.h"

#include <algorithm>
#include <array>

namespace portcullis::rules {

namespace {

/// Length of an invisible character of UTF-8 at `at`: U+200B…200F, U+202A…202E, U+2060…206F, U+FEFF,
/// U+00AD; 0 if there is none.
qsizetype invisibleLength(QByteArrayView name, qsizetype at)
{
    const auto byte = [&](qsizetype ahead) {
        return at + ahead < name.size() ? static_cast<uchar>(name[at + ahead]) : uchar{0};
    };
    if (byte(0) == 0xe2 && byte(1) == 0x80
        && ((byte(2) >= 0x8b && byte(2) <= 0x8f) || (byte(2) >= 0xaa && byte(2) <= 0xae))) {
        return 3;
    }
    if (byte(0) == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa0 && byte(2) <= 0xaf) {
        return 3;
    }
    if (byte(0) == 0xef && byte(1) == 0xbb && byte(2) == 0xbf) {
        return 3;
    }
    return byte(0) == 0xc2 && byte(1) == 0xad ? 2 : 0;
}

QByteArray visible(QByteArrayView name)
{
    QByteArray text;
    for (qsizetype i = 0; i < name.size(); ++i) {
        const auto c = static_cast<uchar>(name[i]);
        if (const qsizetype skipped = invisibleLength(name, i); skipped > 0) {
            i += skipped - 1;
        } else if (c >= 0x20 && c != 0x7f) {
            text += static_cast<char>(c);
        }
    }
    while (text.endsWith(' ') || text.endsWith('.')) {
        text.chop(1);
    }
    return text;
}

}  // namespace

std::vector<QByteArray> nameReadings(const QByteArray &name)
{
    std::vector<QByteArray> readings{name};
    const auto add = [&readings](const QByteArray &reading) {
        if (std::find(readings.begin(), readings.end(), reading) == readings.end()) {
            readings.push_back(reading);
        }
    };
    add(visible(name));
    const qsizetype nul = name.indexOf('\0');
    if (nul >= 0) {
        add(visible(QByteArrayView(name).first(nul)));
    }
    return readings;
}

std::vector<QByteArray> lastComponents(const std::vector<QByteArray> &paths)
{
    std::vector<QByteArray> names;
    for (const QByteArray &path : paths) {
        const qsizetype separator = std::max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
        if (separator >= 0) {
            names.push_back(path.mid(separator + 1));
        }
    }
    return names;
}

}  // namespace portcullis::rules
