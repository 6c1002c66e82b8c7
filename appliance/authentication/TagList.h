// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/HeaderField.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

namespace portcullis::authentication {

/// A list of tag=value pairs as DKIM, ARC and DMARC write it (RFC 6376 §3.2): tag names are case
/// sensitive, none stands twice, white space around names and values does not count.
class TagList
{
public:
    struct Tag {
        QByteArray name;
        QByteArray value;  ///< Without white space around it; folding inside is kept.
        mail::Span span;   ///< Of the raw value in the text, white space around it included.
    };

    /// Nothing if the text breaks the grammar: an empty part other than the last, a name that is none,
    /// a tag twice, or more than 64 tags.
    static std::optional<TagList> parse(QByteArrayView text);

    [[nodiscard]] const std::vector<Tag> &tags() const { return m_tags; }
    [[nodiscard]] const Tag *find(QByteArrayView name) const;
    [[nodiscard]] bool has(QByteArrayView name) const { return find(name) != nullptr; }
    /// Empty if there is no such tag, or if it is empty.
    [[nodiscard]] QByteArray value(QByteArrayView name) const;
    /// value() without any white space: what base64 and colon lists need.
    [[nodiscard]] QByteArray packed(QByteArrayView name) const;

private:
    std::vector<Tag> m_tags;
};

/// The octets of strict base64 in `text`; nothing if it is none or empty.
std::optional<QByteArray> strictBase64(const QByteArray &text);

/// An unsigned decimal of at most 12 digits (RFC 6376 §3.5, t= and x=).
std::optional<qint64> decimal(const QByteArray &text);

/// A domain name of at least `labels` labels in A-labels (letters, digits, "-", "_"), at most 253 octets.
bool isDomainName(const QByteArray &text, int labels = 2);

/// `text` with everything but printable ASCII replaced by "?", at most `limit` octets.
QByteArray printable(QByteArrayView text, qsizetype limit = 200);

}  // namespace portcullis::authentication
