// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/MimeScanner.h"

#include "appliance/mail/Parameters.h"

#include <algorithm>
#include <utility>

namespace portcullis::mail {

namespace {

constexpr qsizetype c_reasons = 40;
// Lines that may be boundaries; a message has some per part.
constexpr size_t c_dashLines = 1'000'000;

qsizetype lineEnd(QByteArrayView bytes, qsizetype at, qsizetype limit)
{
    const qsizetype newline = bytes.first(limit).indexOf('\n', at);
    return newline < 0 ? limit : newline + 1;
}

// The line ending before a boundary belongs to the boundary (RFC 2046 §5.1.1).
qsizetype withoutLineEnding(QByteArrayView bytes, qsizetype begin, qsizetype end)
{
    if (end > begin && bytes[end - 1] == '\n') {
        --end;
        if (end > begin && bytes[end - 1] == '\r') {
            --end;
        }
    }
    return end;
}

bool isMessageType(const QByteArray &type)
{
    return type == "message/rfc822" || type == "message/global" || type == "message/news";
}

bool containsIgnoringCase(QByteArrayView text, QByteArrayView lowerNeedle)
{
    return std::search(text.begin(), text.end(), lowerNeedle.begin(), lowerNeedle.end(),
                       [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; })
           != text.end();
}

QString ofPart(int id, const char *what)
{
    return QStringLiteral("part %1: %2").arg(id).arg(QLatin1StringView(what));
}

}  // namespace

void addReason(QStringList &reasons, const QString &reason)
{
    if (reasons.size() < c_reasons && !reasons.contains(reason)) {
        reasons.append(reason);
    }
}

MimeScanner::MimeScanner(QByteArrayView message, const MimeLimits &limits)
    : m_limits(limits)
    , m_headerBudget{limits.headerFields, limits.headerBytes}
{
    addSource(message);
}

void MimeScanner::addSource(QByteArrayView bytes)
{
    Source source{bytes, {}};
    qsizetype newline = -1;
    do {
        const qsizetype lineBegin = newline + 1;
        if (bytes.sliced(lineBegin).startsWith("--")) {
            if (source.dashLines.size() == c_dashLines) {
                addReason(defects.unscannable,
                          QStringLiteral("too many lines that may be boundaries"));
                break;
            }
            source.dashLines.push_back(lineBegin);
        }
        newline = bytes.indexOf('\n', lineBegin);
    } while (newline >= 0);
    m_sources.push_back(std::move(source));
}

int MimeScanner::addDecodedSource(QByteArray bytes)
{
    decodedBytes += bytes.size();
    sources.push_back(std::move(bytes));
    addSource(sources.back());
    return static_cast<int>(sources.size());
}

void MimeScanner::run()
{
    const QByteArrayView message = m_sources.front().bytes;
    if (message.contains('\0')) {
        addReason(defects.broken, QStringLiteral("NUL octets"));
    }
    scanEntity({.source = 0, .span = {0, message.size()}});
    offerPrefixViews();
    while (!m_alternatives.empty()) {
        const Task task = std::move(m_alternatives.front());
        m_alternatives.pop_front();
        ++m_view;
        if (task.choice.isHidden) {
            addHidden(task);
        } else {
            scanEntity(task);
        }
    }
}

Part *MimeScanner::newPart(const Task &task, PartKind kind)
{
    if (parts.size() >= static_cast<size_t>(m_limits.parts)) {
        addReason(defects.unscannable, QStringLiteral("more than %1 parts").arg(m_limits.parts));
        return nullptr;
    }
    Part &part = parts.emplace_back();
    part.id = static_cast<int>(parts.size());
    part.parent = task.parent;
    part.depth = task.depth;
    part.view = m_view;
    part.source = task.source;
    part.kind = kind;
    part.body = task.span;
    part.header = {task.span.begin, task.span.begin};
    return &part;
}

void MimeScanner::offer(const Task &task, Choice choice, const QString &reason)
{
    addReason(defects.ambiguous, reason);
    if (!m_offered
             .emplace(task.source, task.span.begin, task.span.end, choice.headerEnd,
                      choice.reading.type + '\n' + choice.reading.boundary, choice.hasPrefixMatch,
                      choice.ignoresClose)
             .second) {
        return;
    }
    if (m_viewsOffered == m_limits.views) {
        addReason(defects.unscannable,
                  QStringLiteral("more than %1 alternative readings").arg(m_limits.views));
        return;
    }
    ++m_viewsOffered;
    Task alternative = task;
    choice.isForced = true;
    alternative.choice = std::move(choice);
    m_alternatives.push_back(std::move(alternative));
}

void MimeScanner::noteDescription(const PartDescription &description, int id)
{
    if (description.hasConflictingTypes) {
        addReason(defects.ambiguous, ofPart(id, "content types that contradict each other"));
    }
    if (description.hasConflictingNames) {
        addReason(defects.ambiguous, ofPart(id, "file names that contradict each other"));
    }
    if (description.hasInvalidType) {
        addReason(defects.broken, ofPart(id, "invalid Content-Type"));
    }
    if (description.isOverLimit) {
        addReason(defects.unscannable, ofPart(id, "too many parameters, Content fields or names"));
    }
    if (description.isEncrypted) {
        addReason(defects.encrypted, ofPart(id, "S/MIME or OpenPGP"));
    }
    if (description.isFragment) {
        addReason(defects.unscannable, ofPart(id, "a fragment of a message (message/partial)"));
    }
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by MimeLimits::nesting
void MimeScanner::scanEntity(const Task &task)
{
    Part *part = newPart(task, PartKind::Leaf);
    if (part == nullptr) {
        return;
    }
    const int index = part->id - 1;
    const QByteArrayView bytes = m_sources[static_cast<size_t>(task.source)].bytes;
    HeaderBlock block = scanHeader(bytes, task.span, m_headerBudget, task.choice.headerEnd);
    part->fields = std::move(block.fields);
    part->header = {task.span.begin, block.headerEnd};
    part->body = {std::min(block.bodyBegin, task.span.end), task.span.end};
    if (block.isBroken) {
        addReason(defects.broken, ofPart(part->id, "a header line is no field"));
    }
    if (block.isOverLimit) {
        addReason(defects.unscannable, QStringLiteral("header fields exceed the limits"));
    }
    if (block.otherEnd >= 0 && !task.choice.isForced) {
        Choice choice;
        choice.headerEnd = block.otherEnd;
        offer(task, std::move(choice), ofPart(part->id, "the header may end earlier"));
    }
    const PartDescription description = describe(*part, task.defaultType, m_limits);
    noteDescription(description, part->id);
    scanAs(task, index, description);
}

bool MimeScanner::hasDelimiter(const Source &source, Span body, QByteArrayView boundary) const
{
    auto at = std::lower_bound(source.dashLines.begin(), source.dashLines.end(), body.begin);
    for (; at != source.dashLines.end() && *at < body.end; ++at) {
        qsizetype next = 0;
        const Delimiter delimiter = delimiterAt(source, *at, body.end, boundary, false, next);
        if (delimiter == Delimiter::Open || delimiter == Delimiter::Close) {
            return true;
        }
    }
    return false;
}

// Chooses the reading to follow and offers the others that lead somewhere. False: none of a
// multipart's boundaries occurs.
bool MimeScanner::pickReading(const Task &task,
                              const PartDescription &description,
                              int index,
                              TypeReading &picked)
{
    const Part &part = parts[static_cast<size_t>(index)];
    const Source &source = m_sources[static_cast<size_t>(task.source)];
    const bool isFirstMultipart = description.readings.front().isMultipart();
    bool isPicked = false;
    for (const TypeReading &reading : description.readings) {
        const bool isLive = reading.isMultipart() && !reading.boundary.isEmpty()
                            && hasDelimiter(source, part.body, reading.boundary);
        const bool isWanted = isFirstMultipart ? isLive : !reading.isMultipart();
        if (!isPicked && isWanted) {
            picked = reading;
            isPicked = true;
        } else if (isLive || (!reading.isMultipart() && isFirstMultipart)) {
            Choice choice;
            choice.reading = reading;
            offer(task, std::move(choice), ofPart(part.id, "several boundaries or types apply"));
        }
    }
    return isPicked;
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by MimeLimits::nesting
void MimeScanner::scanAs(const Task &task, int index, const PartDescription &description)
{
    TypeReading reading = task.choice.reading;
    bool isFound = true;
    if (reading.type.isEmpty()) {
        reading = description.readings.front();
        if (description.readings.size() > 1 || reading.isMultipart()) {
            isFound = pickReading(task, description, index, reading);
        }
    }
    Part &part = parts[static_cast<size_t>(index)];
    if (part.declaredType != reading.type) {
        std::erase(part.otherDeclaredTypes, reading.type);
        part.otherDeclaredTypes.push_back(std::exchange(part.declaredType, reading.type));
    }
    if (!reading.isMultipart() && !isMessageType(reading.type)) {
        scanLeaf(task, index);
        return;
    }
    if (task.depth >= m_limits.nesting) {
        addReason(defects.unscannable,
                  QStringLiteral("parts nest deeper than %1 levels").arg(m_limits.nesting));
        return;
    }
    if (isMessageType(reading.type)) {
        scanEmbeddedMessage(task, index);
    } else if (isFound) {
        part.boundary = reading.boundary;
        scanMultipart(task, index);
    } else {
        scanWithoutBoundary(task, index);
    }
}

MimeScanner::Delimiter MimeScanner::delimiterAt(const Source &source,
                                                qsizetype at,
                                                qsizetype limit,
                                                QByteArrayView boundary,
                                                bool hasPrefixMatch,
                                                qsizetype &next) const
{
    const QByteArrayView rest = source.bytes.first(limit).sliced(at + 2);
    if (!rest.startsWith(boundary)) {
        return Delimiter::None;
    }
    next = lineEnd(source.bytes, at, limit);
    QByteArrayView tail = source.bytes.first(next).sliced(at + 2 + boundary.size());
    const bool isClose = tail.startsWith("--");
    const QByteArrayView padding = isClose ? tail.sliced(2) : tail;
    // RFC 2046 §5.1.1 transport-padding.
    if (padding.trimmed().isEmpty()) {
        return isClose ? Delimiter::Close : Delimiter::Open;
    }
    if (tail.trimmed().isEmpty()) {
        return Delimiter::Open;
    }
    return hasPrefixMatch ? Delimiter::Open : Delimiter::Prefix;
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by MimeLimits::nesting
void MimeScanner::scanMultipart(const Task &task, int index)
{
    const Part whole = parts[static_cast<size_t>(index)];
    parts[static_cast<size_t>(index)].kind = PartKind::Multipart;
    if (!m_boundaries.insert(whole.boundary).second && m_view == 0) {
        addReason(defects.broken, ofPart(whole.id, "a boundary is used twice"));
    }
    const Source &source = m_sources[static_cast<size_t>(task.source)];
    const Choice &choice = task.choice;
    qsizetype childBegin = -1;
    bool isClosed = false;
    bool isPrefixSeen = false;
    qsizetype outside = whole.body.begin;  // where preamble or epilogue starts
    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by MimeLimits::nesting
    const auto scanChild = [&](qsizetype end) {
        scanEntity({.source = task.source,
                    .span = {childBegin, std::max(childBegin, withoutLineEnding(source.bytes,
                                                                                childBegin, end))},
                    .parent = whole.id,
                    .depth = task.depth + 1,
                    .defaultType = whole.declaredType == "multipart/digest" ? "message/rfc822"
                                                                            : "text/plain"});
    };
    auto at = std::lower_bound(source.dashLines.begin(), source.dashLines.end(), whole.body.begin);
    for (; at != source.dashLines.end() && *at < whole.body.end; ++at) {
        qsizetype next = 0;
        const Delimiter delimiter = delimiterAt(source, *at, whole.body.end, whole.boundary,
                                                choice.hasPrefixMatch, next);
        isPrefixSeen = isPrefixSeen || delimiter == Delimiter::Prefix;
        if (delimiter != Delimiter::Open && delimiter != Delimiter::Close) {
            continue;
        }
        if (isClosed) {
            Choice other;
            other.ignoresClose = true;
            other.reading = {whole.declaredType, whole.boundary};
            offer(task, std::move(other), ofPart(whole.id, "boundaries follow the final boundary"));
            break;
        }
        if (childBegin >= 0) {
            scanChild(*at);
        } else {
            offerHidden(task, index, {outside, *at});
        }
        if (parts.size() >= static_cast<size_t>(m_limits.parts)) {
            addReason(defects.unscannable,
                      QStringLiteral("more than %1 parts").arg(m_limits.parts));
            return;
        }
        childBegin = next;
        outside = next;
        isClosed = delimiter == Delimiter::Close && !choice.ignoresClose;
    }
    if (!isClosed) {
        addReason(defects.broken, ofPart(whole.id, "no final boundary"));
        if (childBegin >= 0 && childBegin < whole.body.end) {
            scanChild(whole.body.end);
        }
    } else {
        offerHidden(task, index, {outside, whole.body.end});
    }
    if (isPrefixSeen && !choice.isForced) {
        Task suspect = task;
        suspect.choice.reading = {whole.declaredType, whole.boundary};
        suspect.choice.headerEnd = whole.id;  // the part, until the alternative is offered
        m_prefixSuspects.push_back(std::move(suspect));
    }
}

// Lines that start with a boundary and go on: boundaries to a careless reader, unless they are the
// boundaries of another multipart of this message (`abc` and `abc-1` are common together).
void MimeScanner::offerPrefixViews()
{
    for (Task &suspect : std::exchange(m_prefixSuspects, {})) {
        const int id = static_cast<int>(suspect.choice.headerEnd);
        const Part &part = parts[static_cast<size_t>(id) - 1];
        const Source &source = m_sources[static_cast<size_t>(part.source)];
        auto at = std::lower_bound(source.dashLines.begin(), source.dashLines.end(),
                                   part.body.begin);
        for (; at != source.dashLines.end() && *at < part.body.end; ++at) {
            qsizetype next = 0;
            if (delimiterAt(source, *at, part.body.end, part.boundary, false, next)
                != Delimiter::Prefix) {
                continue;
            }
            QByteArray line = source.bytes.sliced(*at + 2, next - *at - 2).trimmed().toByteArray();
            const bool isClosing = line.endsWith("--");
            if (m_boundaries.contains(line)
                || (isClosing && m_boundaries.contains(line.first(line.size() - 2)))) {
                continue;
            }
            Choice choice;
            choice.reading = suspect.choice.reading;
            choice.hasPrefixMatch = true;
            offer(suspect, std::move(choice),
                  ofPart(id, "lines that only start with the boundary"));
            break;
        }
    }
}

void MimeScanner::offerHidden(const Task &task, int index, Span span)
{
    const Part &part = parts[static_cast<size_t>(index)];
    const QByteArrayView text = span.of(m_sources[static_cast<size_t>(task.source)].bytes);
    if (text.size() < 16
        || !(containsIgnoringCase(text, "content-") || text.contains("\nbegin ")
             || text.contains('\0'))) {
        return;
    }
    Task hidden{.source = task.source, .span = span, .parent = part.id, .depth = task.depth + 1};
    Choice choice;
    choice.isHidden = true;
    offer(hidden, std::move(choice), ofPart(part.id, "content outside of the boundaries"));
}

void MimeScanner::addHidden(const Task &task)
{
    if (Part *part = newPart(task, PartKind::Hidden); part != nullptr) {
        part->declaredType = "text/plain";
    }
}

// A multipart whose boundary never occurs. Some readers guess: the first line that starts with `--`
// and is followed by something like a header.
void MimeScanner::scanWithoutBoundary(const Task &task, int index)
{
    const Part part = parts[static_cast<size_t>(index)];
    const Source &source = m_sources[static_cast<size_t>(task.source)];
    addReason(defects.broken, ofPart(part.id, "the boundary does not occur"));
    const TransferEncoding encoding = transferEncoding(part.transferEncoding);
    if (encoding == TransferEncoding::Base64 || encoding == TransferEncoding::QuotedPrintable) {
        // RFC 2045 §6.4 forbids it, and some readers decode it nevertheless.
        QByteArray decoded = decodeAs(encoding, part.body.of(source.bytes)).bytes;
        if (decodedBytes + decoded.size() <= m_limits.decodedBytes) {
            decoded.prepend("Content-Type: " + part.declaredType + "; boundary=\"" + part.boundary
                            + "\"\r\n\r\n");
            Task inside{.span = {0, decoded.size()}, .parent = part.id, .depth = task.depth + 1};
            inside.source = addDecodedSource(std::move(decoded));
            offer(inside, {}, ofPart(part.id, "an encoded multipart"));
        }
    }
    const auto first = std::lower_bound(source.dashLines.begin(), source.dashLines.end(),
                                        part.body.begin);
    for (auto at = first; at != source.dashLines.end() && *at < part.body.end; ++at) {
        const qsizetype next = lineEnd(source.bytes, *at, part.body.end);
        const QByteArray guess =
            source.bytes.sliced(*at + 2, next - *at - 2).trimmed().toByteArray();
        const QByteArrayView following = source.bytes.first(part.body.end)
                                             .sliced(next)
                                             .first(std::min<qsizetype>(8, part.body.end - next));
        if (!guess.isEmpty() && guess.size() <= m_limits.boundaryLength
            && following.compare("content-", Qt::CaseInsensitive) == 0) {
            Choice choice;
            choice.reading = {part.declaredType, guess};
            offer(task, std::move(choice), ofPart(part.id, "an undeclared boundary"));
            break;
        }
    }
    scanLeaf(task, index);
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by MimeLimits::nesting
void MimeScanner::scanEmbeddedMessage(const Task &task, int index)
{
    const Part part = parts[static_cast<size_t>(index)];
    parts[static_cast<size_t>(index)].kind = PartKind::Message;
    const QByteArrayView body = part.body.of(m_sources[static_cast<size_t>(task.source)].bytes);
    const Task plain{
        .source = task.source, .span = part.body, .parent = part.id, .depth = task.depth + 1};
    const TransferEncoding encoding = transferEncoding(part.transferEncoding);
    if (encoding == TransferEncoding::Identity || encoding == TransferEncoding::Unknown) {
        scanEntity(plain);
        return;
    }
    // RFC 2046 §5.2.1 allows no encoding here; senders use it, and readers differ.
    addReason(defects.broken, ofPart(part.id, "an encoded message/rfc822"));
    QByteArray decoded = decodeAs(encoding, body).bytes;
    if (decodedBytes + decoded.size() > m_limits.decodedBytes) {
        addReason(defects.unscannable, QStringLiteral("decoded parts exceed the limit"));
        return;
    }
    Task inside{.span = {0, decoded.size()}, .parent = part.id, .depth = task.depth + 1};
    inside.source = addDecodedSource(std::move(decoded));
    HeaderBudget probe{16, 4096};
    const Span start{part.body.begin, std::min(part.body.end, part.body.begin + 4096)};
    const bool looksPlain =
        !scanHeader(m_sources[static_cast<size_t>(task.source)].bytes, start, probe).fields.empty();
    if (looksPlain) {
        scanEntity(plain);
        offer(inside, {}, ofPart(part.id, "a message that is encoded or is not"));
    } else {
        scanEntity(inside);
    }
}

void MimeScanner::scanLeaf(const Task &task, int index)
{
    const Part &part = parts[static_cast<size_t>(index)];
    if (!part.isText() || part.body.isEmpty()) {
        return;
    }
    const Source &source = m_sources[static_cast<size_t>(task.source)];
    const QByteArrayView body = part.body.of(source.bytes);
    for (auto at =
             std::lower_bound(source.dashLines.begin(), source.dashLines.end(), part.body.begin);
         at != source.dashLines.end() && *at < part.body.end; ++at) {
        if (source.bytes.sliced(*at).startsWith("-----BEGIN PGP MESSAGE-----")) {
            addReason(defects.encrypted, ofPart(part.id, "OpenPGP"));
        }
    }
    const TransferEncoding encoding = transferEncoding(part.transferEncoding);
    const bool isDecoded = encoding == TransferEncoding::Base64
                           || (encoding == TransferEncoding::QuotedPrintable
                               && body.contains("begin "));
    const bool isFileItself = encoding == TransferEncoding::Uuencode
                              || encoding == TransferEncoding::YEnc;
    if (isFileItself || (!isDecoded && !body.contains("begin "))) {
        return;
    }
    QByteArray decoded = isDecoded ? decodeAs(encoding, body).bytes : QByteArray();
    const auto [files, isTooMany] = findEmbedded(isDecoded ? QByteArrayView(decoded) : body,
                                                 static_cast<size_t>(m_limits.parts));
    if (files.empty()) {
        return;
    }
    if (isTooMany) {
        addReason(defects.unscannable, ofPart(part.id, "too many files inside a text"));
    }
    const qsizetype offset = isDecoded ? 0 : part.body.begin;
    const int number = isDecoded ? addDecodedSource(std::move(decoded)) : task.source;
    const int parent = part.id;
    for (const EmbeddedFile &file : files) {
        const Task inside{.source = number,
                          .span = {offset + file.begin, offset + file.end},
                          .parent = parent,
                          .depth = task.depth + 1};
        Part *embedded = newPart(inside, PartKind::Embedded);
        if (embedded == nullptr) {
            return;
        }
        embedded->declaredType = "application/octet-stream";
        embedded->transferEncoding = file.encoding == TransferEncoding::YEnc ? "x-yenc"
                                                                             : "x-uuencode";
        embedded->disposition = Disposition::Attachment;
        embedded->fileNames = fileNameForms({QString::fromUtf8(file.name)}, m_limits.fileNames)
                                  .first;
    }
}

}  // namespace portcullis::mail
