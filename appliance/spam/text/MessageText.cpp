// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/MessageText.h"

#include "appliance/spam/text/Characters.h"
#include "appliance/spam/text/MessageTextPrivate.h"
#include "appliance/spam/text/Octets.h"
#include "appliance/spam/text/Paragraphs.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

/// Fields that say what another SpamAssassin found: whoever sends them knows why.
bool isForeignVerdict(const QByteArray &name)
{
    return octets::startsIgnoringCase(name, "X-Spam-");
}

/// FNV-1a without regard to case.
quint32 hashOfName(QByteArrayView name)
{
    quint32 hash = 2'166'136'261U;
    for (const char c : name) {
        hash = (hash ^ quint8(octets::lower(c))) * 16'777'619U;
    }
    return hash;
}

bool isQueryForOne(const HeaderQuery &query)
{
    return query.isAddress || query.isName || query.isHost || query.isDomain || query.isIp
           || query.isReverseIp || query.name == "EnvelopeFrom";
}

QByteArray utf8FromLatin1(const QByteArray &octets)
{
    return octets::hasEightBit(octets) ? QString::fromLatin1(octets).toUtf8() : octets;
}

/// As if normalize_charset were off: only what says it is UTF-8, and is, becomes characters.
Characters unnormalised(const QByteArray &octets, QByteArrayView charset)
{
    const bool saysUtf8 = octets::equalsIgnoringCase(charset, "us-ascii")
                          || octets::equalsIgnoringCase(charset, "utf-8");
    if (saysUtf8 && octets::hasEightBit(octets) && isStrictUtf8(octets)) {
        return {octets, true};
    }
    return {utf8FromLatin1(octets), false};
}

bool isTextOrMessage(const QByteArray &type)
{
    for (const char *family : {"text", "message"}) {
        const QByteArrayView prefix(family);
        if (type.startsWith(prefix)
            && (type.size() == prefix.size() || !octets::isWord(type[prefix.size()]))) {
            return true;
        }
    }
    return false;
}

}  // namespace

TextSettings TextSettings::fromRules(const RuleSet &rules)
{
    TextSettings settings;
    settings.relays = RelaySettings::fromRules(rules);
    settings.normalizesCharset = rules.isOn("normalize_charset", settings.normalizesCharset);
    settings.readsSignatureUris = rules.isOn("parse_dkim_uris", settings.readsSignatureUris);
    settings.bodyPartScanSize = qsizetype(
        rules.number("body_part_scan_size", double(settings.bodyPartScanSize)));
    settings.rawBodyPartScanSize = qsizetype(
        rules.number("rawbody_part_scan_size", double(settings.rawBodyPartScanSize)));
    return settings;
}

MessageText::Private::Private(mail::Content bytes,
                              const TextSettings &textSettings,
                              const DomainTable &domainTable)
    : content(std::move(bytes))
    , settings(textSettings)
    , domains(domainTable)
    , text(octets::withLineFeeds(content.view()))
{
    if (text.isEmpty()) {
        text = QByteArrayLiteral("\n");
    }
    block = readHeaderBlock(text, settings.limits);
    fields = std::move(block.fields);
    fields.erase(std::remove_if(fields.begin(), fields.end(),
                                [](const HeaderLine &line) { return isForeignVerdict(line.name); }),
                 fields.end());
    for (size_t i = 0; i < fields.size(); ++i) {
        FieldGroup *same = group(fields[i].name);
        if (same == nullptr) {
            groups.push_back({fields[i].name, hashOfName(fields[i].name), {}});
            same = &groups.back();
        }
        same->indexes.push_back(int(i));
    }
}

MessageText::Private::FieldGroup *MessageText::Private::group(QByteArrayView name)
{
    for (FieldGroup &candidate : groups) {
        if (candidate.name.size() == name.size()
            && octets::equalsIgnoringCase(candidate.name, name)) {
            return &candidate;
        }
    }
    return nullptr;
}

PartTree &MessageText::Private::tree()
{
    if (!parts) {
        parts = std::make_unique<PartTree>(block, fields, settings.limits);
        rawParts.resize(parts->parts().size());
        decodedParts.resize(parts->parts().size());
    }
    return *parts;
}

void MessageText::Private::renderHtmlLeaf(const QByteArray &octets,
                                          const QByteArray &charset,
                                          Leaf &leaf)
{
    leaf.isHtml = true;
    endsWithHtml = !octets.isEmpty();
    if (octets.isEmpty()) {
        return;
    }
    const Characters source = settings.normalizesCharset
                                  ? toCharacters(octets, charset, LabelTrust::Guess)
                                  : unnormalised(octets, charset);
    HtmlRendering html = renderHtml({source.utf8, octets.size(), source.isWide}, settings.html);
    leaf.isWide = html.isWide;
    leaf.text = std::move(html.text);
    leaf.visible = std::move(html.visible);
    leaf.invisible = std::move(html.invisible);
    isHtmlUriTruncated |= html.facts.value(HtmlMeasure::UriTruncated).value_or(0) != 0;
    htmlUris.push_back(std::move(html.uris));
    htmlFacts.push_back(std::move(html.facts));
}

