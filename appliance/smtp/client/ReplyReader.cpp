// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/ReplyReader.h"

#include <algorithm>

namespace portcullis::smtp {

namespace {

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// Digits at the start of `text`, at most three (RFC 3463 §2: no leading zeros asked, seen though).
qsizetype digitsAt(QByteArrayView text)
{
    qsizetype count = 0;
    while (count < text.size() && isDigit(text[count])) {
        ++count;
    }
    return count >= 1 && count <= 3 ? count : 0;
}

/// Text that can be put into logs and DSNs: valid UTF-8 without controls.
QByteArray cleanText(QByteArrayView text)
{
    QByteArray clean = text.toByteArray();
    const bool isAscii = std::all_of(clean.cbegin(), clean.cend(),
                                     [](char c) { return static_cast<signed char>(c) >= 0; });
    const bool isUtf8 = isAscii || clean.isValidUtf8();
    for (char &c : clean) {
        const bool isEightBit = static_cast<signed char>(c) < 0;
        if (isEightBit ? !isUtf8 : (c < ' ' || c == '\x7f')) {
            c = '?';
        }
    }
    return clean;
}

}  // namespace

QByteArray enhancedCodeOf(QByteArrayView text, int code, qsizetype *length)
{
    const auto none = [length] {
        if (length != nullptr) {
            *length = 0;
        }
        return QByteArray();
    };
    if (text.size() < 5 || text[0] != static_cast<char>('0' + code / 100) || text[1] != '.') {
        return none();
    }
    const qsizetype subject = digitsAt(text.sliced(2));
    if (subject == 0 || text.size() <= 2 + subject || text[2 + subject] != '.') {
        return none();
    }
    const qsizetype detail = digitsAt(text.sliced(3 + subject));
    const qsizetype end = 3 + subject + detail;
    if (detail == 0 || (end < text.size() && text[end] != ' ')) {
        return none();
    }
    if (length != nullptr) {
        *length = std::min(end + 1, text.size());
    }
    return text.first(end).toByteArray();
}

ReplyReader::ReplyReader(ReplyLimits limits)
    : m_limits(limits)
{
}

void ReplyReader::append(QByteArrayView bytes)
{
    if (m_position > 0) {
        m_buffer.remove(0, m_position);
        m_searched -= m_position;
        m_position = 0;
    }
    m_buffer.append(bytes);
}

void ReplyReader::clear()
{
    m_buffer.clear();
    m_position = 0;
    m_searched = 0;
    m_replyBytes = 0;
    m_isDropping = false;
    m_isLastLine = false;
    m_lines.clear();
}

Result<std::optional<ServerReply>> ReplyReader::next()
{
    while (m_position < m_buffer.size()) {
        const qsizetype end = m_buffer.indexOf('\n', m_searched);
        const qsizetype stop = end < 0 ? m_buffer.size() : end + 1;
        m_replyBytes += stop - std::max(m_searched, m_position);
        if (m_replyBytes > m_limits.reply) {
            return Error::transient(
                "smtp.reply-too-long",
                QStringLiteral("a reply of more than %1 octets").arg(m_limits.reply));
        }
        m_searched = stop;
        const QByteArrayView line = QByteArrayView(m_buffer).sliced(m_position, stop - m_position);
        if (end < 0 && line.size() < m_limits.line) {
            return std::nullopt;
        }
        if (!m_isDropping) {
            TRY(addLine(line.first(std::min(line.size(), m_limits.line))));
        }
        // A line that is too long gives its start; the rest is dropped as it comes.
        m_isDropping = end < 0;
        m_position = stop;
        if (end >= 0 && m_isLastLine) {
            return finish();
        }
    }
    return std::nullopt;
}

Status ReplyReader::addLine(QByteArrayView line)
{
    while (line.endsWith('\n') || line.endsWith('\r')) {
        line.chop(1);
    }
    const bool hasCode = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && isDigit(line[1])
                         && isDigit(line[2]);
    if (!hasCode || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
        return Error::transient(
            "smtp.reply-syntax",
            QStringLiteral("not an SMTP reply: ")
                + QString::fromUtf8(cleanText(line.first(std::min(line.size(), qsizetype(80))))));
    }
    if (static_cast<int>(m_lines.size()) >= m_limits.lines) {
        return Error::transient(
            "smtp.reply-too-long",
            QStringLiteral("a reply of more than %1 lines").arg(m_limits.lines));
    }
    // RFC 5321 §4.2.1: all lines carry the same code. Where they do not, the last one counts.
    m_code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    m_isLastLine = line.size() == 3 || line[3] == ' ';
    m_lines.push_back(cleanText(line.sliced(std::min(line.size(), qsizetype(4)))));
    return ok();
}

ServerReply ReplyReader::finish()
{
    ServerReply result;
    result.reply.code = m_code;
    qsizetype length = 0;
    result.reply.enhanced = enhancedCodeOf(m_lines.front(), m_code, &length);
    for (const QByteArray &line : m_lines) {
        if (result.reply.text.size() >= m_limits.keptText) {
            break;
        }
        if (!result.reply.text.isEmpty()) {
            result.reply.text += '\n';
        }
        // RFC 2034 §4 repeats the enhanced code on each line.
        const bool isRepeated = enhancedCodeOf(line, m_code, &length) == result.reply.enhanced;
        result.reply.text += isRepeated ? line.sliced(length) : line;
    }
    if (result.reply.text.size() > m_limits.keptText) {
        qsizetype end = m_limits.keptText;
        while (end > 0 && (static_cast<quint8>(result.reply.text[end]) & 0xC0U) == 0x80U) {
            --end;  // Not inside a character.
        }
        result.reply.text.truncate(end);
    }
    result.lines = std::exchange(m_lines, {});
    m_replyBytes = 0;
    m_isLastLine = false;
    return result;
}

}  // namespace portcullis::smtp
