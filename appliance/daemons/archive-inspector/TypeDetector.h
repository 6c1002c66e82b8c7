// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QMimeDatabase>

#include <string>
#include <string_view>

namespace portcullis::archive {

/// MIME types by content and by name, from the shared MIME database.
class TypeDetector
{
public:
    TypeDetector();  ///< Loads the database: before the sandbox.

    static constexpr std::size_t headSize = 16384;  ///< Bytes that detection looks at, at most.

    [[nodiscard]] std::string typeOfContent(std::string_view head) const;
    [[nodiscard]] std::string typeOfName(const std::string &path) const;

private:
    QMimeDatabase m_database;
};

}  // namespace portcullis::archive
