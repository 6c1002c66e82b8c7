// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers such as 4.3.16 name sections of PKWARE's APPNOTE.TXT.
#include "appliance/archive/formats/ZipStructure.h"

#include <algorithm>
#include <optional>
#include <set>

namespace portcullis::archive {

using namespace std::string_view_literals;

namespace {

constexpr std::string_view localMagic = "PK\3\4"sv;      // 4.3.7
constexpr std::string_view centralMagic = "PK\1\2"sv;    // 4.3.12
constexpr std::string_view endMagic = "PK\5\6"sv;        // 4.3.16
constexpr std::string_view end64Magic = "PK\6\6"sv;      // 4.3.14
constexpr std::string_view locator64Magic = "PK\6\7"sv;  // 4.3.15
constexpr std::size_t localSize = 30;
constexpr std::size_t centralSize = 46;
constexpr std::size_t endSize = 22;
constexpr std::size_t end64Size = 56;
constexpr std::size_t locator64Size = 20;
constexpr std::size_t maxComment = 65535;
constexpr std::uint32_t see64 = 0xffffffff;  ///< The real value is in the ZIP64 field (4.5.3).
constexpr std::uint16_t bitEncrypted = 0x0001;
constexpr std::uint16_t bitDescriptor = 0x0008;  ///< Sizes follow the data (4.4.4).
constexpr std::uint16_t bitStrong = 0x0040;
constexpr std::uint16_t bitMaskedDirectory = 0x2000;
constexpr std::uint16_t methodAes = 99;

template<typename T>
T numberAt(std::string_view bytes, std::uint64_t offset)
{
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value |= std::uint64_t(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
    }
    return static_cast<T>(value);
}

bool magicAt(std::string_view bytes, std::uint64_t offset, std::string_view magic, std::size_t size)
{
    return offset <= bytes.size() && bytes.size() - offset >= size
           && bytes.substr(offset, magic.size()) == magic;
}

/// Where the directory lies, from the end record and, if it is there, its ZIP64 brother.
struct Directory {
    std::uint64_t begin = 0;  ///< In the inspected bytes.
    std::uint64_t size = 0;
    std::uint64_t count = 0;
    std::uint64_t shift = 0;  ///< What to add to offsets: bytes put before the archive.
    std::uint64_t endRecord = 0;
    std::uint64_t behind = 0;  ///< First byte behind the end record and its comment.
    bool isMultiDisk = false;
    bool isUsable = false;  ///< It begins with a member, or is empty, and lies inside.
};

Directory directoryAt(std::string_view bytes, std::uint64_t end)
{
    Directory directory;
    directory.endRecord = end;
    const auto comment = numberAt<std::uint16_t>(bytes, end + 20);
    directory.behind = std::min<std::uint64_t>(bytes.size(), end + endSize + comment);
    const auto disk = numberAt<std::uint16_t>(bytes, end + 4);
    directory.count = numberAt<std::uint16_t>(bytes, end + 10);
    directory.size = numberAt<std::uint32_t>(bytes, end + 12);
    std::uint64_t offset = numberAt<std::uint32_t>(bytes, end + 16);
    directory.isMultiDisk = disk != 0 && disk != 0xffff;
    std::uint64_t directoryEnd = end;
    if (end >= locator64Size + end64Size
        && magicAt(bytes, end - locator64Size, locator64Magic, locator64Size)) {
        // The ZIP64 record normally ends where its locator begins; if not, believe the locator.
        std::uint64_t record = end - locator64Size - end64Size;
        if (!magicAt(bytes, record, end64Magic, end64Size)) {
            record = numberAt<std::uint64_t>(bytes, end - locator64Size + 8);
        }
        if (magicAt(bytes, record, end64Magic, end64Size)) {
            directory.count = numberAt<std::uint64_t>(bytes, record + 32);
            directory.size = numberAt<std::uint64_t>(bytes, record + 40);
            offset = numberAt<std::uint64_t>(bytes, record + 48);
            directoryEnd = record;
        }
    }
    if (directory.size > directoryEnd) {
        return directory;
    }
    directory.begin = directoryEnd - directory.size;
    if (offset > directory.begin) {
        return directory;
    }
    directory.shift = directory.begin - offset;
    directory.isUsable = (directory.size == 0 && directory.count == 0)
                         || magicAt(bytes, directory.begin, centralMagic, centralSize);
    return directory;
}

std::optional<Directory> findDirectory(std::string_view bytes)
{
    if (bytes.size() < endSize) {
        return std::nullopt;
    }
    const std::size_t floor = bytes.size() > endSize + maxComment
                                  ? bytes.size() - endSize - maxComment
                                  : 0;
    // Searched in the tail only: a find from the end of a large file would run to its beginning.
    const std::string_view tail = bytes.substr(floor,
                                               bytes.size() - floor - endSize + endMagic.size());
    std::optional<Directory> last;
    for (std::size_t found = tail.rfind(endMagic); found != tail.npos;
         found = found == 0 ? tail.npos : tail.rfind(endMagic, found - 1)) {
        const std::size_t at = floor + found;
        const Directory directory = directoryAt(bytes, at);
        if (directory.isUsable) {
            return directory;
        }
        if (!last) {
            last = directory;
        }
    }
    return last;
}

/// Replaces values that say "see ZIP64" by those of the extra field 0x0001 (4.5.3).
void applyZip64(std::string_view extra, ZipMember &member, std::uint64_t &offset)
{
    while (extra.size() >= 4) {
        const auto tag = numberAt<std::uint16_t>(extra, 0);
        const auto size = numberAt<std::uint16_t>(extra, 2);
        extra.remove_prefix(4);
        if (size > extra.size()) {
            return;
        }
        std::string_view field = extra.substr(0, size);
        extra.remove_prefix(size);
        if (tag != 0x0001) {
            continue;
        }
        for (std::uint64_t *value : {&member.size, &member.packedSize, &offset}) {
            if (*value == see64 && field.size() >= 8) {
                *value = numberAt<std::uint64_t>(field, 0);
                field.remove_prefix(8);
            }
        }
    }
}

/// Compares a member with its local header and finds where its data ends. False: no header there.
bool readLocalHeader(std::string_view bytes, ZipMember &member, ZipStructure &structure)
{
    if (!magicAt(bytes, member.begin, localMagic, localSize)) {
        return false;
    }
    const auto flags = numberAt<std::uint16_t>(bytes, member.begin + 6);
    const auto method = numberAt<std::uint16_t>(bytes, member.begin + 8);
    const auto nameSize = numberAt<std::uint16_t>(bytes, member.begin + 26);
    const auto extraSize = numberAt<std::uint16_t>(bytes, member.begin + 28);
    const std::uint64_t data = member.begin + localSize + nameSize + extraSize;
    if (data > bytes.size() || member.packedSize > bytes.size() - data) {
        return false;
    }
    member.localName = bytes.substr(member.begin + localSize, nameSize);
    member.end = data + member.packedSize;
    ZipMember local;
    local.packedSize = numberAt<std::uint32_t>(bytes, member.begin + 18);
    local.size = numberAt<std::uint32_t>(bytes, member.begin + 22);
    std::uint64_t unused = 0;
    applyZip64(bytes.substr(member.begin + localSize + nameSize, extraSize), local, unused);
    const bool sizesFollow = (flags & bitDescriptor) != 0;
    structure.namesDiffer = structure.namesDiffer || member.localName != member.name;
    structure.sizesDiffer = structure.sizesDiffer || method != member.method
                            || ((flags ^ member.flags) & (bitEncrypted | bitStrong)) != 0
                            || (!sizesFollow
                                && (local.size != member.size
                                    || local.packedSize != member.packedSize));
    structure.isEncrypted = structure.isEncrypted || (flags & (bitEncrypted | bitStrong)) != 0;
    return true;
}

/// Reads the member of the directory at `position` and moves on. False: the directory is broken.
bool readMember(std::string_view bytes,
                const Directory &directory,
                std::uint64_t &position,
                ZipStructure &structure)
{
    if (position + centralSize > directory.begin + directory.size
        || !magicAt(bytes, position, centralMagic, centralSize)) {
        return false;
    }
    ZipMember member;
    member.flags = numberAt<std::uint16_t>(bytes, position + 8);
    member.method = numberAt<std::uint16_t>(bytes, position + 10);
    member.packedSize = numberAt<std::uint32_t>(bytes, position + 20);
    member.size = numberAt<std::uint32_t>(bytes, position + 24);
    const auto nameSize = numberAt<std::uint16_t>(bytes, position + 28);
    const auto extraSize = numberAt<std::uint16_t>(bytes, position + 30);
    const auto commentSize = numberAt<std::uint16_t>(bytes, position + 32);
    std::uint64_t offset = numberAt<std::uint32_t>(bytes, position + 42);
    const std::uint64_t next = position + centralSize + nameSize + extraSize + commentSize;
    if (next > directory.begin + directory.size) {
        return false;
    }
    member.name = bytes.substr(position + centralSize, nameSize);
    applyZip64(bytes.substr(position + centralSize + nameSize, extraSize), member, offset);
    position = next;
    structure.isEncrypted = structure.isEncrypted || member.method == methodAes
                            || (member.flags & (bitEncrypted | bitStrong | bitMaskedDirectory))
                                   != 0;
    const bool isInside = offset <= directory.begin && directory.shift <= directory.begin - offset;
    member.begin = isInside ? offset + directory.shift : directory.begin;
    member.end = member.begin;
    if (!isInside || !readLocalHeader(bytes, member, structure)) {
        structure.isTruncated = true;
    }
    structure.members.push_back(std::move(member));
    return true;
}

std::string foldedName(std::string_view name)
{
    std::string folded(name);
    std::ranges::transform(folded, folded.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '\\' ? '/' : c;
    });
    return folded;
}

void findDuplicates(ZipStructure &structure)
{
    std::set<std::string> seen;
    for (const ZipMember &member : structure.members) {
        structure.hasDuplicates = !seen.insert(foldedName(member.name)).second
                                  || structure.hasDuplicates;
    }
}

/// Local headers in bytes that no member of the directory covers.
void findHidden(std::string_view bytes,
                std::uint64_t begin,
                std::uint64_t end,
                std::size_t maxMembers,
                ZipStructure &structure)
{
    end = std::min<std::uint64_t>(end, bytes.size());
    for (std::size_t at = begin < end ? bytes.find(localMagic, begin) : bytes.npos;
         at != bytes.npos && at + localSize <= end && structure.hiddenNames.size() < maxMembers;
         at = bytes.find(localMagic, at + 1)) {
        const auto nameSize = numberAt<std::uint16_t>(bytes, at + 26);
        const auto version = numberAt<std::uint16_t>(bytes, at + 4) & 0xff;
        if (nameSize == 0 || at + localSize + nameSize > end || version > 63) {
            continue;  // four bytes of something else that look alike
        }
        structure.hasHiddenMembers = true;
        structure.hiddenNames.emplace_back(bytes.substr(at + localSize, nameSize));
    }
}

void findOverlapsAndGaps(std::string_view bytes,
                         const Directory &directory,
                         std::size_t maxMembers,
                         ZipStructure &structure)
{
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const ZipMember &member : structure.members) {
        ranges.emplace_back(member.begin, member.end);
    }
    std::ranges::sort(ranges);
    std::uint64_t covered = 0;
    structure.prepended = ranges.empty() ? directory.begin : ranges.front().first;
    for (const auto &[begin, end] : ranges) {
        structure.overlaps = structure.overlaps || (begin < covered && begin != end);
        if (begin > covered) {
            findHidden(bytes, covered, begin, maxMembers, structure);
        }
        covered = std::max(covered, end);
    }
    structure.overlaps = structure.overlaps || covered > directory.endRecord;
    findHidden(bytes, covered, directory.begin, maxMembers, structure);
    findHidden(bytes, directory.behind, bytes.size(), maxMembers, structure);
}

}  // namespace

