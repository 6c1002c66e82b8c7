// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/Paragraphs.h"

#include "appliance/spam/html/HtmlRendering.h"
#include "appliance/spam/text/Octets.h"

#include <array>

namespace portcullis::spam {

namespace {

/// The peer's measure of a line; rules see where lines and chunks end.
constexpr qsizetype longestLine = 2'048;
/// So far behind a bound a good place to cut is looked for.
constexpr qsizetype cutSearch = 1'024;

/// Length of the white space character at a place (Unicode White_Space), 0: none.
int wideSpaceAt(const char *at, const char *end)
{
    const auto octet = [at](int i) { return quint8(at[i]); };
    if (octet(0) < 0xc2 || octet(0) > 0xe3) {
        return 0;
    }
    if (octet(0) == 0xc2) {
        return end - at > 1 && (octet(1) == 0x85 || octet(1) == 0xa0) ? 2 : 0;
    }
    if (end - at < 3) {
        return 0;
    }
    const int code = (octet(0) & 0x0f) << 12 | (octet(1) & 0x3f) << 6 | (octet(2) & 0x3f);
    const bool isSpace = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028
                         || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
    return octet(0) >= 0xe1 && isSpace ? 3 : 0;
}

enum class Kind : quint8 { Plain, Space, Null, Wide };

constexpr std::array<Kind, 256> kinds = [] {
    std::array<Kind, 256> table{};
    for (size_t c = 0; c < 256; ++c) {
        table[c] = octets::isSpace(char(c)) ? Kind::Space : Kind::Plain;
    }
    table[0] = Kind::Null;
    for (const size_t lead : {0xc2, 0xe1, 0xe2, 0xe3}) {
        table[lead] = Kind::Wide;
    }
    return table;
}();

/// A run of white space.
struct Run {
    const char *end;
    int lineEnds = 0;
    bool hasBefore = false;  ///< Space before the first line end …
    bool hasAfter = false;   ///< … and behind the last.
};

Run runAt(const char *at, const char *end, bool isWide)
{
    Run run{at};
    while (run.end != end) {
        int length = octets::isSpace(*run.end) ? 1 : 0;
        if (length == 0 && isWide) {
            length = wideSpaceAt(run.end, end);
        }
        if (length == 0) {
            break;
        }
        if (*run.end == '\n') {
            ++run.lineEnds;
            run.hasAfter = false;
        } else if (run.lineEnds == 0) {
            run.hasBefore = true;
        } else {
            run.hasAfter = true;
        }
        run.end += length;
    }
    return run;
}

QByteArray normalised(const QByteArray &text, bool isWide)
{
    QByteArray result(text.size() + 1, Qt::Uninitialized);
    char *out = result.data();
    const char *at = text.constData();
    const char *const end = at + text.size();
    while (at != end) {
        const Kind kind = kinds[quint8(*at)];
        if (kind == Kind::Plain) {
            *out++ = *at++;
            continue;
        }
        if (kind == Kind::Null) {
            *out++ = '\n';
            ++at;
            continue;
        }
        if (kind == Kind::Wide && (!isWide || wideSpaceAt(at, end) == 0)) {
            *out++ = *at++;
            continue;
        }
        const Run run = runAt(at, end, isWide);
        if (run.lineEnds < 2) {
            *out++ = ' ';
        } else {
            // Never longer than the run: each of the three stands for an octet of it.
            if (run.hasBefore) {
                *out++ = ' ';
            }
            *out++ = '\n';
            if (run.hasAfter) {
                *out++ = ' ';
            }
        }
        at = run.end;
    }
    result.truncate(out - result.constData());
    return result;
}

void appendLines(QByteArrayView text, std::vector<QByteArray> &lines)
{
    for (qsizetype at = 0; at < text.size();) {
        QByteArrayView line = octets::lineAt(text, at);
        at += line.size();
        while (line.size() > longestLine) {
            const qsizetype space = line.first(longestLine + 1).lastIndexOf(' ');
            const qsizetype length = space < 0 ? longestLine : space + 1;
            lines.push_back(line.first(length).toByteArray());
            line = line.sliced(length);
        }
        if (!line.isEmpty()) {
            lines.push_back(line.toByteArray());
        }
    }
}

/// Position of an octet within `reach` characters of UTF-8 from `from`, or -1.
qsizetype findNear(QByteArrayView text, char wanted, qsizetype from, qsizetype reach)
{
    qsizetype passed = -1;
    for (qsizetype at = from; at < text.size(); ++at) {
        passed += (quint8(text[at]) & 0xc0) != 0x80 ? 1 : 0;
        if (passed > reach) {
            return -1;
        }
        if (text[at] == wanted) {
            return at;
        }
    }
    return -1;
}

/// The first mark that makes a chunk from `begin` neither too short nor too long, or -1.
qsizetype chunkEnd(QByteArrayView text, char mark, qsizetype begin)
{
    return octets::find(text.first(begin + 2 * longestLine), mark, begin + longestLine);
}

}  // namespace

QByteArrayView cutRendered(QByteArrayView text, qsizetype characters)
{
    if (characters <= 0 || text.size() <= characters) {
        return text;
    }
    qsizetype at = 0;
    for (qsizetype count = -1; at < text.size(); ++at) {
        count += (quint8(text[at]) & 0xc0) != 0x80 ? 1 : 0;
        if (count == characters) {
            break;
        }
    }
    if (at == text.size()) {
        return text;
    }
    for (const char mark : {'\n', ' '}) {
        const qsizetype found = findNear(text, mark, at, cutSearch);
        if (found >= 0) {
            return text.first(found + 1);
        }
    }
    return text.first(at);
}

QByteArrayView cutRaw(QByteArrayView text, qsizetype size)
{
    if (size <= 0 || text.size() <= size) {
        return text;
    }
    const QByteArrayView near = text.first(qMin(text.size(), size + cutSearch + 1));
    for (const char mark : {'\n', '>', ' '}) {
        const qsizetype found = octets::find(near, mark, size);
        if (found >= 0) {
            return text.first(found + 1);
        }
    }
    return text.first(size);
}

std::vector<QByteArray> paragraphs(QByteArrayView subject, const QByteArray &text, bool isWide)
{
    std::vector<QByteArray> lines;
    QByteArray whole = normalised(text, isWide);
    if (!isWide) {
        whole = latin1FromUtf8(whole);
    }
    if (!subject.isEmpty() && !subject.endsWith('\n')) {
        whole.prepend(subject);
    } else {
        appendLines(subject, lines);
    }
    appendLines(whole, lines);
    return lines;
}

void appendChunks(QByteArrayView text, std::vector<QByteArray> &chunks)
{
    if (text.size() <= longestLine) {
        chunks.push_back(text.toByteArray());
        return;
    }
    qsizetype begin = 0;
    while (text.size() - begin > 2 * longestLine) {
        qsizetype last = begin + longestLine;
        for (const char mark : {'\n', '>', ' '}) {
            const qsizetype found = chunkEnd(text, mark, begin);
            if (found >= 0) {
                last = found;
                break;
            }
        }
        chunks.push_back(text.sliced(begin, last - begin + 1).toByteArray());
        begin = last + 1;
    }
    if (begin < text.size()) {
        chunks.push_back(text.sliced(begin).toByteArray());
    }
}

}  // namespace portcullis::spam
