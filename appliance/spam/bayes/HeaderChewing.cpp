// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/HeaderChewing.h"

#include "appliance/spam/bayes/ByteRegex.h"
#include "appliance/spam/bayes/LineTokens.h"
#include "appliance/spam/text/AddressList.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

using View = QByteArrayView;

/// Hexadecimal digits of a boundary differ in every message, its shape tells the program that made it.
QByteArray shapeOfBoundary(View boundary)
{
    static const ByteRegex separators("[-_.=]+");
    QByteArray shape = boundary.toByteArray();
    for (char &c : shape) {
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            c = 'H';
        }
    }
    return separators.replaceAll(
        shape, [](const ByteRegex::Group &group) { return ' ' + group(0).toByteArray() + ' '; });
}

QByteArray bytesOf(const ByteRegex::Group &group, int number)
{
    return group(number).toByteArray();
}

}  // namespace

QByteArray chewContentType(QByteArray value)
{
    static const ByteRegex boundary("(?i) boundary= ['\"] ([^\\n]*?) ['\"]");
    static const ByteRegex commonWords("\\b (?: charset | text ) \\b");
    QByteArray shape;
    value = boundary.replaceAll(value, [&shape](const ByteRegex::Group &group) {
        shape = shapeOfBoundary(group(1));
        return QByteArray(" ");
    });
    return commonWords.replaceAll(value + shape, " ");
}

QByteArray chewMessageId(const QByteArray &value)
{
    // The counter of Outlook Express lies between two halves that name the machine.
    static const ByteRegex outlook("< ([0-9a-f]{4}) [0-9a-f]{8} \\$ ([0-9a-f]{4}) [0-9a-f]{4} \\$"
                                   " ([0-9a-f]{8}) @ (\\S+) >");
    static const ByteRegex exim("< [0-9A-Za-z]{7} - [0-9A-Za-z]{6} -0 [0-9A-Za-z] @");
    // A time stamp, and a number in hexadecimal.
    static const ByteRegex sendmail("< 20\\d\\d [01]\\d [0-3]\\d [0-2]\\d [0-5]\\d [0-5]\\d"
                                    " \\. [0-9A-F]{10,12} @");
    QByteArray id = outlook.replaceAll(value, [](const ByteRegex::Group &group) {
        return " OEA" + bytesOf(group, 1) + " OEB" + bytesOf(group, 2) + " OEC" + bytesOf(group, 3)
               + ' ' + bytesOf(group, 4) + ' ';
    });
    id = exim.replaceFirst(id, {});
    id = sendmail.replaceAll(id, QByteArray());
    std::replace_if(
        id.begin(), id.end(),
        [](char c) {
            return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || c == '_');
        },
        ' ');
    return id;
}

QByteArray chewReceived(const QByteArray &value)
{
    static const ByteRegex queueIds("\\s with \\s SMTP \\s id \\s g [0-9A-Z]{10,12} \\s"
                                    "| \\s with \\s ESMTP \\s id \\s [0-9A-F]{10,12} \\s");
    static const ByteRegex ids("\\b id \\s [0-9a-zA-Z]{7,20} \\b");
    static const ByteRegex eximIds("\\b id \\s [0-9A-Za-z]{7} - [0-9A-Za-z]{6} -0 [0-9A-Za-z]");
    // RFC 5322 §3.3, with the zone in whatever form it comes.
    static const ByteRegex dates(
        "(?: (?: Mon|Tue|Wed|Thu|Fri|Sat|Sun ) ,\\s )? [0-3\\s]? [0-9] \\s"
        " (?: Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec ) \\s (?: 19|20 )? [0-9]{2} \\s"
        " [0-2] [0-9] (?: :[0-5][0-9] ){1,2} \\s"
        " (?: \\s*\\( | \\) | \\s* [-+][0-9]{4} | \\s* (?: UT | [A-Z]{2,3}T ) )*");
    static const ByteRegex addresses("\\b (\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}) (\\.\\d{1,3}) \\b");
    static const ByteRegex commonWords("\\b (?: from | with | for | E?SMTP ) \\b");
    QByteArray chewed = ids.replaceAll(queueIds.replaceAll(value, " "), " ");
    chewed = dates.replaceAll(eximIds.replaceAll(chewed, " "), QByteArray());
    // The network tells more than the host; the host stays findable as well.
    chewed = addresses.replaceAll(chewed, [](const ByteRegex::Group &group) {
        return bytesOf(group, 1) + " ip*" + bytesOf(group, 1) + bytesOf(group, 2) + ' ';
    });
    return commonWords.replaceAll(chewed, " ");
}

QByteArray chewRelays(View value)
{
    QByteArray chewed;
    for (qsizetype at = 0; at < value.size();) {
        qsizetype end = at + 1;
        if (value[at] == ' ') {
            while (end < value.size() && value[end] >= 'a' && value[end] <= 'z') {
                ++end;
            }
            const bool isName = end > at + 1 && end < value.size() && value[end] == '=';
            end = isName ? end + 1 : at + 1;
        }
        chewed.append(value[at]);
        at = end;
    }
    return chewed;
}

QByteArray chewAddresses(const QByteArray &value, int labels)
{
    QByteArrayList words;
    for (const ListedAddress &entry : readAddressList(value)) {
        for (const QByteArray &word : entry.phrase.value_or(QByteArray()).simplified().split(' ')) {
            if (!word.isEmpty()) {
                words.append("N*" + word);
            }
        }
        for (QByteArray &part :
             LineTokens::ofAddress(entry.address.value_or(QByteArray()), labels)) {
            words.append(std::move(part));
        }
    }
    return words.join(' ');
}

}  // namespace portcullis::spam
