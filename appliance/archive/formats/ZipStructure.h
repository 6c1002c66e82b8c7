// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::archive {

/// One member as the central directory and its local header describe it (APPNOTE.TXT 4.3).
struct ZipMember {
    std::string name;       ///< From the central directory, raw bytes.
    std::string localName;  ///< From the local header, raw bytes.
    std::uint16_t flags = 0;
    std::uint16_t method = 0;
    std::uint64_t packedSize = 0;
    std::uint64_t size = 0;
    std::uint64_t begin = 0;  ///< Of the local header, in the inspected bytes.
    std::uint64_t end = 0;    ///< Behind the packed data.
};

/// What a ZIP file says of itself, read twice: by its directory at the end, and by the headers before
/// each member. Unpackers go by one or the other, so every difference is a way past a scanner.
struct ZipStructure {
    bool hasDirectory = false;  ///< Found and readable to its end.
    bool isTruncated = false;  ///< Begins as a ZIP file but has no directory, or it points outside.
    bool isEncrypted = false;  ///< Some member (bit 0, strong encryption, AES) or the directory.
    bool isMultiDisk = false;  ///< One volume of several.
    bool namesDiffer = false;  ///< Directory and local header call a member differently.
    bool sizesDiffer = false;  ///< … or give other sizes, methods or encryption bits.
    bool hasDuplicates = false;     ///< Two members of the same name, or differing in case only.
    bool overlaps = false;          ///< Members share packed bytes: a bomb that needs no nesting.
    bool hasHiddenMembers = false;  ///< Local headers that the directory does not list.
    bool isCut = false;             ///< More members than maxMembers.
    std::uint64_t prepended = 0;    ///< Bytes before the first member.
    std::uint64_t appended = 0;     ///< Bytes behind the end record and its comment.
    std::vector<ZipMember> members;
    std::vector<std::string> hiddenNames;

    [[nodiscard]] bool contradictsItself() const
    {
        return namesDiffer || sizesDiffer || hasDuplicates || overlaps || hasHiddenMembers;
    }
};

/// Reads the structure only, no packed data. Never fails: what cannot be read is a finding.
ZipStructure readZipStructure(std::string_view bytes, std::size_t maxMembers);

/// Where a ZIP file begins whose directory lies at the end of `bytes`, whatever comes before it;
/// npos if there is none.
std::size_t findZipAtEnd(std::string_view bytes);

}  // namespace portcullis::archive
