// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/engine/MimeHeaders.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr int lastPart = 1'000;      // Without `range`, as in the peer …
constexpr int multipleHits = 1'000;  // … and without `maxhits`.

struct PartRange {
    int first = 0;
    int last = lastPart;
};

PartRange rangeOf(const Test &test)
{
    for (const QByteArray &flag : test.flags) {
        if (!flag.startsWith("range=")) {
            continue;
        }
        const QByteArray text = flag.mid(6);
        const qsizetype minus = text.indexOf('-');
        if (minus < 0) {
            return {text.toInt(), text.toInt()};
        }
        const QByteArray last = text.mid(minus + 1);
        return {text.left(minus).toInt(), last.isEmpty() ? lastPart : last.toInt()};
    }
    return {};
}

QByteArray unfolded(const QByteArray &raw)
{
    QByteArray text = raw;
    return text.endsWith('\n') ? text : text + '\n';
}

QByteArray textOf(const HeaderLine &line, bool isRaw)
{
    return isRaw ? unfolded(line.raw) : line.decoded + '\n';
}

/// The last field of the name, which counts; nothing if there is none.
std::optional<QByteArray> valueIn(const TextPart &part, const MimeHeaderTest &test)
{
    const bool isRaw = test.header.isRaw;
    if (test.header.name == "ALL") {
        QByteArray all;
        for (const HeaderLine &line : part.headers) {
            all += line.name + (isRaw ? ":" : ": ") + textOf(line, isRaw);
        }
        return all;
    }
    const auto last = std::find_if(
        part.headers.rbegin(), part.headers.rend(), [&test](const HeaderLine &line) {
            return line.name.compare(test.header.name, Qt::CaseInsensitive) == 0;
        });
    if (last == part.headers.rend()) {
        return std::nullopt;
    }
    return textOf(*last, isRaw);
}

bool check(const Test &test,
           const Pattern &pattern,
           const QByteArray &value,
           MimeHeaderResult &into)
{
    if (!pattern.matches(value)) {
        return false;
    }
    const bool isMultiple = test.hasFlag("multiple");
    const int most = test.maxHits > 0 ? test.maxHits : isMultiple ? multipleHits : 1;
    into.hits = isMultiple ? pattern.count(value, most) : 1;
    into.matched.push_back(value);
    return true;
}

}  // namespace

MimeHeaderResult matchMimeHeaders(const Test &test, const Pattern &pattern, MessageText &text)
{
    const auto &body = std::get<MimeHeaderTest>(test.body);
    const PartRange range = rangeOf(test);
    const bool joins = test.hasFlag("concat");
    MimeHeaderResult result;
    QByteArray joined;
    int number = 0;
    for (const TextPart &part : text.parts()) {
        ++number;
        if (number > range.last) {
            break;
        }
        if (number < range.first) {
            continue;
        }
        std::optional<QByteArray> value = valueIn(part, body);
        if (!value) {
            value = body.ifUnset.value_or(QByteArray());
        }
        if (joins) {
            joined += value->endsWith('\n') ? *value : *value + '\n';
        } else if (check(test, pattern, *value, result)) {
            return result;
        }
    }
    if (joins) {
        check(test, pattern, joined, result);
    }
    return result;
}

}  // namespace portcullis::spam
