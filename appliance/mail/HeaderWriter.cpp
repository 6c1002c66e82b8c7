// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Charset.h"
#include "appliance/mail/MessageBuilder.h"

#include <QtCore/QDateTime>
#include <QtCore/QLocale>

#include <algorithm>

namespace portcullis::mail {

namespace {

constexpr qsizetype c_foldAt = 76;        // RFC 5322 §2.1.1 recommends 78 without CRLF
constexpr qsizetype c_longestWord = 300;  // A longer one is encoded, since it cannot be folded.

// RFC 2047 §4.2: what needs no escape in a Q encoded-word anywhere in a header.
bool isPlainInQ(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || QByteArrayView("!*+-/").contains(c);
}

QByteArray encodedWord(QByteArrayView utf8)
{
    QByteArray q;
    for (const char c : utf8) {
        if (c == ' ') {
            q.append('_');
        } else if (isPlainInQ(c)) {
            q.append(c);
        } else {
            q.append('=' + QByteArray(1, c).toHex().toUpper());
        }
    }
    const QByteArray b = utf8.toByteArray().toBase64();
    return q.size() <= b.size() ? "=?UTF-8?Q?" + q + "?=" : "=?UTF-8?B?" + b + "?=";
}

// Encoded-words of at most 75 octets, never cutting a character (RFC 2047 §2 and §5).
void appendEncoded(const QString &text, std::vector<QByteArray> &words)
{
    constexpr qsizetype c_octets = 45;
    const QByteArray utf8 = text.toUtf8();
    qsizetype begin = 0;
    while (begin < utf8.size()) {
        qsizetype end = std::min(begin + c_octets, utf8.size());
        while (end < utf8.size() && end > begin + 1
               && (static_cast<quint8>(utf8[end]) & 0xC0U) == 0x80U) {
            --end;
        }
        words.push_back(encodedWord(QByteArrayView(utf8).sliced(begin, end - begin)));
        begin = end;
    }
}

bool needsEncoding(const QString &word)
{
    return word.size() > c_longestWord || word.contains(QLatin1StringView("=?"))
           || std::any_of(word.begin(), word.end(), [](QChar c) { return c.unicode() > 0x7E; });
}

// The words of a line; neighbours that need it are encoded together with the blanks between them,
// since blanks between encoded-words do not count (RFC 2047 §6.2).
std::vector<QByteArray> wordsOf(const QString &line)
{
    std::vector<QByteArray> words;
    const QStringList plain = line.split(u' ');
    for (qsizetype i = 0; i < plain.size(); ++i) {
        if (!needsEncoding(plain[i])) {
            words.push_back(plain[i].toLatin1());
            continue;
        }
        qsizetype last = i;
        while (last + 1 < plain.size() && needsEncoding(plain[last + 1])) {
            ++last;
        }
        appendEncoded(plain.mid(i, last - i + 1).join(u' '), words);
        i = last;
    }
    return words;
}

void appendFolded(const std::vector<QByteArray> &words, QByteArray &field, qsizetype &column)
{
    for (const QByteArray &word : words) {
        if (word.isEmpty()) {
            // One more blank between two words; a flood of them is cut, a line may have 998 octets.
            if (column < c_foldAt) {
                field.append(' ');
                ++column;
            }
            continue;
        }
        const bool isFold = column + 1 + word.size() > c_foldAt && !field.endsWith(":");
        field.append(isFold ? "\r\n " : " ");
        column = isFold ? 1 : column + 1;
        field.append(word);
        column += word.size();
    }
}

QString withoutControls(QString text)
{
    for (QChar &c : text) {
        if (c.category() == QChar::Other_Control) {
            c = u' ';
        }
    }
    return text;
}

QStringList linesOf(const QString &value)
{
    QString normal = value;
    normal.replace(QLatin1StringView("\r\n"), QLatin1StringView("\n")).replace(u'\r', u'\n');
    QStringList lines;
    for (const QString &line : normal.split(u'\n')) {
        if (const QString clean = withoutControls(line).trimmed(); !clean.isEmpty()) {
            lines.append(clean);
        }
    }
    return lines;
}

}  // namespace

QByteArray writeField(QByteArrayView name, const QString &value)
{
    QByteArray field = name.toByteArray() + ':';
    qsizetype column = field.size();
    bool isFirst = true;
    for (const QString &line : linesOf(value)) {
        if (!isFirst) {
            field.append("\r\n");
            column = 0;
        }
        isFirst = false;
        appendFolded(wordsOf(line), field, column);
    }
    return field + "\r\n";
}

QByteArray writeStructuredField(QByteArrayView name, QByteArrayView value)
{
    QByteArray clean;
    for (const char c : value.trimmed()) {
        if (c != '\x7F' && (c < 0 || c >= ' ')) {
            clean.append(c);
        }
    }
    QByteArray field = name.toByteArray() + ':';
    qsizetype column = field.size();
    const QList<QByteArray> words = clean.split(' ');
    appendFolded({words.begin(), words.end()}, field, column);
    return field + "\r\n";
}

QByteArray writeDate(Clock::WallTime time)
{
    const qint64 seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch())
                               .count();
    const QDateTime date = QDateTime::fromSecsSinceEpoch(seconds, Qt::UTC);
    return QLocale::c().toString(date, QStringLiteral("ddd, d MMM yyyy hh:mm:ss")).toLatin1()
           + " +0000";
}

QByteArray writeMailbox(const QString &name, const Address &address)
{
    const QByteArray text = address.toString();
    const QByteArray mailbox = hasEightBit(address.localPart()) || address.domain().isEmpty()
                                   ? text
                                   : text.first(text.size() - address.domain().size())
                                         + address.asciiDomain();
    const QString clean = linesOf(name).join(u' ');
    if (clean.isEmpty()) {
        return '<' + mailbox + '>';
    }
    if (needsEncoding(clean)) {
        std::vector<QByteArray> words;
        appendEncoded(clean, words);
        return QByteArrayList(words.begin(), words.end()).join(' ') + " <" + mailbox + '>';
    }
    QByteArray quoted = clean.toLatin1();
    quoted.replace('\\', "\\\\").replace('"', "\\\"");
    return '"' + quoted + "\" <" + mailbox + '>';
}

}  // namespace portcullis::mail
