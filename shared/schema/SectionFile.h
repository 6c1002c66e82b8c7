// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <optional>
#include <utility>
#include <vector>

namespace portcullis::schema {

/// What a configuration file may cost before it is refused.
struct FileLimits {
    qsizetype maxBytes = 4 * 1024 * 1024;  ///< A site with 40,000 domains needs 1 MiB.
    qsizetype maxLine = 128 * 1024;        ///< consent-text: 65536 characters and its key.
};

/// The section format of pmg.conf and ldap.conf: a line `type: id`, then tab-indented `key value`.
///
///     section: mail
///     	relay 192.0.2.10
///     # any comment
///     	relayport 2525
///
/// Comments, blank lines and the order of lines are kept: what set() and remove() did not touch is
/// written back byte for byte. Knows syntax only; which keys exist is the schema's matter.
class SectionFile
{
public:
    struct Setting {
        QByteArray type;     ///< "section"
        QByteArray section;  ///< "mail"
        QByteArray key;
        QByteArray value;  ///< Blanks at both ends removed; may be empty.
        int line = 0;      ///< Counted from 1.
    };

    SectionFile() = default;  ///< An empty file.

    /// Errors (permanent): `config.syntax` with "name:line: reason". Duplicate sections or keys are
    /// errors too: which of two values counts must never be a guess.
    static Result<SectionFile> parse(const QByteArray &bytes,
                                     const QString &fileName,
                                     const FileLimits &limits = {});

    [[nodiscard]] std::vector<Setting> settings() const;
    [[nodiscard]] std::optional<QByteArray> value(QByteArrayView section, QByteArrayView key) const;

    /// Changes a value in place, or adds it at the end of its section, or adds the section.
    /// `value` must hold no line break. Error: `config.syntax`.
    Status set(QByteArrayView section, QByteArrayView key, QByteArrayView value);
    /// Takes the key out; true if it was there. An emptied section keeps its header.
    bool remove(QByteArrayView section, QByteArrayView key);

    [[nodiscard]] QByteArray toBytes() const;

private:
    enum class LineKind { Other, Header, Setting };
    struct Line {
        LineKind kind = LineKind::Other;
        QByteArray raw;  ///< Without line end.
        QByteArray name, value;
    };
    [[nodiscard]] qsizetype headerOf(QByteArrayView section) const;
    [[nodiscard]] qsizetype lineOf(QByteArrayView section, QByteArrayView key) const;

    std::vector<Line> m_lines;
    bool m_endsWithNewline = true;
};

/// The line format of domains, mynetworks, transport and tls_policy: `key value`, and a comment.
class MapFile
{
public:
    enum class CommentStyle {
        LineBefore,  ///< `#comment` on the line before its entry (domains, transport, tls_policy).
        Trailing     ///< `cidr #comment` (mynetworks).
    };
    struct Entry {
        QByteArray key;
        QByteArray value;  ///< May be empty (mynetworks).
        QString comment;
        int line = 0;
    };

    explicit MapFile(CommentStyle style = CommentStyle::LineBefore)
        : m_style(style)
    {
    }

    /// Errors as SectionFile::parse(); a key that comes twice is one.
    static Result<MapFile> parse(const QByteArray &bytes,
                                 const QString &fileName,
                                 CommentStyle style,
                                 const FileLimits &limits = {});

    [[nodiscard]] std::vector<Entry> entries() const;
    Status set(const Entry &entry);  ///< Changes the entry of that key in place, or appends it.
    bool remove(QByteArrayView key);
    [[nodiscard]] QByteArray toBytes() const;

private:
    struct Line {
        bool isEntry = false;
        QByteArray raw;
        Entry entry;
    };
    [[nodiscard]] std::vector<Line> linesOf(const Entry &entry) const;
    /// First and one past the last line of an entry with its comment; both the end if there is none.
    [[nodiscard]] std::pair<qsizetype, qsizetype> rangeOf(QByteArrayView key) const;

    CommentStyle m_style;
    std::vector<Line> m_lines;
};

}  // namespace portcullis::schema
