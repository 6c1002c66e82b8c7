// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/PartTree.h"

#include "appliance/spam/text/ContentType.h"
#include "appliance/spam/text/HeaderDecoding.h"
#include "appliance/spam/text/MessageText.h"
#include "appliance/spam/text/Octets.h"
#include "appliance/spam/text/TransferDecoding.h"

namespace portcullis::spam {

namespace {

/// Longer lines are cut, as the peer does; rules see the line ends that come of it.
constexpr qsizetype longestSourceLine = 2'048;
/// More empty lines in a row are dropped.
constexpr size_t mostEmptyLines = 20;

bool isEmptyLine(QByteArrayView line)
{
    return octets::skipSpace(line, 0) == line.size();
}

enum class Border : quint8 { None, Next, Last };

Border borderOf(QByteArrayView line, QByteArrayView boundary)
{
    if (!line.startsWith("--") || !line.sliced(2).startsWith(boundary)) {
        return Border::None;
    }
    const QByteArrayView rest = line.sliced(2 + boundary.size());
    if (isEmptyLine(rest)) {
        return Border::Next;
    }
    return rest.startsWith("--") && isEmptyLine(rest.sliced(2)) ? Border::Last : Border::None;
}

bool hasEpilogueText(QByteArrayView line)
{
    for (const char c : line) {
        if (!octets::isSpace(c) && c != '.') {
            return true;
        }
    }
    return false;
}

bool isMultipart(const QByteArray &type)
{
    return type.startsWith("multipart/");
}

bool isHtmlName(QByteArrayView name)
{
    if (name.endsWith('\n')) {
        name.chop(1);
    }
    for (const char *ending : {".html", ".shtml", ".htm", ".shtm"}) {
        const QByteArrayView suffix(ending);
        if (name.size() >= suffix.size()
            && octets::equalsIgnoringCase(name.last(suffix.size()), suffix)) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::vector<QByteArray> TextPart::values(QByteArrayView fieldName) const
{
    std::vector<QByteArray> result;
    for (const HeaderLine &line : headers) {
        if (octets::equalsIgnoringCase(line.name, fieldName)) {
            result.push_back(line.decoded);
        }
    }
    return result;
}

QByteArray TextPart::value(QByteArrayView fieldName) const
{
    for (auto line = headers.rbegin(); line != headers.rend(); ++line) {
        if (octets::equalsIgnoringCase(line->name, fieldName)) {
            return line->decoded;
        }
    }
    return {};
}

PartTree::PartTree(const HeaderBlock &top, std::vector<HeaderLine> fields, const TextLimits &limits)
    : m_limits(limits)
{
    addMessage(top, std::move(fields), -1, limits.depth);
    while (!m_tasks.empty()) {
        Task task = std::move(m_tasks.front());
        m_tasks.pop_front();
        if (isMultipart(m_nodes[size_t(task.node)].part.type) && task.boundary && task.depth > 0) {
            readMultipart(task);
        } else {
            readLeaf(task);
        }
    }
    order();
}

int PartTree::addNode(TextPart part, int parent)
{
    const int node = int(m_nodes.size());
    part.parent = parent;
    m_nodes.push_back({std::move(part), {}});
    if (parent >= 0) {
        m_nodes[size_t(parent)].part.children.push_back(node);
        m_nodes[size_t(parent)].part.isLeaf = false;
    }
    return node;
}

void PartTree::addMessage(const HeaderBlock &block,
                          std::vector<HeaderLine> fields,
                          int parent,
                          int depth)
{
    TextPart part;
    part.headers = std::move(fields);
    const ContentType type = readContentType(part.value("content-type"));
    part.type = type.type;
    const int node = addNode(std::move(part), parent);

    Lines lines = bodyLines(block.body);
    // Fields at the top of a multipart body must not be taken for those of its first entity.
    if (isMultipart(type.type) && lines.size() > 1 && !isEmptyLine(lines.front())
        && (!type.boundary || !lines.front().startsWith("--" + *type.boundary))) {
        lines.insert(lines.begin(), QByteArrayView("\n"));
    }
    m_tasks.push_back({node, type.boundary, std::move(lines), depth});
}

PartTree::Lines PartTree::bodyLines(QByteArrayView body)
{
    Lines lines;
    lines.reserve(size_t(body.size() / 40 + 8));
    size_t empty = 0;
    const auto squeeze = [&] {
        // The first one stays and the last 19; at the top of a body one more.
        const size_t begin = lines.size() - empty;
        const size_t kept = mostEmptyLines + (begin == 0 ? 1 : 0);
        if (empty > kept) {
            const auto from = lines.begin() + qsizetype(begin == 0 ? 2 : begin + 1);
            lines.erase(from, from + qsizetype(empty - kept));
        }
        empty = 0;
    };
    for (qsizetype at = 0; at < body.size();) {
        const QByteArrayView line = octets::lineAt(body, at);
        at += line.size();
        if (isEmptyLine(line)) {
            ++empty;
        } else {
            squeeze();
        }
        lines.push_back(line);
    }
    squeeze();
    return lines;
}

void PartTree::addLine(Lines &lines, QByteArrayView line)
{
    static constexpr char lineEnd[] = "\n";
    while (line.size() > longestSourceLine) {
        lines.push_back(line.first(longestSourceLine));
        lines.push_back(QByteArrayView(lineEnd, 1));
        line = line.sliced(longestSourceLine);
    }
    lines.push_back(line);
    // What was cut in an outer entity is, with the line end it got, too long for an inner one again.
    if (line.size() == longestSourceLine && !line.endsWith('\n')) {
        lines.push_back(QByteArrayView(lineEnd, 1));
    }
}

void PartTree::closeField(Entity &entity)
{
    const qsizetype colon = octets::find(entity.field, ':');
    const QByteArrayView name = entity.field.first(colon);
    const QByteArrayView value = entity.field.sliced(octets::skipSpace(entity.field, colon + 1));
    if (entity.part.headers.size() < size_t(m_limits.fields)) {
        entity.part.headers.push_back(
            {name.toByteArray(), value.toByteArray(), decodeFieldValue(value, name)});
    }
    entity.hasField = false;
}

/// False: the line belongs to the body.
bool PartTree::takeHeaderLine(Entity &entity,
                              QByteArrayView line,
                              const std::optional<QByteArray> &boundary)
{
    if (beginsField(line, true)) {
        if (entity.hasField) {
            closeField(entity);
        }
        entity.field = line;
        entity.hasField = true;
        return true;
    }
    if (entity.hasField && octets::isBlank(line.front())) {
        // Lines of a field follow each other in the text.
        entity.field = QByteArrayView(entity.field.data(), line.end());
        return true;
    }
    if (entity.hasField) {
        closeField(entity);
        const HeaderLine &last = entity.part.headers.back();
        // An inner entity with the boundary of the outer one: what follows, up to its end, is inner.
        if (octets::equalsIgnoringCase(last.name, "content-type")
            && readContentType(entity.part.value("content-type")).boundary == boundary) {
            m_isNested = true;
        }
    }
    entity.isInBody = true;
    if (line == QByteArrayView("\n") || line == QByteArrayView("\r\n")) {
        return true;
    }
    m_flags.missingMimeSeparator = true;
    return false;
}

void PartTree::closeEntity(Entity &entity, const Task &task, bool isAtBoundary)
{
    // RFC 2046 §5.1.1: the line end before a boundary belongs to it.
    if (isAtBoundary && entity.hasLines) {
        QByteArrayView &last = entity.lines.back();
        last.chop(last.endsWith('\n') ? 1 : 0);
        if (last.isEmpty()) {
            entity.lines.pop_back();
        }
    }
    const ContentType type = readContentType(entity.part.value("content-type"));
    entity.part.type = type.type;
    if (type.isMissing && m_nodes[size_t(task.node)].part.type == "multipart/digest") {
        entity.part.type = QByteArrayLiteral("message/rfc822");
    }
    const bool hasOwn = type.boundary && *type.boundary != "0";
    const int node = addNode(std::move(entity.part), task.node);
    m_tasks.push_back(
        {node, hasOwn ? type.boundary : task.boundary, std::move(entity.lines), task.depth - 1});
    entity = {};
}

void PartTree::readMultipart(Task &task)
{
    const QByteArray &boundary = *task.boundary;
    const Lines &lines = task.lines;
    m_nodes[size_t(task.node)].part.isLeaf = false;

    size_t at = 0;
    while (at < lines.size() && borderOf(lines[at], boundary) != Border::Next) {
        ++at;
    }
    if (at == lines.size()) {
        at = 0;  // no boundary at all: everything is the first entity
    } else if (++at < lines.size() && !beginsField(lines[at], false)) {
        m_flags.missingMimeHeaders = true;
    }

    m_isNested = false;
    Entity entity;
    int count = 0;
    for (; at < lines.size(); ++at) {
        const QByteArrayView line = lines[at];
        const bool isLastLine = at + 1 == lines.size();
        Border border = borderOf(line, boundary);
        if (border != Border::None && m_isNested) {
            m_isNested = border != Border::Last;
            border = Border::None;
        }
        if (!isLastLine && border == Border::None) {
            if (entity.isInBody || !takeHeaderLine(entity, line, task.boundary)) {
                addLine(entity.lines, line);
                entity.hasLines = true;
            }
            continue;
        }
        if (border == Border::None) {
            addLine(entity.lines, line);
        }
        closeEntity(entity, task, border != Border::None);
        if (border == Border::Last) {
            ++at;
            break;
        }
        if (!isLastLine && !beginsField(lines[at + 1], false)) {
            m_flags.missingMimeHeaders = true;
        }
        if (++count == m_limits.partsOfEntity || m_nodes.size() >= size_t(m_limits.parts)) {
            m_flags.hitPartLimit = true;
            return;
        }
    }
    for (; at < lines.size() && !m_flags.hasEpilogue; ++at) {
        m_flags.hasEpilogue = hasEpilogueText(lines[at]);
    }
}

void PartTree::readLeaf(Task &task)
{
    Node &node = m_nodes[size_t(task.node)];
    TextPart &part = node.part;
    const ContentType type = readContentType(part.value("content-type"));
    if (!type.isMissing) {
        part.type = isMultipart(type.type) && !task.boundary ? QByteArrayLiteral("text/plain")
                                                             : type.type;
    }
    part.charset = type.charset;
    part.boundary = task.boundary;
    part.name = dispositionName(part.value("content-disposition"));
    if (part.name.isEmpty()) {
        part.name = type.name;
    }
    node.lines = std::move(task.lines);
    if ((part.type == "message/rfc822" || part.type == "message/global") && task.depth > 0
        && m_nodes.size() < size_t(m_limits.parts)) {
        readInnerMessage(task.node, task.depth - 1);
    }
}

void PartTree::readInnerMessage(int node, int depth)
{
    QByteArray text = decodeLines(m_nodes[size_t(node)].part, m_nodes[size_t(node)].lines);
    if (text.isEmpty()) {
        return;
    }
    text.detach();
    m_inner.push_back(std::move(text));
    HeaderBlock block = readHeaderBlock(m_inner.back(), m_limits);
    std::vector<HeaderLine> fields = std::move(block.fields);
    addMessage(block, std::move(fields), node, depth);
    m_nodes[size_t(node)].lines.clear();
}

QByteArray PartTree::joined(const Lines &lines)
{
    if (lines.empty()) {
        return {};
    }
    const char *const begin = lines.front().data();
    const char *end = begin;
    qsizetype size = 0;
    bool isWhole = true;
    for (const QByteArrayView line : lines) {
        isWhole = isWhole && line.data() == end;
        end = line.data() + line.size();
        size += line.size();
    }
    if (isWhole) {
        return QByteArray::fromRawData(begin, size);
    }
    QByteArray result;
    result.reserve(size);
    for (const QByteArrayView line : lines) {
        result.append(line.data(), line.size());
    }
    return result;
}

QByteArray PartTree::raw(int part) const
{
    return joined(m_nodes[size_t(m_nodeOfPart[size_t(part)])].lines);
}

QByteArray PartTree::decodeLines(const TextPart &part, const Lines &lines)
{
    const QByteArray encoded = joined(lines);
    const QByteArray encoding = part.value("content-transfer-encoding");
    const bool isQuotedPrintable = octets::equalsIgnoringCase(encoding, "quoted-printable");
    if (!isQuotedPrintable && !octets::equalsIgnoringCase(encoding, "base64")) {
        return encoded;
    }
    QByteArray text = isQuotedPrintable ? decodeQuotedPrintableAsPeer(encoded)
                                        : decodeBase64AsPeer(encoded);
    const QByteArray &type = part.type;
    const bool isText = isQuotedPrintable || type.startsWith("text/")
                        || type.startsWith("message/");
    if (isText && text.contains('\r')) {
        QByteArray converted = octets::withLineFeeds(text);
        converted.detach();
        return converted;
    }
    return text;
}

QByteArray PartTree::decode(int part) const
{
    return decodeLines(m_parts[size_t(part)], m_nodes[size_t(m_nodeOfPart[size_t(part)])].lines);
}

/// Nodes were found breadth first; their users want them depth first.
void PartTree::order()
{
    std::vector<int> stack = {0};
    std::vector<int> indexOfNode(m_nodes.size(), -1);
    while (!stack.empty()) {
        const int node = stack.back();
        stack.pop_back();
        indexOfNode[size_t(node)] = int(m_nodeOfPart.size());
        m_nodeOfPart.push_back(node);
        const std::vector<int> &children = m_nodes[size_t(node)].part.children;
        stack.insert(stack.end(), children.rbegin(), children.rend());
    }
    m_parts.reserve(m_nodes.size());
    for (const int node : m_nodeOfPart) {
        TextPart part = std::move(m_nodes[size_t(node)].part);
        part.parent = part.parent < 0 ? -1 : indexOfNode[size_t(part.parent)];
        for (int &child : part.children) {
            child = indexOfNode[size_t(child)];
        }
        part.effectiveType = isHtmlName(part.name) ? QByteArrayLiteral("text/html") : part.type;
        m_parts.push_back(std::move(part));
    }
}

}  // namespace portcullis::spam
