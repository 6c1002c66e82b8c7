// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/SectionFile.h"

#include "shared/schema/TextLines.h"

#include <algorithm>
#include <set>

namespace portcullis::schema {

namespace {

bool isKeyCharacter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-';
}

bool isWord(QByteArrayView text)
{
    return !text.isEmpty() && std::all_of(text.begin(), text.end(), isKeyCharacter);
}

/// `type: id` of a section's first line.
struct HeaderWords {
    QByteArray type, id;
};

Result<HeaderWords> readHeader(const LineReader &reader, QByteArrayView text)
{
    const qsizetype colon = text.indexOf(':');
    if (colon < 0) {
        return reader.fault(
            QStringLiteral("expected 'section: NAME'; a key must be indented below its section"));
    }
    const QByteArrayView type = text.first(colon);
    const QByteArrayView id = text.sliced(colon + 1).trimmed();
    if (!isWord(type) || !isWord(id)) {
        return reader.fault(QStringLiteral("expected 'section: NAME'"));
    }
    return HeaderWords{type.toByteArray(), id.toByteArray()};
}

}  // namespace

Result<SectionFile> SectionFile::parse(const QByteArray &bytes,
                                       const QString &fileName,
                                       const FileLimits &limits)
{
    LineReader reader(bytes, fileName, limits);
    TRY(reader.checkSize());
    SectionFile file;
    std::set<QByteArray> sections;
    std::set<QByteArray> keys;
    bool isInSection = false;
    while (reader.next()) {
        const QByteArrayView raw = reader.line();
        TRY(reader.checkLine());
        const QByteArrayView text = raw.trimmed();
        Line line{LineKind::Other, raw.toByteArray(), {}, {}};
        if (text.isEmpty() || text.startsWith('#')) {
            file.m_lines.push_back(std::move(line));
            continue;
        }
        if (raw.front() != '\t' && raw.front() != ' ') {
            const HeaderWords words = TRY(readHeader(reader, text));
            if (!sections.insert(words.id).second) {
                return reader.fault(QStringLiteral("section '%1' comes a second time")
                                        .arg(QString::fromLatin1(words.id)));
            }
            keys.clear();
            isInSection = true;
            line = {LineKind::Header, raw.toByteArray(), words.id, words.type};
        } else {
            const auto end = std::find_if(text.begin(), text.end(),
                                          [](char c) { return c == ' ' || c == '\t'; });
            const QByteArrayView key = text.first(end - text.begin());
            if (!isInSection) {
                return reader.fault(QStringLiteral("a key before the first 'section: NAME'"));
            }
            if (!isWord(key)) {
                return reader.fault(QStringLiteral("expected 'key value'"));
            }
            line = {LineKind::Setting, raw.toByteArray(), key.toByteArray(),
                    text.sliced(key.size()).trimmed().toByteArray()};
            if (!keys.insert(line.name).second) {
                return reader.fault(QStringLiteral("key '%1' comes a second time in its section")
                                        .arg(QString::fromLatin1(line.name)));
            }
        }
        file.m_lines.push_back(std::move(line));
    }
    file.m_endsWithNewline = bytes.isEmpty() || bytes.endsWith('\n');
    return file;
}

std::vector<SectionFile::Setting> SectionFile::settings() const
{
    std::vector<Setting> settings;
    const Line *header = nullptr;
    int number = 0;
    for (const Line &line : m_lines) {
        ++number;
        if (line.kind == LineKind::Header) {
            header = &line;
            // A section without keys is still named, so that a misspelt name is found.
            settings.push_back({line.value, line.name, {}, {}, number});
        } else if (line.kind == LineKind::Setting && header != nullptr) {
            settings.push_back({header->value, header->name, line.name, line.value, number});
        }
    }
    return settings;
}

qsizetype SectionFile::headerOf(QByteArrayView section) const
{
    const auto found = std::find_if(m_lines.begin(), m_lines.end(), [&section](const Line &line) {
        return line.kind == LineKind::Header && line.name == section;
    });
    return found == m_lines.end() ? -1 : found - m_lines.begin();
}

qsizetype SectionFile::lineOf(QByteArrayView section, QByteArrayView key) const
{
    const qsizetype header = headerOf(section);
    if (header < 0) {
        return -1;
    }
    for (auto i = header + 1; i < std::ssize(m_lines); ++i) {
        const Line &line = m_lines[static_cast<size_t>(i)];
        if (line.kind == LineKind::Header) {
            return -1;
        }
        if (line.kind == LineKind::Setting && line.name == key) {
            return i;
        }
    }
    return -1;
}

std::optional<QByteArray> SectionFile::value(QByteArrayView section, QByteArrayView key) const
{
    const qsizetype index = lineOf(section, key);
    if (index < 0) {
        return std::nullopt;
    }
    return m_lines[static_cast<size_t>(index)].value;
}

Status SectionFile::set(QByteArrayView section, QByteArrayView key, QByteArrayView value)
{
    const QByteArrayView text = value.trimmed();
    if (!isWord(section) || !isWord(key) || text.contains('\n') || text.contains('\r')
        || text.contains('\0')) {
        return Error::permanent("config.syntax",
                                QStringLiteral("%1/%2: a value must be one line")
                                    .arg(QString::fromLatin1(section), QString::fromLatin1(key)));
    }
    const Line setting{LineKind::Setting, QByteArray("\t").append(key).append(' ').append(text),
                       key.toByteArray(), text.toByteArray()};
    if (const qsizetype present = lineOf(section, key); present >= 0) {
        m_lines[static_cast<size_t>(present)] = setting;
        return ok();
    }
    m_endsWithNewline = true;
    qsizetype after = headerOf(section);
    if (after < 0) {
        if (!m_lines.empty() && !m_lines.back().raw.trimmed().isEmpty()) {
            m_lines.push_back({});
        }
        m_lines.push_back({LineKind::Header, QByteArray("section: ").append(section),
                           section.toByteArray(), "section"});
        m_lines.push_back(setting);
        return ok();
    }
    for (auto i = after + 1; i < std::ssize(m_lines); ++i) {
        const Line &line = m_lines[static_cast<size_t>(i)];
        if (line.kind == LineKind::Header) {
            break;
        }
        if (line.kind == LineKind::Setting) {
            after = i;
        }
    }
    m_lines.insert(m_lines.begin() + after + 1, setting);
    return ok();
}

bool SectionFile::remove(QByteArrayView section, QByteArrayView key)
{
    const qsizetype present = lineOf(section, key);
    if (present < 0) {
        return false;
    }
    m_lines.erase(m_lines.begin() + present);
    return true;
}

QByteArray SectionFile::toBytes() const
{
    QByteArray bytes;
    for (const Line &line : m_lines) {
        bytes.append(line.raw).append('\n');
    }
    if (!m_endsWithNewline && !bytes.isEmpty()) {
        bytes.chop(1);
    }
    return bytes;
}

}  // namespace portcullis::schema
