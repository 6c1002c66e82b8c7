// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/html/HtmlRendering.h"
#include "appliance/spam/relays/RelayChain.h"
#include "appliance/spam/uri/UriList.h"

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace portcullis::spam {

/// One field of a header block.
struct HeaderLine {
    QByteArray name;     ///< As written.
    QByteArray raw;      ///< Value with folds, as it came (LF line ends).
    QByteArray decoded;  ///< RFC 2047 resolved, folds collapsed, UTF-8.
};

/// One MIME entity, as SpamAssassin's parser sees it.
struct TextPart {
    int parent = -1;
    std::vector<int> children;
    std::vector<HeaderLine> headers;
    QByteArray type;     ///< Effective: lower case, defaults applied.
    QByteArray charset;  ///< As declared, lower case.
    QByteArray name;     ///< File name.
    QByteArray boundary;
    QByteArray raw;  ///< Encoded body lines (LF line ends).
    bool isLeaf = true;
    bool isAttachment = false;
};

/// What the reading of messages may be told by the configuration.
struct TextSettings {
    RelaySettings relays;
    bool normalizesCharset = true;
    qsizetype bodyPartScanSize = 50'000;      ///< `body_part_scan_size`; 0: no bound.
    qsizetype rawBodyPartScanSize = 500'000;  ///< `rawbody_part_scan_size`
    HtmlLimits html;
};

/// What is known of a message beyond its bytes: the SMTP session's view of it.
struct Arrival {
    QByteArray envelopeFrom;  ///< Without <>; empty for the null reverse-path.
    std::vector<QByteArray> recipients;
    QByteArray clientAddress;
    QByteArray clientName;  ///< Verified reverse name; empty: none.
    QByteArray helo;
};

/// The views of one message that rules look at (Conf(3): header, body, rawbody, uri, full). Each is made
/// at first use and kept; references stay valid as long as this lives. One thread.
///
/// Lines end with LF inside; texts are octets, UTF-8 where charsets were normalised.
class MessageText
{
public:
    MessageText(mail::Content content,
                const RuleSet &rules,
                const TextSettings &settings,
                const DomainTable &domains);
    ~MessageText();
    Q_DISABLE_COPY_MOVE(MessageText)

    // ---- header ------------------------------------------------------------------------------------
    [[nodiscard]] QByteArrayView pristineHeader() const;  ///< Without mbox line, with folds.
    [[nodiscard]] QByteArrayView pristineBody() const;
    [[nodiscard]] const std::vector<HeaderLine> &headers() const;
    /// The text that a header test sees (PerMsgStatus::get); nothing: the field is not there. Pseudo
    /// headers included: ALL, ALL-TRUSTED, ToCc, MESSAGEID, EnvelopeFrom, X-Spam-Relays-* …
    const std::optional<QByteArray> &header(const HeaderQuery &query);
    std::optional<QByteArray> header(const char *name);  ///< "From:addr" in short.
    /// All values of one field, in order, as get() gives them in list context: modifiers and pseudo
    /// headers as in header(). "From:addr" gives every address of every From field.
    std::vector<QByteArray> headerValues(const char *name);

    // ---- structure ---------------------------------------------------------------------------------
    [[nodiscard]] const std::vector<TextPart> &parts();  ///< Depth first; 0 is the message.
    const QByteArray &decoded(int part);                 ///< Transfer encoding undone, octets.

    // ---- body --------------------------------------------------------------------------------------
    const std::vector<QByteArray> &body();  ///< The Subject first, then a paragraph each.
    const std::vector<QByteArray> &visibleBody();
    const std::vector<QByteArray> &invisibleBody();
    const std::vector<QByteArray> &rawBody();  ///< Chunks of 2 to 4 KB.
    const QByteArray &full();                  ///< Header and body as they came.
    const HtmlFacts &html();

    const UriList &uris();
    const RelayChain &relays();

    /// missing_head_body_separator, truncated_headers, missing_mime_head_body_separator …
    [[nodiscard]] bool hasParseFlag(const char *flag);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::spam