ZipStructure readZipStructure(std::string_view bytes, std::size_t maxMembers)
{
    ZipStructure structure;
    const std::optional<Directory> directory = findDirectory(bytes);
    if (!directory) {
        structure.isTruncated = bytes.starts_with("PK"sv);
        return structure;
    }
    structure.isMultiDisk = directory->isMultiDisk;
    structure.appended = bytes.size() - directory->behind;
    if (!directory->isUsable) {
        structure.isTruncated = !directory->isMultiDisk;
        return structure;
    }
    std::uint64_t position = directory->begin;
    structure.hasDirectory = true;
    while (position < directory->begin + directory->size) {
        if (structure.members.size() >= maxMembers) {
            structure.isCut = true;
            break;
        }
        if (!readMember(bytes, *directory, position, structure)) {
            structure.isTruncated = true;
            structure.hasDirectory = false;
            break;
        }
    }
    const bool countsAgree = directory->count == structure.members.size();
    structure.sizesDiffer = structure.sizesDiffer
                            || (structure.hasDirectory && !structure.isCut && !structure.isTruncated
                                && !countsAgree);
    findDuplicates(structure);
    if (!structure.isCut) {
        findOverlapsAndGaps(bytes, *directory, maxMembers, structure);
    }
    return structure;
}

std::size_t findZipAtEnd(std::string_view bytes)
{
    const std::optional<Directory> directory = findDirectory(bytes);
    if (!directory || !directory->isUsable || directory->count == 0) {
        return std::string_view::npos;
    }
    return static_cast<std::size_t>(directory->shift);
}

}  // namespace portcullis::archive
