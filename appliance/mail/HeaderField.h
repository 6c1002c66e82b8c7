// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

namespace portcullis::mail {

/// A range of octets, counted from the start of a message.
struct Span {
    qsizetype begin = 0;
    qsizetype end = 0;  ///< Behind the last octet.

    [[nodiscard]] qsizetype size() const { return end - begin; }
    [[nodiscard]] bool isEmpty() const { return end <= begin; }
    [[nodiscard]] bool contains(const Span &other) const
    {
        return begin <= other.begin && other.end <= end;
    }
    [[nodiscard]] QByteArrayView of(QByteArrayView bytes) const
    {
        return bytes.sliced(begin, end - begin);
    }

    friend bool operator==(const Span &, const Span &) = default;
};

/// One field of a header, as it stands in the message. The views live as long as the Message.
class HeaderField
{
public:
    HeaderField(QByteArrayView name, QByteArrayView rawValue, Span span)
        : m_name(name)
        , m_rawValue(rawValue)
        , m_span(span)
    {
    }

    [[nodiscard]] QByteArrayView name() const { return m_name; }  ///< As written, without colon.
    [[nodiscard]] bool isNamed(QByteArrayView name) const
    {
        return m_name.compare(name, Qt::CaseInsensitive) == 0;
    }
    /// What follows the colon, folding and all, without the CRLF that ends the field.
    [[nodiscard]] QByteArrayView rawValue() const { return m_rawValue; }
    /// The value on one line (RFC 5322 §2.2.3), white space trimmed at both ends.
    [[nodiscard]] QByteArray unfolded() const;
    /// The value as people read it: unfolded, RFC 2047 decoded, unknown charsets and broken octets
    /// replaced by U+FFFD, never containing NUL or line breaks.
    [[nodiscard]] QString decoded() const;
    /// Name, colon, value and final CRLF in the octets that were parsed.
    [[nodiscard]] Span span() const { return m_span; }

private:
    QByteArrayView m_name;
    QByteArrayView m_rawValue;
    Span m_span;
};

}  // namespace portcullis::mail
