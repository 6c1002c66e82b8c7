// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/HeaderScanner.h"

#include <algorithm>
#include <utility>

namespace portcullis::mail {

namespace {

struct Line {
    qsizetype begin = 0;
    qsizetype end = 0;   // before the line ending
    qsizetype next = 0;  // behind it
};

Line lineAt(QByteArrayView bytes, qsizetype at, qsizetype limit)
{
    const qsizetype newline = bytes.first(limit).indexOf('\n', at);
    Line line{at, newline < 0 ? limit : newline, newline < 0 ? limit : newline + 1};
    if (newline > at && bytes[newline - 1] == '\r') {
        --line.end;
    }
    return line;
}

bool isFieldBlank(char c)
{
    return c == ' ' || c == '\t';
}

bool isBlankLine(QByteArrayView line)
{
    return std::all_of(line.begin(), line.end(), isFieldBlank);
}

// Length of the field name in a line, 0 if there is none (RFC 5322 §3.6.8 ftext).
qsizetype nameLength(QByteArrayView line)
{
    const qsizetype colon = line.indexOf(':');
    qsizetype length = colon;
    while (length > 0 && isFieldBlank(line[length - 1])) {
        --length;
    }
    for (qsizetype i = 0; i < length; ++i) {
        if (line[i] < '!' || line[i] > '~') {
            return 0;
        }
    }
    return std::max<qsizetype>(0, length);
}

class HeaderReader
{
public:
    HeaderReader(QByteArrayView bytes, Span entity, HeaderBudget &budget, qsizetype forcedEnd)
        : m_bytes(bytes)
        , m_limit(forcedEnd < 0 ? entity.end : forcedEnd)
        , m_budget(budget)
        , m_at(entity.begin)
    {
        m_block.headerEnd = entity.begin;
        m_block.bodyBegin = m_limit;
    }

    HeaderBlock read()
    {
        while (m_at < m_limit) {
            const Line line = lineAt(m_bytes, m_at, m_limit);
            if (line.begin == line.end) {
                m_block.bodyBegin = line.next;
                break;
            }
            if (!readLine(line)) {
                break;
            }
            m_at = line.next;
            m_block.headerEnd = line.next;
        }
        closeField();
        if (!m_hasContentAfterOtherEnd) {
            m_block.otherEnd = -1;
        }
        return std::move(m_block);
    }

private:
    // False: the header ends before this line.
    bool readLine(const Line &line)
    {
        const QByteArrayView text = m_bytes.sliced(line.begin, line.end - line.begin);
        if (isFieldBlank(text[0]) && m_fieldBegin >= 0) {
            if (isBlankLine(text)) {
                offerOtherEnd(line.begin);
            }
            m_fieldEnd = line.next;
            return true;
        }
        closeField();
        const qsizetype length = isFieldBlank(text[0]) ? 0 : nameLength(text);
        if (length > 0) {
            m_fieldBegin = line.begin;
            m_fieldEnd = line.next;
            m_nameLength = length;
            return true;
        }
        // The separator of mbox files before the first field is no field and no harm.
        if (m_block.fields.empty() && (text.startsWith("From ") || text.startsWith(">From "))) {
            return chargeBytes(line.next - line.begin);
        }
        m_block.isBroken = true;
        if (!isFieldAhead(line.next)) {
            m_block.headerEnd = line.begin;
            m_block.bodyBegin = line.begin;
            return false;
        }
        offerOtherEnd(line.begin);
        return chargeBytes(line.next - line.begin);
    }

    // Whether the next line that is no continuation is a field: then most readers go on.
    [[nodiscard]] bool isFieldAhead(qsizetype at) const
    {
        constexpr int c_linesAhead = 8;
        for (int i = 0; i < c_linesAhead && at < m_limit; ++i) {
            const Line line = lineAt(m_bytes, at, m_limit);
            if (line.end == line.begin) {
                return false;
            }
            if (!isFieldBlank(m_bytes[line.begin])) {
                return nameLength(m_bytes.sliced(line.begin, line.end - line.begin)) > 0;
            }
            at = line.next;
        }
        return false;
    }

    void offerOtherEnd(qsizetype at)
    {
        if (m_block.otherEnd < 0) {
            m_block.otherEnd = at;
        }
    }

    bool chargeBytes(qsizetype bytes)
    {
        m_budget.bytes -= bytes;
        m_block.isOverLimit = m_block.isOverLimit || m_budget.bytes < 0;
        return true;
    }

    void closeField()
    {
        if (m_fieldBegin < 0) {
            return;
        }
        const Span span{std::exchange(m_fieldBegin, -1), m_fieldEnd};
        chargeBytes(span.size());
        if (--m_budget.fields < 0 || m_budget.bytes < 0) {
            m_block.isOverLimit = true;
            return;
        }
        const QByteArrayView name = m_bytes.sliced(span.begin, m_nameLength);
        const qsizetype colon = m_bytes.indexOf(':', span.begin + m_nameLength);
        qsizetype valueEnd = span.end;
        valueEnd -= m_bytes[valueEnd - 1] == '\n' ? 1 : 0;
        valueEnd -= valueEnd > colon + 1 && m_bytes[valueEnd - 1] == '\r' ? 1 : 0;
        if (colon > span.begin + m_nameLength) {
            m_block.isBroken = true;
        }
        m_block.fields.emplace_back(name, m_bytes.sliced(colon + 1, valueEnd - colon - 1), span);
        if (m_block.otherEnd >= 0 && m_block.otherEnd < span.end && name.size() > 8
            && name.first(8).compare("content-", Qt::CaseInsensitive) == 0) {
            m_hasContentAfterOtherEnd = true;
        }
    }

    QByteArrayView m_bytes;
    qsizetype m_limit;
    HeaderBudget &m_budget;
    HeaderBlock m_block;
    qsizetype m_at;
    qsizetype m_fieldBegin = -1;
    qsizetype m_fieldEnd = 0;
    qsizetype m_nameLength = 0;
    bool m_hasContentAfterOtherEnd = false;
};

}  // namespace

HeaderBlock scanHeader(QByteArrayView bytes, Span entity, HeaderBudget &budget, qsizetype forcedEnd)
{
    return HeaderReader(bytes, entity, budget, forcedEnd).read();
}

}  // namespace portcullis::mail
