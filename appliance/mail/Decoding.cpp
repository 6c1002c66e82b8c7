// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Decoding.h"

#include <algorithm>
#include <array>

namespace portcullis::mail {

namespace {

constexpr quint8 c_foreign = 0xFF;
constexpr quint8 c_space = 0xFE;
constexpr quint8 c_pad = 0xFD;

constexpr std::array<quint8, 256> base64Values()
{
    std::array<quint8, 256> values{};
    values.fill(c_foreign);
    constexpr char c_alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (quint8 i = 0; i < 64; ++i) {
        values[static_cast<quint8>(c_alphabet[i])] = i;
    }
    for (const char c : {' ', '\t', '\r', '\n'}) {
        values[static_cast<quint8>(c)] = c_space;
    }
    values[quint8('=')] = c_pad;
    return values;
}

int hexValue(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Collects sextets; a stream that ends in the middle of a group gives the octets that are complete.
// Writes three octets for four sextets at most, to a place that is large enough.
class Sextets
{
public:
    explicit Sextets(char *to)
        : m_to(to)
    {
    }

    void add(quint32 value)
    {
        m_bits = (m_bits << 6) | value;
        if (++m_count == 4) {
            *m_to++ = static_cast<char>(m_bits >> 16);
            *m_to++ = static_cast<char>(m_bits >> 8);
            *m_to++ = static_cast<char>(m_bits);
            m_count = 0;
        }
    }

    void finish()
    {
        if (m_count >= 2) {
            m_bits <<= 6U * (4U - m_count);
            *m_to++ = static_cast<char>(m_bits >> 16);
            if (m_count == 3) {
                *m_to++ = static_cast<char>(m_bits >> 8);
            }
        }
        m_count = 0;
    }

    [[nodiscard]] quint32 count() const { return m_count; }
    [[nodiscard]] const char *position() const { return m_to; }

private:
    char *m_to;
    quint32 m_bits = 0;
    quint32 m_count = 0;
};

qsizetype octetsOf(qsizetype sextets)
{
    return sextets / 4 * 3 + 3;
}

// The next line without its ending; `text` moves behind it.
QByteArrayView takeLine(QByteArrayView &text)
{
    qsizetype end = text.indexOf('\n');
    const qsizetype next = end < 0 ? text.size() : end + 1;
    end = end < 0 ? text.size() : end;
    QByteArrayView line = text.first(end);
    if (line.endsWith('\r')) {
        line.chop(1);
    }
    text = text.sliced(next);
    return line;
}

bool isUuLine(QByteArrayView line)
{
    if (line.isEmpty() || line[0] < ' ' || line[0] > '`') {
        return false;
    }
    const int length = (line[0] - ' ') & 63;
    const qsizetype needed = (length + 2) / 3 * 4;
    return line.size() - 1 >= std::min<qsizetype>(needed, (length * 4 + 2) / 3)
           && line.size() <= needed + 3;
}

bool isUuBegin(QByteArrayView line)
{
    // begin 644 name
    if (!line.startsWith("begin ")) {
        return false;
    }
    qsizetype digits = 6;
    while (digits < line.size() && line[digits] >= '0' && line[digits] <= '7') {
        ++digits;
    }
    return digits >= 9 && digits <= 11 && digits + 1 < line.size() && line[digits] == ' ';
}

void appendUuLine(QByteArrayView line, QByteArray &out)
{
    const int length = (line[0] - ' ') & 63;
    const qsizetype start = out.size();
    out.resize(start + octetsOf(line.size()));
    Sextets sextets(out.data() + start);
    for (const char c : line.sliced(1)) {
        sextets.add(static_cast<quint32>(c - ' ') & 63U);
    }
    sextets.finish();
    out.truncate(std::min<qsizetype>(sextets.position() - out.constData(), start + length));
}

}  // namespace

TransferEncoding transferEncoding(QByteArrayView value)
{
    QByteArray token;
    int comments = 0;
    for (const char c : value) {
        if (c == '(') {
            ++comments;
        } else if (c == ')' && comments > 0) {
            --comments;
        } else if (comments == 0 && c > ' ' && c != ';' && c != '"') {
            token.append(c);
        } else if (!token.isEmpty()) {
            break;
        }
    }
    token = token.toLower();
    if (token.isEmpty() || token == "7bit" || token == "8bit" || token == "binary") {
        return TransferEncoding::Identity;
    }
    if (token == "base64") {
        return TransferEncoding::Base64;
    }
    if (token == "quoted-printable") {
        return TransferEncoding::QuotedPrintable;
    }
    if (token == "x-uuencode" || token == "uuencode" || token == "x-uue" || token == "uue") {
        return TransferEncoding::Uuencode;
    }
    return token == "x-yenc" || token == "yenc" ? TransferEncoding::YEnc
                                                : TransferEncoding::Unknown;
}

Decoded decodeBase64(QByteArrayView encoded, Base64Mode mode)
{
    static constexpr auto c_values = base64Values();
    Decoded result;
    result.bytes.resize(octetsOf(encoded.size()));
    Sextets sextets(result.bytes.data());
    bool isPadded = false;
    for (const char c : encoded) {
        const quint8 value = c_values[static_cast<quint8>(c)];
        if (value < 64) {
            if (isPadded) {
                result.isClean = false;
                isPadded = false;
            }
            sextets.add(value);
        } else if (value == c_pad) {
            if (mode == Base64Mode::IgnorePad) {
                continue;
            }
            isPadded = true;
            sextets.finish();
            if (mode == Base64Mode::StopAtPad) {
                break;
            }
        } else if (value == c_foreign) {
            result.isClean = false;
            if (mode == Base64Mode::StopAtForeign) {
                break;
            }
        }
    }
    result.isClean = result.isClean && sextets.count() == 0;
    sextets.finish();
    result.bytes.truncate(sextets.position() - result.bytes.constData());
    return result;
}

Decoded decodeQuotedPrintable(QByteArrayView encoded)
{
    Decoded result;
    result.bytes.reserve(encoded.size());
    while (!encoded.isEmpty()) {
        const qsizetype sizeBefore = encoded.size();
        QByteArrayView line = takeLine(encoded);
        const bool hasLineEnd = sizeBefore - encoded.size() > line.size();
        // RFC 2045 §6.7 rule 3: white space at the end of a line was added on the way.
        while (line.endsWith(' ') || line.endsWith('\t')) {
            line.chop(1);
        }
        bool isSoftBreak = false;
        for (qsizetype i = 0; i < line.size(); ++i) {
            if (line[i] != '=') {
                result.bytes.append(line[i]);
                continue;
            }
            if (i + 1 == line.size()) {
                isSoftBreak = true;
                break;
            }
            const int high = hexValue(line[i + 1]);
            const int low = i + 2 < line.size() ? hexValue(line[i + 2]) : -1;
            if (high < 0 || low < 0) {
                result.bytes.append('=');
                result.isClean = false;
                continue;
            }
            result.bytes.append(static_cast<char>(high * 16 + low));
            i += 2;
        }
        if (hasLineEnd && !isSoftBreak) {
            result.bytes.append("\r\n");
        }
    }
    return result;
}

Decoded decodeUuencode(QByteArrayView encoded)
{
    Decoded result;
    result.bytes.reserve(encoded.size() / 4 * 3);
    while (!encoded.isEmpty()) {
        const QByteArrayView line = takeLine(encoded);
        if (line == "end") {
            break;
        }
        if (line.startsWith("begin ") || line.isEmpty()) {
            continue;
        }
        if (!isUuLine(line)) {
            result.isClean = false;
            continue;
        }
        appendUuLine(line, result.bytes);
    }
    return result;
}

Decoded decodeYEnc(QByteArrayView encoded)
{
    Decoded result;
    result.bytes.reserve(encoded.size());
    while (!encoded.isEmpty()) {
        const QByteArrayView line = takeLine(encoded);
        if (line.startsWith("=yend")) {
            break;
        }
        if (line.startsWith("=ybegin") || line.startsWith("=ypart")) {
            continue;
        }
        for (qsizetype i = 0; i < line.size(); ++i) {
            const bool isEscaped = line[i] == '=' && i + 1 < line.size();
            i += isEscaped ? 1 : 0;
            result.bytes.append(static_cast<char>(line[i] - (isEscaped ? 106 : 42)));
        }
    }
    return result;
}

Decoded decodeAs(TransferEncoding encoding, QByteArrayView encoded)
{
    switch (encoding) {
    case TransferEncoding::Base64:
        return decodeBase64(encoded, Base64Mode::Restart);
    case TransferEncoding::QuotedPrintable:
        return decodeQuotedPrintable(encoded);
    case TransferEncoding::Uuencode:
        return decodeUuencode(encoded);
    case TransferEncoding::YEnc:
        return decodeYEnc(encoded);
    case TransferEncoding::Identity:
    case TransferEncoding::Unknown:
        break;
    }
    return {encoded.toByteArray(), true};
}

std::pair<std::vector<EmbeddedFile>, bool> findEmbedded(QByteArrayView text, size_t limit)
{
    std::vector<EmbeddedFile> files;
    if (!text.contains("begin ")) {
        return {files, false};
    }
    QByteArrayView rest = text;
    const auto position = [&] { return text.size() - rest.size(); };
    while (!rest.isEmpty()) {
        const qsizetype begin = position();
        const QByteArrayView line = takeLine(rest);
        const bool isYEnc = line.startsWith("=ybegin ") && line.contains(" name=");
        QByteArrayView following = rest.first(std::min<qsizetype>(rest.size(), 128));
        if (!isYEnc && !(isUuBegin(line) && isUuLine(takeLine(following)))) {
            continue;
        }
        if (files.size() == limit) {
            return {files, true};
        }
        EmbeddedFile file;
        file.begin = begin;
        file.encoding = isYEnc ? TransferEncoding::YEnc : TransferEncoding::Uuencode;
        const QByteArrayView name = isYEnc ? line.sliced(line.indexOf(" name=") + 6)
                                           : line.sliced(line.indexOf(' ', 6) + 1);
        file.name = name.trimmed().toByteArray();
        while (!rest.isEmpty()) {
            const QByteArrayView data = takeLine(rest);
            if (data == "end" || data.startsWith("=yend")) {
                break;
            }
        }
        file.end = position();
        files.push_back(std::move(file));
    }
    return {files, false};
}

QByteArray encodeBase64(QByteArrayView bytes)
{
    constexpr qsizetype c_octetsOfLine = 57;  // 76 characters, RFC 2045 §6.8
    QByteArray out;
    out.reserve(bytes.size() / 3 * 4 + bytes.size() / c_octetsOfLine * 2 + 8);
    for (qsizetype i = 0; i < bytes.size(); i += c_octetsOfLine) {
        const QByteArrayView line = bytes.sliced(i, std::min(c_octetsOfLine, bytes.size() - i));
        out.append(QByteArray::fromRawData(line.data(), line.size()).toBase64());
        out.append("\r\n");
    }
    return out;
}

QByteArray encodeQuotedPrintable(QByteArrayView bytes)
{
    constexpr qsizetype c_lineLength = 76;  // RFC 2045 §6.7 rule 5
    constexpr char c_hex[] = "0123456789ABCDEF";
    QByteArray out;
    out.reserve(bytes.size() * 5 / 4);
    qsizetype column = 0;
    for (qsizetype i = 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') {
            out.append("\r\n");
            column = 0;
            ++i;
            continue;
        }
        const bool isLineEnd = i + 1 == bytes.size() || bytes[i + 1] == '\r'
                               || bytes[i + 1] == '\n';
        const bool isLiteral = (c > ' ' && c <= '~' && c != '=' && !(column == 0 && c == '.'))
                               || ((c == ' ' || c == '\t') && !isLineEnd);
        const qsizetype width = isLiteral ? 1 : 3;
        if (column + width > c_lineLength - 1) {
            out.append("=\r\n");
            column = 0;
        }
        if (isLiteral) {
            out.append(c);
        } else {
            out.append('=');
            out.append(c_hex[static_cast<quint8>(c) >> 4]);
            out.append(c_hex[static_cast<quint8>(c) & 15]);
        }
        column += width;
    }
    return out;
}

}  // namespace portcullis::mail
