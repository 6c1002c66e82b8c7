// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Charset.h"
#include "appliance/mail/Decoding.h"

#include <algorithm>
#include <optional>

namespace portcullis::mail {

namespace {

struct EncodedWord {
    QByteArray charset;
    QByteArray octets;
    qsizetype end = 0;  // behind the word
};

QByteArray decodeQ(QByteArrayView text)
{
    QByteArray quoted = text.toByteArray();
    quoted.replace('_', "=20");
    QByteArray decoded = decodeQuotedPrintable(quoted + '.').bytes;
    decoded.chop(1);  // the dot kept blanks at the end of the word
    return decoded;
}

// The encoded-word (RFC 2047 §2) that starts at `at`; blanks inside are taken as they come, since
// many senders put them there and readers show them. `lastEnd` is where the last `?=` stands: looking
// for one behind it, again for each start, would take the square of the length.
std::optional<EncodedWord> wordAt(QByteArrayView value, qsizetype at, qsizetype lastEnd)
{
    const qsizetype charsetEnd = value.indexOf('?', at + 2);
    if (charsetEnd < 0 || charsetEnd == at + 2 || charsetEnd - at > 60
        || charsetEnd + 2 >= value.size() || value[charsetEnd + 2] != '?') {
        return std::nullopt;
    }
    const char encoding = static_cast<char>(value[charsetEnd + 1] | 0x20);
    const qsizetype textBegin = charsetEnd + 3;
    if (textBegin > lastEnd || (encoding != 'b' && encoding != 'q')) {
        return std::nullopt;
    }
    const qsizetype textEnd = value.indexOf("?=", textBegin);
    EncodedWord word;
    word.charset = value.sliced(at + 2, charsetEnd - at - 2).toByteArray();
    // RFC 2231 §5: a language may follow the charset.
    if (const qsizetype star = word.charset.indexOf('*'); star >= 0) {
        word.charset.truncate(star);
    }
    const QByteArrayView text = value.sliced(textBegin, textEnd - textBegin);
    word.octets = encoding == 'b' ? decodeBase64(text, Base64Mode::Restart).bytes : decodeQ(text);
    word.end = textEnd + 2;
    return word;
}

bool isAllBlank(QByteArrayView text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; });
}

QString joined(const QByteArray &value)
{
    QString result;
    EncodedWord pending;  // neighbours of one charset: a character may be cut between them
    bool hasPending = false;
    qsizetype plainBegin = 0;
    const auto flush = [&] {
        if (hasPending) {
            result += decodeCharset(pending.octets, pending.charset);
            hasPending = false;
        }
    };
    const QByteArrayView view(value);
    const qsizetype lastEnd = value.lastIndexOf("?=");
    qsizetype at = value.indexOf("=?");
    while (at >= 0) {
        const auto word = wordAt(view, at, lastEnd);
        if (!word) {
            at = value.indexOf("=?", at + 2);
            continue;
        }
        const QByteArrayView between = view.sliced(plainBegin, at - plainBegin);
        // RFC 2047 §6.2: blanks between two encoded-words do not count.
        if (!hasPending || !isAllBlank(between)) {
            flush();
            result += decodeCharset(between, {});
        } else if (pending.charset.compare(word->charset, Qt::CaseInsensitive) != 0) {
            flush();
        }
        if (hasPending) {
            pending.octets += word->octets;
        } else {
            pending = *word;
            hasPending = true;
        }
        plainBegin = word->end;
        at = value.indexOf("=?", plainBegin);
    }
    flush();
    return result + decodeCharset(view.sliced(plainBegin), {});
}

}  // namespace

// Not GMime's decoder: it reads neighbouring base64 words as one stream and so ends at the first
// padding, which would hide the rest of a subject from rules.
QString decodeWords(const QByteArray &value)
{
    QString text = value.contains("=?") ? joined(value) : decodeCharset(value, {});
    for (QChar &c : text) {
        if ((c.unicode() < 0x20 && c != u'\t') || c.unicode() == 0x7F) {
            c = u' ';
        }
    }
    return text;
}

}  // namespace portcullis::mail
