// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/html/HtmlRendering.h"
#include "appliance/spam/uri/DomainTable.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <span>
#include <vector>

/// URIs as SpamAssassin 4.0.1 finds and cleans them (get_uri_detail_list, uri_list_canonicalize).
namespace portcullis::spam {

/// One URI with everything made of it. The lists are without duplicates, in the order found.
struct UriDetail {
    QByteArray raw;  ///< As found, with a scheme put before it where text had none; the key.
    std::vector<QByteArray>
        types;  ///< "parsed", "a", "img", "domainkeys", "unlinked", "schemeless" …
    std::vector<QByteArray> cleaned;  ///< Canonical forms, the raw one among them.
    std::vector<QByteArray> anchorTexts;
    std::vector<HostDomain> hosts;
    std::vector<QByteArray> domains;

    [[nodiscard]] bool hasType(const char *type) const;
};

/// The links of one HTML part before they were merged: what HTTPS_HTTP_MISMATCH and the like look at.
struct HtmlLinks {
    struct Link {
        QByteArray uri;
        std::vector<QByteArray> types;
        std::vector<QByteArray> anchorTexts;  ///< One for each <a>, duplicates and all.
    };
    std::vector<Link> links;  ///< One a different URI.
};

/// All URIs of a message.
struct UriList {
    std::vector<UriDetail> details;    ///< In the order found: text, HTML, signatures.
    std::vector<QByteArray> cleaned;   ///< All canonical forms, once each: what uri rules see.
    std::vector<HtmlLinks> htmlParts;  ///< In the order of the parts.
    bool isTruncated = false;          ///< One of them was longer than UriLimits::length.

    [[nodiscard]] auto begin() const { return details.begin(); }
    [[nodiscard]] auto end() const { return details.end(); }
    [[nodiscard]] size_t size() const { return details.size(); }
    [[nodiscard]] bool isEmpty() const { return details.empty(); }
};

/// Collects the URIs of one message: text lines first, then the HTML parts, then signatures.
class UriCollector
{
public:
    explicit UriCollector(const DomainTable &domains);
    ~UriCollector();
    Q_DISABLE_COPY_MOVE(UriCollector)

    /// One line of the rendered body, the Subject's included (get_decoded_stripped_body_text_array).
    void addText(const QByteArray &line);
    /// The links of one HTML part, anchor texts and all.
    void addHtml(std::span<const HtmlUri> links);
    /// The domain of a DKIM-Signature or DomainKey-Signature field (parse_dkim_uris, on by default).
    void addSignature(QByteArrayView fieldValue);

    UriList take();

private:
    struct Private;
    std::unique_ptr<Private> d;
};

/// A piece of text that looks like a URI, before it is judged.
struct TextUri {
    enum class Kind : quint8 { Scheme, Mail, Schemeless };
    Kind kind = Kind::Scheme;
    QByteArrayView text;
    QByteArrayView host;  ///< Of a schemeless one.
};

/// Text that a mail reader would make a link of, within one rendered line ("www.example.com",
/// "mailto:a@b.c", "a@b.c", schemeless names with a valid TLD). Views into `line`. Linear.
std::vector<TextUri> urisInText(QByteArrayView line, const DomainTable &domains);

/// All canonical forms of one URI, itself (trimmed) first.
std::vector<QByteArray> canonicalUris(const QByteArray &uri, const DomainTable &domains);

}  // namespace portcullis::spam
