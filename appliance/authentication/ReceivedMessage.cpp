// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/ReceivedMessage.h"

#include "appliance/mail/HeaderScanner.h"

#include <algorithm>

namespace portcullis::authentication {

namespace {

bool isLetter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool hasLoneLineEnd(QByteArrayView text)
{
    for (qsizetype at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
        if (at == 0 || text[at - 1] != '\r') {
            return true;
        }
    }
    for (qsizetype at = text.indexOf('\r'); at >= 0; at = text.indexOf('\r', at + 1)) {
        if (at + 1 == text.size() || text[at + 1] != '\n') {
            return true;
        }
    }
    return false;
}

// Whether one of the lines is `name` with anything but letters around it, then a colon.
bool hasLabel(QByteArrayView lines, QByteArrayView name)
{
    qsizetype at = 0;
    while (at < lines.size()) {
        qsizetype end = lines.indexOf('\n', at);
        end = end < 0 ? lines.size() : end;
        QByteArray letters;
        const qsizetype colon = lines.first(end).indexOf(':', at);
        for (qsizetype i = at; i < colon && letters.size() <= name.size(); ++i) {
            if (isLetter(lines[i])) {
                letters.append(lines[i]);
            }
        }
        if (letters.compare(name, Qt::CaseInsensitive) == 0) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

}  // namespace

ReceivedMessage::ReceivedMessage(QByteArrayView bytes, const AuthenticationLimits &limits)
    : m_bytes(bytes)
{
    mail::HeaderBudget budget{limits.headerFields, limits.headerBytes};
    auto block = mail::scanHeader(bytes, {0, bytes.size()}, budget);
    m_fields = std::move(block.fields);
    m_body = bytes.sliced(block.bodyBegin);
    m_headerEnd = block.headerEnd;
    if (block.bodyBegin == block.headerEnd) {
        // No empty line ended the header, but a line that is no field. Other readers go on there.
        const qsizetype empty = bytes.indexOf("\n\r\n", block.headerEnd);
        m_headerEnd = empty < 0 ? bytes.size() : empty + 1;
        m_headerEnd = std::min(m_headerEnd, block.headerEnd + limits.headerBytes);
    }
    m_hasPlainLines = m_body.isEmpty() || (m_body.endsWith("\r\n") && !hasLoneLineEnd(m_body));
    m_isOverLimit = block.isOverLimit;
    for (size_t i = 0; i < m_fields.size(); ++i) {
        m_byName[m_fields[i].name().toByteArray().toLower()].push_back(i);
    }
}

QByteArrayView ReceivedMessage::octets(const mail::HeaderField &field) const
{
    QByteArrayView text = field.span().of(m_bytes);
    if (text.endsWith('\n')) {
        text.chop(1);
    }
    if (text.endsWith('\r')) {
        text.chop(1);
    }
    return text;
}

bool ReceivedMessage::hasLineLike(QByteArrayView name) const
{
    // What lies between the fields is lines that are none.
    qsizetype at = 0;
    for (size_t i = 0; i <= m_fields.size(); ++i) {
        const qsizetype end = i < m_fields.size() ? m_fields[i].span().begin : m_headerEnd;
        if (end > at && hasLabel(m_bytes.sliced(at, end - at), name)) {
            return true;
        }
        at = i < m_fields.size() ? m_fields[i].span().end : end;
    }
    return false;
}

std::vector<const mail::HeaderField *> ReceivedMessage::fieldsNamed(QByteArrayView name) const
{
    std::vector<const mail::HeaderField *> found;
    const auto it = m_byName.find(name.toByteArray().toLower());
    if (it != m_byName.end()) {
        for (const size_t position : it->second) {
            found.push_back(&m_fields[position]);
        }
    }
    return found;
}

BodyHash ReceivedMessage::bodyHash(Canonicalization method, std::optional<qint64> limit)
{
    if (limit) {
        return hashBody(m_body, method, limit);
    }
    auto it = m_bodyHashes.find(method);
    if (it == m_bodyHashes.end()) {
        it = m_bodyHashes.emplace(method, hashBody(m_body, method)).first;
    }
    return it->second;
}

std::vector<const mail::HeaderField *> ReceivedMessage::select(
    const std::vector<QByteArray> &names) const
{
    std::vector<const mail::HeaderField *> selected;
    selected.reserve(names.size());
    std::map<QByteArray, size_t> taken;
    for (const QByteArray &name : names) {
        const auto it = m_byName.find(name);
        size_t &count = taken[name];
        if (it == m_byName.end() || count >= it->second.size()) {
            selected.push_back(nullptr);
            continue;
        }
        ++count;
        selected.push_back(&m_fields[it->second[it->second.size() - count]]);
    }
    return selected;
}

}  // namespace portcullis::authentication
