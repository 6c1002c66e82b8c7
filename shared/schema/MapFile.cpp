// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/SectionFile.h"
#include "shared/schema/TextLines.h"

#include <algorithm>
#include <set>

namespace portcullis::schema {

namespace {

/// The `#comment` that belongs to an entry, or nothing.
QString commentText(QByteArrayView line)
{
    const QByteArrayView text = line.trimmed();
    return text.startsWith('#') ? QString::fromUtf8(text.sliced(1).trimmed()) : QString();
}

/// `cidr value #comment`: a '#' ends the entry only after a blank.
qsizetype trailingComment(QByteArrayView text)
{
    for (qsizetype i = 1; i < text.size(); ++i) {
        if (text.at(i) == '#' && (text.at(i - 1) == ' ' || text.at(i - 1) == '\t')) {
            return i;
        }
    }
    return -1;
}

}  // namespace

Result<MapFile> MapFile::parse(const QByteArray &bytes,
                               const QString &fileName,
                               CommentStyle style,
                               const FileLimits &limits)
{
    LineReader reader(bytes, fileName, limits);
    TRY(reader.checkSize());
    MapFile file(style);
    std::set<QByteArray> keys;
    QString before;
    while (reader.next()) {
        TRY(reader.checkLine());
        const QByteArrayView raw = reader.line();
        QByteArrayView text = raw.trimmed();
        Line line{false, raw.toByteArray(), {}};
        if (text.isEmpty() || text.startsWith('#')) {
            before = commentText(text);
            file.m_lines.push_back(std::move(line));
            continue;
        }
        if (raw.front() == ' ' || raw.front() == '\t') {
            // Postfix would join this line to the previous one; nobody means that here.
            return reader.fault(QStringLiteral("an entry must not be indented"));
        }
        line.isEntry = true;
        line.entry.line = reader.number();
        if (style == CommentStyle::Trailing) {
            const qsizetype hash = trailingComment(text);
            if (hash >= 0) {
                line.entry.comment = commentText(text.sliced(hash));
                text = text.first(hash).trimmed();
            }
        } else {
            line.entry.comment = before;
        }
        const auto end = std::find_if(text.begin(), text.end(),
                                      [](char c) { return c == ' ' || c == '\t'; });
        line.entry.key = text.first(end - text.begin()).toByteArray();
        line.entry.value = text.sliced(line.entry.key.size()).trimmed().toByteArray();
        if (!keys.insert(line.entry.key.toLower()).second) {
            return reader.fault(
                QStringLiteral("'%1' comes a second time").arg(QString::fromUtf8(line.entry.key)));
        }
        before.clear();
        file.m_lines.push_back(std::move(line));
    }
    return file;
}

std::vector<MapFile::Entry> MapFile::entries() const
{
    std::vector<Entry> entries;
    for (const Line &line : m_lines) {
        if (line.isEntry) {
            entries.push_back(line.entry);
        }
    }
    return entries;
}

std::vector<MapFile::Line> MapFile::linesOf(const Entry &entry) const
{
    QByteArray text = entry.key;
    if (!entry.value.isEmpty()) {
        text.append(' ').append(entry.value);
    }
    const QByteArray comment = entry.comment.simplified().toUtf8();
    if (m_style == CommentStyle::Trailing) {
        return {{true, comment.isEmpty() ? text : text + " #" + comment, entry}};
    }
    if (comment.isEmpty()) {
        return {{true, text, entry}};
    }
    return {{false, '#' + comment, {}}, {true, text, entry}};
}

Status MapFile::set(const Entry &entry)
{
    const auto isUnsafe = [](QByteArrayView text) {
        return text.contains('\n') || text.contains('\r') || text.contains('\0');
    };
    if (entry.key.isEmpty() || entry.key.contains(' ') || entry.key.contains('\t')
        || entry.key.startsWith('#') || isUnsafe(entry.key) || isUnsafe(entry.value)) {
        return Error::permanent(
            "config.syntax",
            QStringLiteral("'%1' cannot be a key of this file").arg(QString::fromUtf8(entry.key)));
    }
    const auto lines = linesOf(entry);
    const auto [first, last] = rangeOf(entry.key);
    const auto position = m_lines.erase(m_lines.begin() + first, m_lines.begin() + last);
    m_lines.insert(position, lines.begin(), lines.end());
    return ok();
}

std::pair<qsizetype, qsizetype> MapFile::rangeOf(QByteArrayView key) const
{
    const auto present = std::find_if(m_lines.begin(), m_lines.end(), [&key](const Line &line) {
        return line.isEntry && key.compare(line.entry.key, Qt::CaseInsensitive) == 0;
    });
    const auto index = present - m_lines.begin();
    if (present == m_lines.end()) {
        return {index, index};
    }
    const bool ownsLineBefore = m_style == CommentStyle::LineBefore && index > 0
                                && !present->entry.comment.isEmpty();
    return {ownsLineBefore ? index - 1 : index, index + 1};
}

bool MapFile::remove(QByteArrayView key)
{
    const auto [first, last] = rangeOf(key);
    m_lines.erase(m_lines.begin() + first, m_lines.begin() + last);
    return first != last;
}

QByteArray MapFile::toBytes() const
{
    QByteArray bytes;
    for (const Line &line : m_lines) {
        bytes.append(line.raw).append('\n');
    }
    return bytes;
}

}  // namespace portcullis::schema