MessageText::Private::Leaf MessageText::Private::renderLeaf(int index)
{
    const TextPart &part = tree().parts()[size_t(index)];
    Leaf leaf;
    leaf.part = index;
    leaf.isRendered = part.effectiveType == "text/plain" || part.effectiveType == "text/html";
    if (!leaf.isRendered) {
        return leaf;
    }
    const QByteArray octets = decodedParts[size_t(index)] ? *decodedParts[size_t(index)]
                                                          : tree().decode(index);
    decodedParts[size_t(index)] = octets;
    const QByteArray charset = part.charset.value_or(QByteArrayLiteral("us-ascii"));
    if (part.effectiveType == "text/html") {
        renderHtmlLeaf(octets, charset, leaf);
        return leaf;
    }
    const Characters characters = settings.normalizesCharset
                                      ? toCharacters(octets, charset, LabelTrust::Guess)
                                      : unnormalised(octets, charset);
    leaf.isWide = characters.isWide;
    leaf.text = characters.utf8;
    leaf.visible = characters.utf8;
    return leaf;
}

void MessageText::Private::render()
{
    if (leaves) {
        return;
    }
    std::vector<Leaf> found;
    const std::vector<TextPart> &entities = tree().parts();
    for (size_t i = 0; i < entities.size(); ++i) {
        if (entities[i].isLeaf && !entities[i].type.isEmpty()) {
            found.push_back(renderLeaf(int(i)));
        }
    }
    leaves = std::move(found);
}

std::vector<QByteArray> MessageText::Private::bodyOf(QByteArray Leaf::*view, bool hasSubject)
{
    render();
    if (leaves->empty()) {
        return {};
    }
    QByteArray joined;
    bool isWide = false;
    for (const Leaf &leaf : *leaves) {
        if (!joined.isEmpty()) {
            joined.append('\n');
        }
        const QByteArray &piece = leaf.*view;
        if (leaf.isRendered) {
            const QByteArrayView cut = cutRendered(piece, settings.bodyPartScanSize);
            joined = joined.isEmpty() && cut.size() == piece.size()
                         ? piece
                         : joined.append(cut.data(), cut.size());
            isWide |= leaf.isWide;
        }
    }
    QByteArray subject;
    if (hasSubject) {
        const FieldGroup *found = group("subject");
        subject = found == nullptr ? QByteArray() : fields[size_t(found->indexes.back())].decoded;
        subject.append('\n');
    }
    return paragraphs(subject, joined, isWide);
}

MessageText::MessageText(mail::Content content,
                         const TextSettings &settings,
                         const DomainTable &domains)
    : d(std::make_unique<Private>(std::move(content), settings, domains))
{
}

MessageText::~MessageText() = default;

void MessageText::setArrival(Arrival arrival)
{
    d->arrival = std::move(arrival);
}

const std::optional<Arrival> &MessageText::arrival() const
{
    return d->arrival;
}

QByteArrayView MessageText::pristineHeader() const
{
    return d->block.pristine;
}

QByteArrayView MessageText::pristineBody() const
{
    return d->block.body;
}

QByteArrayView MessageText::mboxLine() const
{
    return d->block.mboxLine;
}

const std::vector<HeaderLine> &MessageText::headers() const
{
    return d->fields;
}

const std::vector<QByteArray> &MessageText::headerList(const HeaderQuery &query)
{
    return d->answer(query).values;
}

const std::vector<QByteArray> &MessageText::headerList(const char *query)
{
    return headerList(headerQuery(query));
}

const std::optional<QByteArray> &MessageText::header(const HeaderQuery &query)
{
    Private::Answer &answer = d->answer(query);
    if (!answer.isJoined && !answer.values.empty()) {
        QByteArray joined = answer.values.front();
        const bool hasLineEnds = joined.endsWith('\n');
        for (size_t i = 1; i < answer.values.size(); ++i) {
            if (!hasLineEnds) {
                joined.append('\n');
            }
            joined.append(answer.values[i]);
        }
        answer.joined = std::move(joined);
    }
    answer.isJoined = true;
    return answer.joined;
}

const std::optional<QByteArray> &MessageText::header(const char *query)
{
    return header(headerQuery(query));
}

QByteArray MessageText::headerText(const char *text)
{
    const HeaderQuery query = headerQuery(text);
    const std::vector<QByteArray> &values = headerList(query);
    if (values.empty()) {
        return {};
    }
    if (isQueryForOne(query)) {
        const QByteArray &first = values.front();
        return first.endsWith('\n') ? first.chopped(1) : first;
    }
    QByteArray joined;
    for (const QByteArray &value : values) {
        joined += value;
    }
    return joined;
}

