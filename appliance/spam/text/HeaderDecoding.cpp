// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/HeaderDecoding.h"

#include "appliance/spam/text/Characters.h"
#include "appliance/spam/text/Octets.h"
#include "appliance/spam/text/TransferDecoding.h"

namespace portcullis::spam {

namespace {

/// An encoded-word (RFC 2047 §2), with fewer rules: its text may hold anything but "?".
struct EncodedWord {
    QByteArrayView charset;
    QByteArrayView text;
    bool isBase64 = false;
    qsizetype size = 0;  ///< With its delimiters; 0: none begins here.
};

constexpr bool isCharsetCharacter(char c)
{
    return octets::isLetter(c) || octets::isDigit(c) || c == '*' || c == '_' || c == '-';
}

EncodedWord encodedWordAt(QByteArrayView value, qsizetype at)
{
    if (at + 2 > value.size() || value[at] != '=' || value[at + 1] != '?') {
        return {};
    }
    qsizetype end = at + 2;
    while (end < value.size() && isCharsetCharacter(value[end])) {
        ++end;
    }
    EncodedWord word;
    word.charset = value.sliced(at + 2, end - at - 2);
    if (word.charset.isEmpty() || end + 3 > value.size() || value[end] != '?'
        || value[end + 2] != '?') {
        return {};
    }
    const char encoding = octets::lower(value[end + 1]);
    if (encoding != 'b' && encoding != 'q') {
        return {};
    }
    word.isBase64 = encoding == 'b';
    const qsizetype begin = end + 3;
    const qsizetype mark = octets::find(value, '?', begin);
    if (mark < 0 || mark + 1 >= value.size() || value[mark + 1] != '=') {
        return {};
    }
    word.text = value.sliced(begin, mark - begin);
    word.size = mark + 2 - at;
    return word;
}

QByteArray octetsOf(const EncodedWord &word)
{
    if (word.isBase64) {
        return decodeBase64AsPeer(word.text);
    }
    if (octets::find(word.text, '_') < 0) {
        return decodeQuotedPrintableAsPeer(word.text);
    }
    return decodeQuotedPrintableAsPeer(word.text.toByteArray().replace('_', "=20"));
}

/// The charset of an encoded-word without its language (RFC 2231 §5).
QByteArray charsetOf(const QByteArray &label)
{
    const qsizetype star = label.indexOf('*');
    return star < 0 ? label : label.first(star);
}

/// Collects pieces of equal charset before they are converted, since senders cut characters in two.
class SectionJoiner
{
public:
    void add(QByteArrayView text, const QByteArray &charset)
    {
        if (charset != m_charset) {
            flush();
            m_charset = charset;
        }
        m_octets.append(text.data(), text.size());
    }

    QByteArray take()
    {
        flush();
        return m_result;
    }

private:
    void flush()
    {
        const QByteArray label = charsetOf(m_charset);
        m_result += label.isEmpty() ? m_octets
                                    : headerCharacters(m_octets, label, LabelTrust::Insist);
        m_octets.clear();
    }

    QByteArray m_result;
    QByteArray m_octets;
    QByteArray m_charset;
};

QByteArray resolveWords(QByteArrayView value)
{
    SectionJoiner joiner;
    for (qsizetype at = 0; at < value.size();) {
        const EncodedWord word = encodedWordAt(value, at);
        if (word.size == 0) {
            const qsizetype next = octets::find(value, '=', at + 1);
            const qsizetype end = next < 0 ? value.size() : next;
            joiner.add(value.sliced(at, end - at), {});
            at = end;
            continue;
        }
        joiner.add(octetsOf(word), word.charset.toByteArray().toLower());
        at += word.size;
        // RFC 2047 §6.2: space between two encoded-words is not shown.
        const qsizetype next = octets::skipSpace(value, at);
        if (next > at && encodedWordAt(value, next).size > 0) {
            at = next;
        }
    }
    return joiner.take();
}

/// Fields in which "=?" is no encoded-word.
bool isExactField(QByteArrayView name)
{
    if (octets::startsIgnoringCase(name, "list-")) {
        return true;
    }
    QByteArrayView rest = name;
    if (octets::startsIgnoringCase(rest, "resent-")) {
        rest = rest.sliced(7);
    } else {
        for (const char *field : {"received", "mime-version", "references", "in-reply-to"}) {
            if (octets::equalsIgnoringCase(rest, field)) {
                return true;
            }
        }
    }
    return octets::equalsIgnoringCase(rest, "message-id")
           || octets::equalsIgnoringCase(rest, "date");
}

/// Line ends go, with the CRs before them.
QByteArray withoutLineEnds(QByteArrayView value)
{
    QByteArray result;
    result.reserve(value.size());
    for (qsizetype at = 0; at < value.size();) {
        QByteArrayView line = octets::lineAt(value, at);
        at += line.size();
        if (line.endsWith('\n')) {
            line.chop(1);
            line.chop(line.endsWith('\r') ? 1 : 0);
        }
        result.append(line.data(), line.size());
    }
    return result;
}

/// A line end and the space after it become one space.
QByteArray unfolded(QByteArrayView value)
{
    QByteArray result;
    result.reserve(value.size());
    for (qsizetype at = 0; at < value.size();) {
        const qsizetype end = octets::find(value, '\n', at);
        if (end < 0 || end + 1 >= value.size() || !octets::isBlank(value[end + 1])) {
            const qsizetype stop = end < 0 ? value.size() : end + 1;
            result.append(value.data() + at, stop - at);
            at = stop;
            continue;
        }
        result.append(value.data() + at, end - at);
        result.append(' ');
        at = end + 1;
        while (at < value.size() && octets::isBlank(value[at])) {
            ++at;
        }
    }
    return result;
}

QByteArray decodeText(QByteArray text, bool mayHaveWords)
{
    if (octets::hasEightBit(text)) {
        text = headerCharacters(text, "UTF-8", LabelTrust::Guess);
    }
    return mayHaveWords && text.contains("=?") ? resolveWords(text) : text;
}

}  // namespace

QByteArray decodeFieldValue(QByteArrayView raw, QByteArrayView name)
{
    const QByteArrayView value = octets::trimmed(raw);
    if (value.isEmpty()) {
        return {};
    }
    QByteArray text = octets::find(value, '\n') < 0 ? value.toByteArray()
                                                    : withoutLineEnds(unfolded(value));
    return decodeText(std::move(text), !isExactField(name));
}

QByteArray decodePhrase(QByteArrayView phrase)
{
    QByteArray text;
    text.reserve(phrase.size());
    for (qsizetype i = 0; i < phrase.size(); ++i) {
        const bool isFold = i > 0 && phrase[i - 1] == '\n' && octets::isBlank(phrase[i]);
        text.append(isFold ? ' ' : phrase[i]);
    }
    return decodeText(withoutLineEnds(text), true);
}

}  // namespace portcullis::spam
