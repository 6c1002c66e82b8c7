// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/html/HtmlRendering.h"
#include "appliance/spam/relays/RelayChain.h"
#include "appliance/spam/text/TextPart.h"
#include "appliance/spam/uri/UriList.h"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace portcullis::spam {

/// What bounds the work on hostile messages. The first four are SpamAssassin's own, so rules see them.
struct TextLimits {
    qsizetype fieldName = 256;     ///< Octets of a field name that are kept (fixed in the peer).
    qsizetype fieldValue = 8'192;  ///< Octets of a field value of the message (fixed in the peer).
    qsizetype headerBytes = 65'536;  ///< Of all fields together in the pseudo header ALL.
    int depth = 20;                  ///< MIME entities within each other.
    int partsOfEntity = 1'000;       ///< Of one multipart entity; further ones are not read.
    int parts = 10'000;  ///< Of a message, range 1,000 … 100,000; ours, not the peer's.
    int fields = 5'000;  ///< Of one header block; ours, not the peer's.
};

/// What the reading of messages may be told by the configuration.
struct TextSettings {
    RelaySettings relays;
    bool normalizesCharset = true;            ///< `normalize_charset`
    bool readsSignatureUris = true;           ///< `parse_dkim_uris`
    qsizetype bodyPartScanSize = 50'000;      ///< Characters; `body_part_scan_size`; 0: no bound.
    qsizetype rawBodyPartScanSize = 500'000;  ///< Octets; `rawbody_part_scan_size`; 0: no bound.
    HtmlLimits html;
    TextLimits limits;

    /// All of the above that rule files may say.
    static TextSettings fromRules(const RuleSet &rules);
};

/// What is known of a message beyond its bytes: the SMTP session's view of it.
struct Arrival {
    QByteArray envelopeFrom;  ///< Without <>; empty for the null reverse-path.
    std::vector<QByteArray> recipients;
    QByteArray clientAddress;
    QByteArray clientName;  ///< Verified reverse name; empty: none.
    QByteArray helo;
};

/// "From:addr", "ALL:raw" as a query. Unknown modifiers are dropped, as SpamAssassin does.
HeaderQuery headerQuery(QByteArrayView text);

/// The views of one message that rules look at (Conf(3): header, body, rawbody, uri, full). Each is made
/// at first use and kept; references stay valid as long as this lives. One thread.
///
/// Lines end with LF inside; texts are octets, UTF-8 where charsets were normalised. X-Spam-* fields of
/// the sender's are not there, as with SpamAssassin, but for ALL:raw, full() and pristineHeader().
class MessageText
{
public:
    /// `domains` and `settings` outlive this.
    MessageText(mail::Content content, const TextSettings &settings, const DomainTable &domains);
    ~MessageText();
    Q_DISABLE_COPY_MOVE(MessageText)

    /// What the session knows; before anything else is asked. EnvelopeFrom is then the session's instead
    /// of what the header makes probable.
    void setArrival(Arrival arrival);
    [[nodiscard]] const std::optional<Arrival> &arrival() const;

    // ---- header ------------------------------------------------------------------------------------
    [[nodiscard]] QByteArrayView pristineHeader() const;  ///< Without mbox line, with folds.
    [[nodiscard]] QByteArrayView pristineBody() const;
    [[nodiscard]] QByteArrayView mboxLine() const;  ///< "From …", empty: there was none.
    [[nodiscard]] const std::vector<HeaderLine> &headers() const;  ///< Without X-Spam-*.

    /// All values for a query, in the order of the fields (`get` in list context). Values of whole
    /// fields end with LF, addresses, names and hosts do not. Pseudo headers included: ALL, ALL-TRUSTED,
    /// ToCc, MESSAGEID, EnvelopeFrom, X-Spam-Relays-* …; empty: there are none.
    const std::vector<QByteArray> &headerList(const HeaderQuery &query);
    const std::vector<QByteArray> &headerList(const char *query);
    /// The one text that a header test sees: the values joined; nothing: there are none.
    const std::optional<QByteArray> &header(const HeaderQuery &query);
    const std::optional<QByteArray> &header(const char *query);
    /// `get` in scalar context: the values joined, or the first address, name or host; empty: none.
    QByteArray headerText(const char *query);
    /// All decoded values of one field, in order, without LF at their end.
    [[nodiscard]] std::vector<QByteArray> headerValues(const char *name) const;
    /// A field that a module adds ("X-Languages"): found by queries if the message has none of the name.
    void setMetadata(const QByteArray &name, const QByteArray &value);
    /// All that were added, by name in lower case.
    [[nodiscard]] const std::map<QByteArray, QByteArray> &metadata() const;

    // ---- structure ---------------------------------------------------------------------------------
    const std::vector<TextPart> &parts();  ///< Depth first; 0 is the message.
    const QByteArray &raw(int part);       ///< Lines of a leaf before decoding.
    const QByteArray &decoded(
        int part);  ///< Transfer encoding undone, octets; empty unless a leaf.
    /// Text of a leaf as a reader sees it; empty for what is not text.
    const QByteArray &rendered(int part);

    // ---- body --------------------------------------------------------------------------------------
    const std::vector<QByteArray> &body();  ///< The Subject first, then a paragraph each, with LF.
    const std::vector<QByteArray> &visibleBody();
    const std::vector<QByteArray> &invisibleBody();
    const std::vector<QByteArray> &rawBody();  ///< Chunks of 2 to 4 KB.
    const QByteArray &full();                  ///< Header and body as they came.
    /// Of the last HTML part, as html_* evals ask; null: there is no HTML.
    const HtmlFacts *html();
    /// Of every text/html part in order.
    const std::vector<HtmlFacts> &allHtml();

    const UriList &uris();
    const RelayChain &relays();

    /// missing_head_body_separator, truncated_header, missing_mime_head_body_separator,
    /// missing_mime_headers, mime_epilogue_exists, mimepart_limit_exceeded, uri_truncated.
    [[nodiscard]] bool hasParseFlag(const char *flag);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::spam
