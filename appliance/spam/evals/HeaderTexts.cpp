// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderTexts.h"

#include "appliance/spam/evals/HeaderDates.h"
#include "appliance/spam/evals/MimeLocales.h"
#include "appliance/spam/relays/HopLine.h"
#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/text/MessageText.h"
#include "appliance/spam/text/Octets.h"

#include <QtCore/QList>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace portcullis::spam {

namespace {

bool isBetweenOctets(char c, int least, int most)
{
    const int octet = static_cast<unsigned char>(c);
    return octet >= least && octet <= most;
}

// Length of the UTF-8 sequence at the beginning (RFC 3629 §4); 0: none.
qsizetype utf8Length(QByteArrayView text)
{
    struct Row {
        int first, last, secondFirst, secondLast, length;
    };
    static constexpr std::array rows{Row{0x00, 0x7F, 0, 0, 1},       Row{0xC2, 0xDF, 0x80, 0xBF, 2},
                                     Row{0xE0, 0xE0, 0xA0, 0xBF, 3}, Row{0xE1, 0xEC, 0x80, 0xBF, 3},
                                     Row{0xED, 0xED, 0x80, 0x9F, 3}, Row{0xEE, 0xEF, 0x80, 0xBF, 3},
                                     Row{0xF0, 0xF0, 0x90, 0xBF, 4}, Row{0xF1, 0xF3, 0x80, 0xBF, 4},
                                     Row{0xF4, 0xF4, 0x80, 0x8F, 4}};
    const auto row = std::find_if(rows.begin(), rows.end(), [text](const Row &candidate) {
        return isBetweenOctets(text.front(), candidate.first, candidate.last);
    });
    if (row == rows.end() || text.size() < row->length
        || (row->length > 1 && !isBetweenOctets(text[1], row->secondFirst, row->secondLast))) {
        return 0;
    }
    for (qsizetype i = 2; i < row->length; ++i) {
        if (!isBetweenOctets(text[i], 0x80, 0xBF)) {
            return 0;
        }
    }
    return row->length;
}

bool isUtf8Text(QByteArrayView text)
{
    while (!text.isEmpty()) {
        const qsizetype length = utf8Length(text);
        if (length == 0) {
            return false;
        }
        text = text.sliced(length);
    }
    return true;
}

bool isControlOctet(char c)
{
    return isBetweenOctets(c, 0x00, 0x1F) && c != '\t' && c != '\n' && c != '\r';
}

// Markers of answers and forwards in some languages.
QByteArrayView withoutAnswerMarks(QByteArrayView subject)
{
    static constexpr std::array marks{"re", "fwd", "fw", "aw", "antwort",
                                      "wg", "sv",  "vb", "vs", "vl"};
    for (bool isFound = true; isFound;) {
        isFound = false;
        for (const char *mark : marks) {
            HopLine at(subject);
            if (at.literalAnyCase(mark) && at.literal(":")) {
                subject = at.rest();
                while (!subject.isEmpty() && octets::isSpace(subject.front())) {
                    subject = subject.sliced(1);
                }
                isFound = true;
                break;
            }
        }
    }
    return subject;
}

// ---- Message-ID -------------------------------------------------------------------------------------

// The eight hexadecimal digits in Outlook's "<000a01c2e9d1$5f1a4c40$0100007f@" that count time; -1: none.
qint64 outlookTime(QByteArrayView id)
{
    constexpr qsizetype length = 32;
    constexpr QByteArrayView shape("<hhhhhhhhhhhh$hhhhhhhh$hhhhhhhh@");
    static_assert(shape.size() == length);
    if (id.size() < length) {
        return -1;
    }
    for (qsizetype i = 0; i < length; ++i) {
        const bool isHex = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f');
        if (shape[i] == 'h' ? !isHex : shape[i] != id[i]) {
            return -1;
        }
    }
    return id.sliced(5, 8).toByteArray().toLongLong(nullptr, 16);
}

// FILETIME's upper 32 bits without the topmost: one step is about seven minutes.
bool isOutlookTimeOf(qint64 token, qint64 seconds)
{
    constexpr double stepsPerSecond = 0.0023283064365387;
    constexpr double stepsBefore1970 = 27'111'902.8329849;
    constexpr qint64 tolerance = 250;
    const auto expected = static_cast<qint64>(static_cast<double>(seconds) * stepsPerSecond
                                              + stepsBefore1970);
    return std::abs(token - expected) < tolerance;
}

bool isFieldOfFreeText(QByteArrayView line)
{
    static constexpr std::array names{"X-VMS-To:",
                                      "X-UIDL:",
                                      "X-Face:",
                                      "To:",
                                      "Cc:",
                                      "From:",
                                      "Subject:",
                                      "References:",
                                      "In-Reply-To:",
                                      "Message-Id:",
                                      "X-Message-Id:",
                                      "Resent-Message-Id:",
                                      "X-Original-Message-Id:"};
    return std::any_of(names.begin(), names.end(),
                       [line](const char *name) { return HopLine(line).literalAnyCase(name); });
}

bool hasTemplateMark(QByteArrayView line)
{
    const auto isCapital = [](char c) { return c >= 'A' && c <= 'Z'; };
    for (qsizetype at = line.indexOf('%'); at >= 0; at = line.indexOf('%', at + 1)) {
        if (at + 2 < line.size() && isCapital(line[at + 1])
            && (isCapital(line[at + 2]) || line[at + 2] == '_' || line[at + 2] == '-')) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool hasIllegalOctets(MessageText &text,
                      const QByteArray &query,
                      double leastShare,
                      double leastCount)
{
    const QByteArray raw = query.endsWith(":raw") ? query : query + ":raw";
    const QByteArray value = text.headerText(raw.constData());
    if (std::all_of(value.begin(), value.end(), octets::isSpace)) {
        return false;
    }
    const auto isHigh = [](char c) { return isBetweenOctets(c, 0x80, 0xFF); };
    const bool isInternational = std::any_of(value.begin(), value.end(), isHigh)
                                 && isUtf8Text(value);
    if (isInternational && std::none_of(value.begin(), value.end(), isControlOctet)) {
        return false;  // RFC 6532
    }
    auto illegal = std::count_if(value.begin(), value.end(), [](char c) {
        return isControlOctet(c) || isBetweenOctets(c, 0x7F, 0xFF);
    });
    if (illegal > 0 && octets::equalsIgnoringCase(raw, "subject:raw")) {
        // One sign for cent, pound or "registered" is forgiven.
        const auto signs = std::count_if(value.begin(), value.end(), [](char c) {
            return c == '\xA2' || c == '\xA3' || c == '\xAE';
        });
        illegal -= signs == 1 ? 1 : 0;
    }
    const auto count = static_cast<double>(illegal);
    return count / static_cast<double>(value.size()) >= leastShare && count >= leastCount;
}

std::vector<QByteArray> charsetsOfEncodedWords(QByteArrayView raw)
{
    std::vector<QByteArray> charsets;
    HopLine at(raw);
    while (at.through("=?")) {
        const QByteArrayView rest = at.rest();
        const qsizetype end = rest.size() > 1 ? rest.indexOf('?', 1) : -1;
        if (end < 0 || end + 2 >= rest.size() || rest[end + 2] != '?') {
            continue;
        }
        HopLine text(rest, end + 3);
        if (text.through("?=")) {
            charsets.push_back(rest.first(end).toByteArray());
            at = text;
        }
    }
    return charsets;
}

bool isSubjectInCapitals(MessageText &text)
{
    constexpr qsizetype shortest = 10;
    const QByteArray whole = text.headerText("Subject").trimmed();
    const QByteArrayView subject = withoutAnswerMarks(whole);
    if (subject.size() < shortest
        || std::none_of(subject.begin(), subject.end(), octets::isSpace)) {
        return false;
    }
    const auto isSmall = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto isCapital = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (std::any_of(subject.begin(), subject.end(), isSmall)
        || std::none_of(subject.begin(), subject.end(), isCapital)) {
        return false;
    }
    const QByteArray raw = text.headerText("Subject:raw");
    HopLine words(raw);
    while (words.through("=?")) {
        const QByteArrayView rest = words.rest();
        const qsizetype end = rest.indexOf('?');
        if (end > 0 && looksLikeCapitals(rest.first(end))) {
            return false;
        }
    }
    return true;
}

bool hasUnresolvedTemplate(MessageText &text)
{
    const QByteArray all = text.headerText("ALL");
    QByteArrayView rest = all;
    while (!rest.isEmpty()) {
        const qsizetype end = rest.indexOf('\n');
        const QByteArrayView line = end < 0 ? rest : rest.first(end);
        if (hasTemplateMark(line) && !isFieldOfFreeText(line)) {
            return true;
        }
        rest = rest.sliced(end < 0 ? rest.size() : end + 1);
    }
    return false;
}

int countDifferentValues(MessageText &text, const QByteArray &field)
{
    const std::vector<QByteArray> values = text.headerValues(field.constData());
    return static_cast<int>(std::set<QByteArray>(values.begin(), values.end()).size());
}

bool hasWrongOutlookId(MessageText &text)
{
    const qint64 token = outlookTime(text.headerText("MESSAGEID"));
    if (token < 0 || isOutlookTimeOf(token, readMailDate(text.headerText("Date")).value_or(0))) {
        return false;
    }
    // The sender's clock may be wrong where the oldest Received is right.
    const std::vector<QByteArray> received = text.headerValues("Received");
    const QByteArrayView date = received.empty() ? QByteArrayView()
                                                 : dateInReceived(received.back());
    return !isOutlookTimeOf(token, readMailDate(date).value_or(0));
}

bool hasRatwareNameId(MessageText &text)
{
    constexpr qsizetype randomLetters = 28;
    const QByteArray id = text.headerText("MESSAGEID");
    HopLine at(id);
    while (at.through("<")) {
        const QByteArrayView rest = at.rest();
        const auto letters = std::find_if_not(rest.begin(), rest.end(),
                                              [](char c) { return c >= 'A' && c <= 'Z'; });
        const qsizetype end = rest.indexOf('>');
        if (letters - rest.begin() != randomLetters || end < randomLetters + 2 || *letters != '.') {
            continue;
        }
        const QByteArray address = rest.first(end).sliced(randomLetters + 1).toByteArray();
        const QByteArray from = text.headerText("From");
        const qsizetype mark = from.indexOf('<' + address + '>');
        const QByteArray name = mark < 0 ? QByteArray() : from.first(mark).trimmed();
        return name.size() > 2 && name.endsWith('"') && name.lastIndexOf('"', name.size() - 2) >= 0
               && name.lastIndexOf('"', name.size() - 2) < name.size() - 2;
    }
    return false;
}

}  // namespace portcullis::spam
