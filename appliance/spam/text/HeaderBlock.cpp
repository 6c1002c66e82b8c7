// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/HeaderBlock.h"

#include "appliance/spam/text/HeaderDecoding.h"
#include "appliance/spam/text/MessageText.h"
#include "appliance/spam/text/Octets.h"

namespace portcullis::spam {

namespace {

/// So many lines that are no field are overlooked; the next one is the body's first.
constexpr int mostBrokenLines = 3;

bool isMboxLine(QByteArrayView line)
{
    if (!line.startsWith("From") || line.size() < 5 || !octets::isSpace(line[4])) {
        return false;
    }
    // "From : x" is a field with obsolete syntax (RFC 5322 §4.5).
    return line.size() == 5 || line[5] != ':';
}

bool matchesShape(QByteArrayView text, QByteArrayView shape)
{
    if (text.size() < shape.size()) {
        return false;
    }
    for (qsizetype i = 0; i < shape.size(); ++i) {
        const char c = text[i];
        switch (shape[i]) {
        case '9':
            if (!octets::isDigit(c)) {
                return false;
            }
            break;
        case '_':
            if (!octets::isDigit(c) && !octets::isSpace(c)) {
                return false;
            }
            break;
        case 'a':
            if (!octets::isLetter(c)) {
                return false;
            }
            break;
        default:
            if (c != shape[i]) {
                return false;
            }
        }
    }
    return true;
}

/// The line between messages of an MBX file: " 2-Feb-2004 10:22:33 -0800,2134;000000000000-00000c5e".
bool isMbxLine(QByteArrayView line)
{
    constexpr qsizetype statusSize = 22;  // ";" status "-" identifier
    line = octets::trimmedEnd(line);
    if (line.size() < 20 + statusSize || !matchesShape(line, "_9-aaa-9999 99:99:99")) {
        return false;
    }
    const QByteArrayView status = line.last(statusSize);
    return status[0] == ';' && status[13] == '-'
           && octets::isDigit(line[line.size() - statusSize - 1]);
}

void addField(QByteArrayView field, HeaderBlock &block, const TextLimits &limits)
{
    const qsizetype colon = octets::find(field, ':');
    if (colon < 0 || block.fields.size() >= size_t(limits.fields)) {
        return;
    }
    QByteArrayView name = field.first(colon);
    while (!name.isEmpty() && octets::isBlank(name.back())) {
        name.chop(1);
    }
    QByteArrayView value = field.sliced(colon + 1);
    if (name.size() > limits.fieldName || value.size() > limits.fieldValue) {
        block.isTruncated = true;
        name.truncate(qMin(name.size(), limits.fieldName));
        value.truncate(qMin(value.size(), limits.fieldValue));
    }
    block.fields.push_back(
        {name.toByteArray(), value.toByteArray(), decodeFieldValue(value, name)});
}

}  // namespace

bool beginsField(QByteArrayView line, bool allowsSpace)
{
    qsizetype at = 0;
    while (at < line.size() && line[at] > 32 && line[at] < 127 && line[at] != ':') {
        ++at;
    }
    if (at == 0) {
        return false;
    }
    while (allowsSpace && at < line.size() && octets::isBlank(line[at])) {
        ++at;
    }
    return at < line.size() && line[at] == ':';
}

HeaderBlock readHeaderBlock(QByteArrayView text, const TextLimits &limits)
{
    HeaderBlock block;
    qsizetype at = 0;
    const QByteArrayView firstLine = octets::lineAt(text, 0);
    if (isMboxLine(firstLine) || isMbxLine(firstLine)) {
        block.mboxLine = firstLine;
        at = firstLine.size();
    }
    const qsizetype begin = at;
    qsizetype fieldBegin = at;
    int brokenLines = 0;
    block.lacksSeparator = true;  // until the empty line is found
    while (at < text.size()) {
        const QByteArrayView line = octets::lineAt(text, at);
        if (octets::isBlank(line.front())) {
            at += line.size();
            continue;
        }
        addField(text.sliced(fieldBegin, at - fieldBegin), block, limits);
        fieldBegin = at;
        if (line == QByteArrayView("\n")) {
            block.lacksSeparator = false;
            at += line.size();
            fieldBegin = at;
            break;
        }
        if (line.startsWith("--")
            || (!beginsField(line, true) && ++brokenLines > mostBrokenLines)) {
            break;
        }
        at += line.size();
    }
    if (at >= text.size() && fieldBegin < at) {
        addField(text.sliced(fieldBegin), block, limits);
    }
    block.pristine = text.sliced(begin, at - begin);
    block.body = text.sliced(at);
    return block;
}

}  // namespace portcullis::spam
