// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/HeaderField.h"

#include <QtCore/QByteArray>
#include <QtCore/QStringList>

#include <vector>

namespace portcullis::mail {

enum class PartKind : quint8 {
    Leaf,       ///< Has content of its own.
    Multipart,  ///< Its children are the body parts of RFC 2046 §5.1.
    Message,    ///< message/rfc822 or message/global: its one child is the embedded message.
    Embedded,   ///< A file inside a text: uuencode or yEnc. Its parent is the Leaf.
    Hidden      ///< Preamble or epilogue of a multipart that looks like more than plain words.
};

enum class Disposition : quint8 { None, Inline, Attachment };

/// One entity of a message (RFC 2045 §2.4). A value; its views live as long as the Message.
struct Part {
    int id = 0;      ///< 1 … N, depth first; 1 is the message itself.
    int parent = 0;  ///< Id of the entity around it; 0 for the message itself.
    int depth = 0;   ///< Levels above it.
    /// 0: the reading most mail programs agree on. Others are alternatives (Defects::ambiguous): the
    /// same octets read differently. Scanners look at all, editors and displays at view 0.
    int view = 0;
    /// 0: the spans count in the message's own octets. Otherwise in Message::source(source), octets
    /// that were decoded before they could be parsed (message/rfc822 in base64, text with uuencode).
    int source = 0;
    PartKind kind = PartKind::Leaf;

    Span header;  ///< Header block without the empty line; empty for Embedded and Hidden.
    Span body;    ///< Encoded body, without the CRLF that belongs to the boundary behind it.
    std::vector<HeaderField> fields;

    QByteArray declaredType;  ///< Lower case; the RFC 2045 §5.2 default where none is declared.
    bool hasDeclaredType = false;
    std::vector<QByteArray> otherDeclaredTypes;  ///< Of further Content-Type fields.
    QByteArray charset;                          ///< Lower case, as declared; empty: none.
    QByteArray boundary;                         ///< Of a Multipart, as used for this view.
    QByteArray transferEncoding;                 ///< Lower case, as declared first; empty: none.
    Disposition disposition = Disposition::None;
    /// Every name a mail program may show or use for it, the likeliest first, without duplicates:
    /// Content-Disposition and Content-Type, RFC 2231 and RFC 2047, with and without control
    /// characters, cut at NUL, without trailing dots and spaces, without folders. Not empty strings.
    QStringList fileNames;

    [[nodiscard]] QString fileName() const
    {
        return fileNames.isEmpty() ? QString() : fileNames.first();
    }
    [[nodiscard]] bool hasContent() const
    {
        return kind == PartKind::Leaf || kind == PartKind::Embedded || kind == PartKind::Hidden;
    }
    [[nodiscard]] bool isText() const { return declaredType.startsWith("text/"); }
    [[nodiscard]] const HeaderField *field(
        QByteArrayView name) const;  ///< First of that name or null.
};

/// Names of a part's type, for rules. Each list holds the name, its aliases in the freedesktop
/// database and the names that PMG used before (`application/x-ms-dos-executable` and
/// `application/vnd.microsoft.portable-executable` always come together).
struct TypeNames {
    std::vector<QByteArray> detected;  ///< By content, over all readings.
    std::vector<QByteArray> declared;  ///< By Content-Type.
    std::vector<QByteArray> byName;    ///< By every file name.
};

}  // namespace portcullis::mail
