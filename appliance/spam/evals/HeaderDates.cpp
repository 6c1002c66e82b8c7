// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderDates.h"

#include "appliance/spam/relays/HopLine.h"
#include "appliance/spam/relays/IpScanner.h"

#include <QtCore/QList>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>

namespace portcullis::spam {

namespace {

constexpr qsizetype dateBytes = 1'000;  // A date needs less than 100; the rest is not looked at.

bool areDigits(QByteArrayView text)
{
    return !text.isEmpty()
           && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// 1 … 12; 0: not the name of a month.
int monthNumber(QByteArrayView word)
{
    constexpr QByteArrayView names("janfebmaraprmayjunjulaugsepoctnovdec");
    const qsizetype at = word.size() == 3 ? names.indexOf(word.toByteArray().toLower()) : -1;
    return at >= 0 && at % 3 == 0 ? static_cast<int>(at / 3) + 1 : 0;
}

// Numbers of absurd length are as good as any that is too large.
int boundedNumber(QByteArrayView digits)
{
    constexpr qsizetype most = 6;
    return digits.size() > most ? 999'999 : digits.toInt();
}

struct ClockWord {
    QByteArrayView hour;
    QByteArrayView minute;
    QByteArrayView second;
};

// "9:05" and "09:05:59".
std::optional<ClockWord> clockOf(QByteArrayView word)
{
    const qsizetype colon = word.indexOf(':');
    if (colon < 1 || colon > 2 || !areDigits(word.first(colon))) {
        return {};
    }
    const QByteArrayView rest = word.sliced(colon + 1);
    if (rest.size() == 2 && areDigits(rest)) {
        return ClockWord{word.first(colon), rest, {}};
    }
    if (rest.size() == 5 && areDigits(rest.first(2)) && rest[2] == ':' && areDigits(rest.last(2))) {
        return ClockWord{word.first(colon), rest.first(2), rest.last(2)};
    }
    return {};
}

// Digits, colon, digits, colon, digits, of any length.
bool isTripleNumber(QByteArrayView word)
{
    HopLine at(word);
    return at.digits() && at.literal(":") && at.digits() && at.literal(":") && at.digits()
           && at.atEnd();
}

struct DayWords {
    int year = 0;
    int month = 0;
    int day = 0;
};

int fullYear(QByteArrayView digits)
{
    const int year = boundedNumber(digits);
    if (digits.size() == 2 && year < 50) {
        return year + 2000;  // RFC 5322 §4.3
    }
    return digits.size() == 4 ? year : year + 1900;
}

// Takes the words of the day out: first as RFC 5322 has them, then as ctime, then with short years.
std::optional<DayWords> takeDay(QList<QByteArray> &words)
{
    const auto takeInOrder = [&words](auto isYear) -> std::optional<DayWords> {
        for (qsizetype i = 0; i + 2 < words.size(); ++i) {
            const int month = monthNumber(words[i + 1]);
            if (month > 0 && areDigits(words[i]) && isYear(words[i + 2])) {
                const DayWords day{fullYear(words[i + 2]), month, boundedNumber(words[i])};
                words.remove(i, 3);
                return day;
            }
        }
        return {};
    };
    const auto hasFour = [](QByteArrayView year) { return year.size() == 4 && areDigits(year); };
    if (const auto day = takeInOrder(hasFour)) {
        return day;
    }
    for (qsizetype i = 0; i + 3 < words.size(); ++i) {
        const int month = monthNumber(words[i]);
        if (month > 0 && areDigits(words[i + 1]) && isTripleNumber(words[i + 2])
            && hasFour(words[i + 3])) {
            // The time between them is lost, as it is with SpamAssassin.
            const DayWords day{fullYear(words[i + 3]), month, boundedNumber(words[i + 1])};
            words.remove(i, 4);
            return day;
        }
    }
    return takeInOrder([](QByteArrayView year) {
        return (year.size() == 2 || year.size() == 3) && areDigits(year);
    });
}

struct Zone {
    QByteArrayView name;
    int minutes = 0;
};

constexpr std::array zones{
    Zone{"UT", 0},      Zone{"UTC", 0},     Zone{"NDT", -150},  Zone{"AST", -240},
    Zone{"ADT", -180},  Zone{"NST", -210},  Zone{"EST", -300},  Zone{"EDT", -240},
    Zone{"CST", -360},  Zone{"CDT", -300},  Zone{"MST", -420},  Zone{"MDT", -360},
    Zone{"PST", -480},  Zone{"PDT", -420},  Zone{"HST", -600},  Zone{"AKST", -540},
    Zone{"AKDT", -480}, Zone{"HADT", -540}, Zone{"HAST", -600}, Zone{"GMT", 0},
    Zone{"BST", 60},    Zone{"IST", 60},    Zone{"WET", 0},     Zone{"WEST", 60},
    Zone{"CET", 60},    Zone{"CEST", 120},  Zone{"EET", 120},   Zone{"EEST", 180},
    Zone{"MSK", 180},   Zone{"MSD", 240},   Zone{"MET", 60},    Zone{"MEZ", 60},
    Zone{"MEST", 120},  Zone{"MESZ", 120},  Zone{"BRST", -120}, Zone{"BRT", -180},
    Zone{"AEST", 600},  Zone{"AEDT", 660},  Zone{"ACST", 570},  Zone{"ACDT", 630},
    Zone{"AWST", 480},  Zone{"NZST", 720},  Zone{"NZDT", 780},  Zone{"JST", 540},
    Zone{"KST", 540},   Zone{"HKT", 480},   Zone{"SGT", 480},   Zone{"PHT", 480},
    Zone{"IDT", 180}};

// The first word of two to four capitals decides, known or not.
int namedZoneMinutes(QByteArrayView text)
{
    qsizetype at = 0;
    while (at < text.size()) {
        qsizetype end = at;
        while (end < text.size() && isWordByte(text[end])) {
            ++end;
        }
        const QByteArrayView word = text.sliced(at, end - at);
        const bool isZone = word.size() >= 2 && word.size() <= 4
                            && std::all_of(word.begin(), word.end(),
                                           [](char c) { return c >= 'A' && c <= 'Z'; });
        if (isZone) {
            const auto found = std::find_if(zones.begin(), zones.end(),
                                            [word](const Zone &zone) { return zone.name == word; });
            const bool isSummer = text.sliced(end).startsWith("-DST");
            return found == zones.end() || isSummer ? 0 : found->minutes;
        }
        at = end + 1;
    }
    return 0;
}

int zoneMinutes(const QList<QByteArray> &words)
{
    for (const QByteArray &word : words) {
        if (word.size() == 5 && (word[0] == '+' || word[0] == '-')
            && areDigits(QByteArrayView(word).sliced(1))) {
            const int minutes = word.mid(1, 2).toInt() * 60 + word.mid(3, 2).toInt();
            return word[0] == '-' ? -minutes : minutes;
        }
    }
    return namedZoneMinutes(words.join(' '));
}

// A day that the month does not have is the first of the next one.
std::optional<std::chrono::sys_days> calendarDay(DayWords said)
{
    constexpr int earliest = 1970;
    constexpr int latest = 2037;
    const auto month = std::chrono::month(static_cast<unsigned>(said.month));
    const std::chrono::year_month_day_last last(std::chrono::year(said.year % 400 + 2000),
                                                std::chrono::month_day_last(month));
    if (said.day > static_cast<int>(unsigned(last.day()))) {
        said.day = 1;
        said.year += said.month == 12 ? 1 : 0;
        said.month = said.month % 12 + 1;
    }
    const std::chrono::year_month_day date(
        std::chrono::year(std::clamp(said.year, earliest, latest)),
        std::chrono::month(static_cast<unsigned>(said.month)),
        std::chrono::day(static_cast<unsigned>(said.day)));
    return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

// ---- Received ---------------------------------------------------------------------------------------

// "13 Mar 2003 15:23:15 -0500" from here; its length, or 0.
qsizetype datePieceLength(QByteArrayView text)
{
    HopLine at(text);
    QByteArrayView word;
    const bool fits = at.digits() && at.literal(" ") && at.word(word) && word.size() == 3
                      && at.literal(" ") && at.digits() && at.literal(" ") && at.digits()
                      && at.literal(":") && at.digits() && at.literal(":") && at.digits()
                      && at.literal(" ") && at.word(word);
    return fits ? text.size() - at.rest().size() : 0;
}

bool mentionsLocalhost(QByteArrayView line)
{
    HopLine from(line);
    while (from.through("from ")) {
        const qsizetype begin = line.size() - from.rest().size() - 5;
        if (begin > 0 && isWordByte(line[begin - 1])) {
            continue;
        }
        HopLine at = from;
        if (at.literal("localhost ")) {
            return true;
        }
        at = from;
        // One or two words, then one with the address in it.
        for (int words = 0; words < 2 && at.word() && at.literal(" "); ++words) {
            QByteArrayView word;
            HopLine address = at;
            if (address.word(word) && HopLine(word).hasWords("127.0.0.1")) {
                return true;
            }
        }
    }
    return false;
}

bool isQmailByUser(QByteArrayView line)
{
    HopLine at(line);
    while (at.through("qmail ")) {
        HopLine user = at;
        if (user.digits() && user.literal(" invoked by uid ") && user.digits()) {
            return true;
        }
    }
    return false;
}

bool isFetchmail(QByteArrayView line)
{
    HopLine at(line);
    while (at.through("by localhost with ")) {
        HopLine fetchmail = at;
        if (fetchmail.word() && fetchmail.literal(" (fetchmail-")) {
            return true;
        }
    }
    return false;
}

std::vector<qint64> timesOf(const std::vector<QByteArray> &lines)
{
    std::vector<qint64> times;
    for (const QByteArray &line : lines) {
        const QByteArrayView date = dateInReceived(line);
        if (const auto time = date.isEmpty() ? std::nullopt : readMailDate(date)) {
            times.push_back(*time);
        }
    }
    return times;
}

// The fields that a fetcher on this host wrote are moved from the one list to the other.
std::vector<QByteArray> takeLocal(std::vector<QByteArray> &received)
{
    std::vector<QByteArray> local;
    size_t taken = mentionsLocalhost(received.front()) || isQmailByUser(received.front()) ? 1 : 0;
    const bool isFetched = taken < received.size() && isFetchmail(received[taken]);
    taken = isFetched ? taken + 1 : 0;
    const auto end = received.begin() + static_cast<qsizetype>(taken);
    local.assign(received.begin(), end);
    received.erase(received.begin(), end);
    return local;
}

qint64 nearestDifference(qint64 date, const std::vector<qint64> &received)
{
    std::vector<qint64> differences;
    for (const qint64 time : received) {
        differences.push_back(date - time);
    }
    // The oldest field is often written by what wrote the date.
    if (differences.size() > 1 && differences.back() == 0) {
        differences.pop_back();
    }
    return *std::min_element(differences.begin(), differences.end(), [](qint64 left, qint64 right) {
        return std::abs(left) < std::abs(right);
    });
}

qint64 probableTime(const HeaderDates &dates)
{
    std::vector<qint64> times;
    if (dates.header) {
        times.push_back(*dates.header);
    }
    if (!dates.received.empty()) {
        times.push_back(dates.received.front());
    }
    if (dates.fetched) {
        times.push_back(*dates.fetched);
    }
    if (dates.header && !dates.received.empty()) {
        times.push_back(*dates.header - dates.difference);
    }
    if (times.empty()) {
        return 0;
    }
    std::sort(times.begin(), times.end(), std::greater<>());
    return times[(times.size() - 1) / 2];
}

}  // namespace

std::optional<qint64> readMailDate(QByteArrayView text)
{
    QByteArray plain = text.first(std::min(text.size(), dateBytes)).toByteArray();
    plain.replace(",", " ");
    QList<QByteArray> words = plain.simplified().split(' ');
    const auto said = takeDay(words);
    const auto day = said ? calendarDay(*said) : std::nullopt;
    if (!day) {
        return {};
    }
    qint64 seconds = 0;
    for (qsizetype i = 0; i < words.size(); ++i) {
        if (const auto clock = clockOf(words[i])) {
            const int hour = std::min(clock->hour.toInt(), 23);
            const int minute = std::min(clock->minute.toInt(), 59);
            const int second = std::min(clock->second.isEmpty() ? 0 : clock->second.toInt(), 59);
            seconds = (hour * 60 + minute) * 60 + second;
            words.remove(i);
            break;
        }
    }
    const qint64 local = day->time_since_epoch().count() * qint64(86'400) + seconds;
    return std::max<qint64>(local - zoneMinutes(words) * qint64(60), 0);
}

QByteArrayView dateInReceived(QByteArrayView line)
{
    for (qsizetype at = 0; at + 1 < line.size(); ++at) {
        const char c = line[at];
        if (c != ' ' && !(c >= '\t' && c <= '\r')) {
            continue;
        }
        for (const qsizetype skipped : {2, 1}) {
            if (at + skipped >= line.size()) {
                continue;
            }
            if (const qsizetype length = datePieceLength(line.sliced(at + skipped)); length > 0) {
                return line.sliced(at, skipped + length);
            }
        }
    }
    return {};
}

HeaderDates readHeaderDates(const std::vector<QByteArray> &dates,
                            const std::vector<QByteArray> &received,
                            qint64 now)
{
    HeaderDates result;
    for (const QByteArray &date : dates) {
        result.header = date.isEmpty() ? std::nullopt : readMailDate(date);
        if (result.header) {
            break;
        }
    }
    std::vector<QByteArray> lines;
    std::copy_if(received.begin(), received.end(), std::back_inserter(lines),
                 [](const auto &line) { return !line.trimmed().isEmpty(); });
    if (!lines.empty()) {
        for (const qint64 time : timesOf(takeLocal(lines))) {
            if (time <= now) {
                result.fetched = std::max(result.fetched.value_or(time), time);
            }
        }
        result.received = timesOf(lines);
    }
    if (result.header && !result.received.empty()) {
        result.difference = nearestDifference(*result.header, result.received);
    }
    result.probable = probableTime(result);
    return result;
}

}  // namespace portcullis::spam