std::vector<QByteArray> MessageText::headerValues(const char *name) const
{
    std::vector<QByteArray> values = d->valuesOf(name, false, false);
    for (QByteArray &value : values) {
        value.chop(1);
    }
    return values;
}

void MessageText::setMetadata(const QByteArray &name, const QByteArray &value)
{
    d->metadata[name.toLower()] = value;
    d->answers.clear();
}

const std::map<QByteArray, QByteArray> &MessageText::metadata() const
{
    return d->metadata;
}

const std::vector<TextPart> &MessageText::parts()
{
    return d->tree().parts();
}

const QByteArray &MessageText::raw(int part)
{
    PartTree &tree = d->tree();
    std::optional<QByteArray> &raw = d->rawParts[size_t(part)];
    if (!raw) {
        raw = tree.raw(part);
    }
    return *raw;
}

const QByteArray &MessageText::decoded(int part)
{
    PartTree &tree = d->tree();
    std::optional<QByteArray> &decoded = d->decodedParts[size_t(part)];
    if (!decoded) {
        decoded = tree.decode(part);
    }
    return *decoded;
}

const QByteArray &MessageText::rendered(int part)
{
    static const QByteArray nothing;
    d->render();
    const auto found = std::find_if(d->leaves->begin(), d->leaves->end(),
                                    [part](const auto &leaf) { return leaf.part == part; });
    return found == d->leaves->end() ? nothing : found->text;
}

const std::vector<QByteArray> &MessageText::body()
{
    if (!d->body) {
        d->body = d->bodyOf(&Private::Leaf::text, true);
    }
    return *d->body;
}

const std::vector<QByteArray> &MessageText::visibleBody()
{
    if (!d->visible) {
        d->visible = d->bodyOf(&Private::Leaf::visible, true);
    }
    return *d->visible;
}

const std::vector<QByteArray> &MessageText::invisibleBody()
{
    if (!d->invisible) {
        d->invisible = d->bodyOf(&Private::Leaf::invisible, false);
    }
    return *d->invisible;
}

const std::vector<QByteArray> &MessageText::rawBody()
{
    if (!d->rawBody) {
        d->rawBody.emplace();
        const std::vector<TextPart> &all = parts();
        for (size_t i = 0; i < all.size(); ++i) {
            if (all[i].isLeaf && isTextOrMessage(all[i].effectiveType)
                && all[i].type != "text/calendar" && !all[i].type.isEmpty()) {
                const QByteArrayView text = cutRaw(decoded(int(i)),
                                                   d->settings.rawBodyPartScanSize);
                appendChunks(text, *d->rawBody);
            }
        }
    }
    return *d->rawBody;
}

const QByteArray &MessageText::full()
{
    if (!d->full) {
        const qsizetype begin = d->block.pristine.data() - d->text.constData();
        d->full = QByteArray::fromRawData(d->text.constData() + begin, d->text.size() - begin);
    }
    return *d->full;
}

const HtmlFacts *MessageText::html()
{
    d->render();
    return d->endsWithHtml ? &d->htmlFacts.back() : nullptr;
}

const std::vector<HtmlFacts> &MessageText::allHtml()
{
    d->render();
    return d->htmlFacts;
}

const UriList &MessageText::uris()
{
    if (!d->uris) {
        UriCollector collector(d->domains);
        for (const QByteArray &line : body()) {
            collector.addText(line);
        }
        for (const std::vector<HtmlUri> &links : d->htmlUris) {
            collector.addHtml(links);
        }
        if (d->settings.readsSignatureUris) {
            for (const char *field : {"DomainKey-Signature", "DKIM-Signature"}) {
                for (const QByteArray &value : headerList(field)) {
                    collector.addSignature(value);
                }
            }
        }
        d->uris = collector.take();
        d->uris->isTruncated |= d->isHtmlUriTruncated;
    }
    return *d->uris;
}

const RelayChain &MessageText::relays()
{
    return d->relays();
}

bool MessageText::hasParseFlag(const char *flag)
{
    const QByteArrayView name(flag);
    if (name == QByteArrayView("missing_head_body_separator")) {
        return d->block.lacksSeparator;
    }
    if (name == QByteArrayView("truncated_header") || name == QByteArrayView("truncated_headers")) {
        d->allFields();
        return d->block.isTruncated || d->isAllTruncated;
    }
    const StructureFlags &structure = d->tree().flags();
    if (name == QByteArrayView("missing_mime_head_body_separator")) {
        return structure.missingMimeSeparator;
    }
    if (name == QByteArrayView("missing_mime_headers")) {
        return structure.missingMimeHeaders;
    }
    if (name == QByteArrayView("mime_epilogue_exists")) {
        return structure.hasEpilogue;
    }
    if (name == QByteArrayView("mimepart_limit_exceeded")) {
        return structure.hitPartLimit;
    }
    return name == QByteArrayView("uri_truncated") && uris().isTruncated;
}

}  // namespace portcullis::spam
