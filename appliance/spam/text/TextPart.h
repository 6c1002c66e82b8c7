// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

namespace portcullis::spam {

/// One field of a header block.
struct HeaderLine {
    QByteArray name;     ///< As written.
    QByteArray raw;      ///< Value with folds, as it came (LF line ends).
    QByteArray decoded;  ///< RFC 2047 resolved, folds collapsed, UTF-8; no LF at the end.
};

/// One MIME entity, as SpamAssassin's parser sees it.
struct TextPart {
    int parent = -1;
    std::vector<int> children;
    std::vector<HeaderLine> headers;
    QByteArray type;  ///< Lower case, defaults applied: "text/plain", "multipart/mixed" …
    QByteArray effectiveType;  ///< text/html for a file named .htm, .html or .shtml, else `type`.
    std::optional<QByteArray> charset;   ///< As declared.
    std::optional<QByteArray> boundary;  ///< Of a leaf: of the entity it is in.
    QByteArray name;                     ///< File name, not decoded; empty: none.
    bool isLeaf = true;                  ///< Neither multipart nor a message that was read on.

    /// The decoded values of one field, in order.
    [[nodiscard]] std::vector<QByteArray> values(QByteArrayView name) const;
    /// The last of them, which counts; empty: there is none.
    [[nodiscard]] QByteArray value(QByteArrayView name) const;
};

}  // namespace portcullis::spam
