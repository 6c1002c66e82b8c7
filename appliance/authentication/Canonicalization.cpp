// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/Canonicalization.h"

#include <QtCore/QCryptographicHash>

#include <algorithm>

namespace portcullis::authentication {

namespace {

bool isBlank(char c)
{
    return c == ' ' || c == '\t';
}

std::optional<Canonicalization> methodNamed(QByteArrayView name)
{
    if (name == "simple") {
        return Canonicalization::Simple;
    }
    if (name == "relaxed") {
        return Canonicalization::Relaxed;
    }
    return std::nullopt;
}

/// Feeds the canonical body to the hash, up to the limit, and counts all of it.
class BodyHasher
{
public:
    explicit BodyHasher(std::optional<qint64> limit)
        : m_limit(limit)
    {
    }

    void add(QByteArrayView bytes)
    {
        const qint64 left = m_limit ? std::max<qint64>(0, *m_limit - m_length) : bytes.size();
        m_hash.addData(bytes.first(std::min<qint64>(left, bytes.size())));
        m_length += bytes.size();
    }

    void addLineEnds(qint64 count)
    {
        for (; count > 0; --count) {
            add("\r\n");
        }
    }

    BodyHash result() { return {m_hash.result(), m_length}; }

private:
    std::optional<qint64> m_limit;
    QCryptographicHash m_hash{QCryptographicHash::Sha256};
    qint64 m_length = 0;
};

// RFC 6376 §3.4.4: runs of blanks become one space, those at the end of the line go.
QByteArrayView relaxedLine(QByteArrayView line, QByteArray &buffer)
{
    buffer.clear();
    bool isBlankPending = false;
    for (const char c : line) {
        if (isBlank(c)) {
            isBlankPending = true;
            continue;
        }
        if (isBlankPending) {
            buffer.append(' ');
            isBlankPending = false;
        }
        buffer.append(c);
    }
    return buffer;
}

}  // namespace

std::optional<CanonicalizationPair> parseCanonicalization(const QByteArray &text)
{
    const qsizetype slash = text.indexOf('/');
    const auto header = methodNamed(QByteArrayView(text).first(slash < 0 ? text.size() : slash));
    const auto body = slash < 0 ? Canonicalization::Simple
                                : methodNamed(QByteArrayView(text).sliced(slash + 1));
    if (!header || !body) {
        return std::nullopt;
    }
    return CanonicalizationPair{*header, *body};
}

QByteArray canonicalField(QByteArrayView field, Canonicalization method)
{
    if (method == Canonicalization::Simple) {
        return field.toByteArray();
    }
    const qsizetype colon = field.indexOf(':');
    QByteArray result =
        field.first(std::max<qsizetype>(0, colon)).toByteArray().trimmed().toLower();
    result.append(':');
    bool isBlankPending = false;
    bool isFirst = true;
    for (const char c : field.sliced(colon + 1)) {
        if (isBlank(c) || c == '\r' || c == '\n') {
            // Within a field, CRLF stands only in front of a blank: unfolding and folding blanks
            // into one is the same as treating all of them alike.
            isBlankPending = !isFirst;
            continue;
        }
        if (isBlankPending) {
            result.append(' ');
            isBlankPending = false;
        }
        result.append(c);
        isFirst = false;
    }
    return result;
}

BodyHash hashBody(QByteArrayView body, Canonicalization method, std::optional<qint64> limit)
{
    BodyHasher hasher(limit);
    QByteArray buffer;
    qint64 pendingLineEnds = 0;
    qsizetype at = 0;
    while (at < body.size()) {
        const qsizetype lineEnd = body.indexOf("\r\n", at);
        const QByteArrayView raw = body.sliced(at, (lineEnd < 0 ? body.size() : lineEnd) - at);
        const QByteArrayView line = method == Canonicalization::Relaxed ? relaxedLine(raw, buffer)
                                                                        : raw;
        if (!line.isEmpty()) {
            hasher.addLineEnds(pendingLineEnds);
            pendingLineEnds = 0;
            hasher.add(line);
        }
        ++pendingLineEnds;
        at = lineEnd < 0 ? body.size() : lineEnd + 2;
    }
    // Empty lines at the end do not count, but the last line gets its CRLF; an empty body is one CRLF
    // for "simple" and nothing for "relaxed".
    BodyHasher empty(limit);
    if (hasher.result().length > 0) {
        hasher.addLineEnds(1);
        return hasher.result();
    }
    empty.addLineEnds(method == Canonicalization::Simple ? 1 : 0);
    return empty.result();
}

}  // namespace portcullis::authentication
