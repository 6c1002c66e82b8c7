// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archive/formats/Signature.h"

#include "appliance/archive/formats/ZipStructure.h"

#include <algorithm>
#include <array>

namespace portcullis::archive {

using namespace std::string_view_literals;

namespace {

struct Magic {
    std::size_t offset;
    std::string_view bytes;
    Format format;
    std::string_view name;
};

constexpr Magic magics[] = {
    {0, "PK\3\4"sv, Format::Zip, "zip"},
    {0, "PK\5\6"sv, Format::Zip, "zip"},
    {0, "PK\7\10PK\3\4"sv, Format::Zip, "zip"},
    {0, "PK00PK\3\4"sv, Format::Zip, "zip"},
    {0, "7z\xBC\xAF\x27\x1C"sv, Format::SevenZip, "7z"},
    {0, "Rar!\x1A\7\0"sv, Format::Rar, "rar"},
    {0, "Rar!\x1A\7\1\0"sv, Format::Rar5, "rar5"},
    {257, "ustar"sv, Format::Tar, "tar"},
    {0, "!<arch>\n"sv, Format::Ar, "ar"},
    {0, "MSCF\0\0\0\0"sv, Format::Cab, "cab"},
    {32769, "CD001"sv, Format::Iso, "iso9660"},
    {0, "070701"sv, Format::Cpio, "cpio"},
    {0, "070702"sv, Format::Cpio, "cpio"},
    {0, "070707"sv, Format::Cpio, "cpio"},
    {0, "\xC7\x71"sv, Format::Cpio, "cpio"},
    {0, "\x71\xC7"sv, Format::Cpio, "cpio"},
    {0, "xar!"sv, Format::Xar, "xar"},
    {0, "\xED\xAB\xEE\xDB"sv, Format::Rpm, "rpm"},
    {0, "\x1F\x8B\x08"sv, Format::Gzip, "gzip"},
    {0, "BZh"sv, Format::Bzip2, "bzip2"},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     Format::Xz, "xz"},
    {0, "\x28\xB5\x2F\xFD"sv, Format::Zstd, "zstd"},
    {0, "\x1F\x9D"sv, Format::Compress, "compress"},
    {0, "LZIP"sv, Format::Lzip, "lzip"},
    {0, "\x04\x22\x4D\x18"sv, Format::Lz4, "lz4"},
    {0, "\x02\x21\x4C\x18"sv, Format::Lz4, "lz4"},
    {1, "\x2A\x4D\x18"sv, Format::Zstd, "zstd"},  // skippable frame, of lz4 too
    {0, "\x60\xEA"sv, Format::Foreign, "arj"},
    {7, "**ACE**"sv, Format::Foreign, "ace"},
    {0, "ALZ\1"sv, Format::Foreign, "alz"},
    {0, "EGGA"sv, Format::Foreign, "egg"},
    {0, "SZDD\x88\xF0\x27\x33"sv, Format::Foreign, "szdd"},
    {0, "SIT!"sv, Format::Foreign, "stuffit"},
    {0, "StuffIt"sv, Format::Foreign, "stuffit"},
    {20, "\xDC\xA7\xC4\xFD"sv, Format::Foreign, "zoo"},
    {0, "vhdxfile"sv, Format::Foreign, "vhdx"},
    {0, "conectix"sv, Format::Foreign, "vhd"},
    {0, "MSWIM\0\0\0"sv, Format::Foreign, "wim"},
    {0, "ITSF"sv, Format::Foreign, "chm"},
    {0, "hsqs"sv, Format::Foreign, "squashfs"},
    {0, "\x89LZO\0\r\n\x1A\n"sv, Format::Foreign, "lzop"},
};

bool hasAt(std::string_view bytes, std::size_t offset, std::string_view magic)
{
    return bytes.size() >= offset + magic.size() && bytes.substr(offset, magic.size()) == magic;
}

/// "-lh5-" and its brothers at offset 2.
bool isLha(std::string_view bytes)
{
    return bytes.size() >= 24 && bytes[2] == '-' && bytes[3] == 'l' && bytes[6] == '-'
           && (bytes[4] == 'h' || bytes[4] == 'z')
           && (bytes[5] == 's' || bytes[5] == 'd' || (bytes[5] >= '0' && bytes[5] <= '9'));
}

/// A tar without "ustar": all that tells it is the checksum of its first header.
bool isOldTar(std::string_view bytes)
{
    constexpr std::size_t block = 512;
    if (bytes.size() < block || bytes[0] == '\0') {
        return false;
    }
    unsigned long stated = 0;
    bool hasDigit = false;
    for (std::size_t i = 148; i < 156; ++i) {
        if (bytes[i] >= '0' && bytes[i] <= '7') {
            stated = stated * 8 + static_cast<unsigned long>(bytes[i] - '0');
            hasDigit = true;
        } else if (bytes[i] != ' ' && bytes[i] != '\0') {
            return false;
        }
    }
    unsigned long sum = 0;
    for (std::size_t i = 0; i < block; ++i) {
        sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(bytes[i]);
    }
    return hasDigit && sum == stated;
}

/// The old .lzma format has no magic; xz's own test of the dictionary's and the content's size is used.
bool isLzma(std::string_view bytes)
{
    if (bytes.size() < 14 || static_cast<unsigned char>(bytes[0]) >= 225) {
        return false;
    }
    std::uint32_t dictionary = 0;
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        const auto byte = static_cast<unsigned char>(bytes[5 + i]);
        size |= std::uint64_t(byte) << (8 * i);
        dictionary |= i < 4 ? std::uint32_t(static_cast<unsigned char>(bytes[1 + i])) << (8 * i)
                            : 0;
    }
    const std::uint32_t rest = dictionary & (dictionary - 1);  // without its lowest bit
    const bool isRound = dictionary >= 4096
                         && (rest == 0
                             || ((rest & (rest - 1)) == 0 && rest == (dictionary ^ rest) << 1U));
    constexpr std::uint64_t largest = std::uint64_t(1) << 38U;
    return isRound && (size == ~std::uint64_t(0) || (size > 0 && size < largest));
}

bool isEncryptedOffice(std::string_view bytes)
{
    return hasAt(bytes, 0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv)
           && bytes.find("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv) != bytes.npos;
}

bool isProgram(std::string_view bytes)
{
    return hasAt(bytes, 0, "MZ"sv)
           || hasAt(bytes, 0,
                    "\x7F"
                    "ELF"sv)
           || hasAt(bytes, 0, "#!"sv);
}

/// The archive that a self-extracting program carries.
Signature findInProgram(std::string_view bytes)
{
    constexpr std::size_t window = 4 * 1024 * 1024;  // self-extractors' programs are far smaller
    Signature first;
    for (const Magic &magic : magics) {
        const bool isLikely = magic.format == Format::SevenZip || magic.format == Format::Rar
                              || magic.format == Format::Rar5 || magic.format == Format::Cab;
        const std::size_t found = isLikely ? bytes.substr(0, window).find(magic.bytes) : bytes.npos;
        if (found != bytes.npos && (first.format == Format::None || found < first.offset)) {
            first = {magic.format, found, magic.name};
        }
    }
    return first;
}

/// RAR 5's numbers: seven bits a byte, lowest first.
std::uint64_t readVint(std::string_view bytes, std::size_t &position)
{
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 63 && position < bytes.size(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes[position++]);
        value |= std::uint64_t(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    return value;
}

/// Goes through RAR 5's blocks: CRC32, then size of what follows, type, flags, [size of extra area],
/// [size of data], fields, extra area. An encrypted member has an extra record of type 1.
void readRar5Blocks(std::string_view archive, RarHead &head)
{
    constexpr std::uint64_t typeMain = 1;
    constexpr std::uint64_t typeFile = 2;
    constexpr std::uint64_t typeEncryption = 4;
    constexpr std::uint64_t typeEnd = 5;
    constexpr int maxBlocks = 100'000;
    std::size_t position = 8;
    for (int block = 0; block < maxBlocks && position + 7 < archive.size(); ++block) {
        position += 4;
        const std::uint64_t headerSize = readVint(archive, position);
        if (headerSize == 0 || headerSize > archive.size() - position) {
            return;
        }
        const std::size_t headerEnd = position + static_cast<std::size_t>(headerSize);
        const std::string_view header = archive.substr(0, headerEnd);
        const std::uint64_t type = readVint(header, position);
        const std::uint64_t flags = readVint(header, position);
        const std::uint64_t extraSize = (flags & 1U) != 0 ? readVint(header, position) : 0;
        const std::uint64_t dataSize = (flags & 2U) != 0 ? readVint(header, position) : 0;
        if (type == typeEncryption) {
            head.hasEncryptedHeaders = true;
            return;
        }
        if (type == typeMain) {
            head.isVolume = (readVint(header, position) & 1U) != 0;
        }
        if (type == typeFile && extraSize <= headerEnd - std::min(position, headerEnd)) {
            std::size_t extra = headerEnd - static_cast<std::size_t>(extraSize);
            while (extra < headerEnd) {
                const std::uint64_t size = readVint(header, extra);
                std::size_t record = extra;
                head.hasEncryptedMembers = head.hasEncryptedMembers
                                           || readVint(header, record) == 1;
                if (size == 0 || size > headerEnd - extra) {
                    break;
                }
                extra += static_cast<std::size_t>(size);
            }
        }
        if (type == typeEnd || dataSize > archive.size() - headerEnd) {
            return;
        }
        position = headerEnd + static_cast<std::size_t>(dataSize);
    }
}

/// A second look where the magic is too short to be believed.
bool isPlausible(std::string_view bytes, const Magic &magic)
{
    const auto byteAt = [bytes](std::size_t i) {
        return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
    };
    switch (magic.format) {
    case Format::Bzip2:
        return hasAt(bytes, 4, "1AY&SY"sv) || hasAt(bytes, 4, "\x17\x72\x45\x38\x50\x90"sv);
    case Format::Zstd:  // RFC 8878 §3.1.2: skippable frames begin with 0x50 … 0x5F
        return magic.offset == 0 || (byteAt(0) & 0xf0U) == 0x50;
    case Format::Compress:  // bits a code: 9 … 16
        return (byteAt(2) & 0x1fU) >= 9 && (byteAt(2) & 0x1fU) <= 16;
    case Format::Cpio:
        return magic.bytes.size() > 2 || bytes.size() > 26;
    case Format::Foreign:
        if (magic.name == "arj") {  // size of the basic header, then of its first part
            const unsigned size = byteAt(2) | byteAt(3) << 8U;
            return size >= 30 && size <= 2600 && byteAt(4) >= 30 && byteAt(4) <= 64;
        }
        return true;
    default:
        return true;
    }
}

}  // namespace

Signature findSignature(std::string_view bytes)
{
    for (const Magic &magic : magics) {
        if (hasAt(bytes, magic.offset, magic.bytes) && isPlausible(bytes, magic)) {
            return {magic.format, 0, magic.name};
        }
    }
    if (isLha(bytes)) {
        return {Format::Lha, 0, "lha"};
    }
    if (isLzma(bytes)) {
        return {Format::Lzma, 0, "lzma"};
    }
    if (isOldTar(bytes)) {
        return {Format::Tar, 0, "tar"};
    }
    if (isEncryptedOffice(bytes)) {
        return {Format::OfficeEncrypted, 0, "ole2"};
    }
    if (const std::size_t start = findZipAtEnd(bytes); start != std::string_view::npos) {
        return {Format::Zip, start, "zip"};
    }
    return isProgram(bytes) ? findInProgram(bytes) : Signature();
}

bool isCompressedStream(Format format)
{
    switch (format) {
    case Format::Gzip:
    case Format::Bzip2:
    case Format::Xz:
    case Format::Lzma:
    case Format::Zstd:
    case Format::Compress:
    case Format::Lzip:
    case Format::Lz4:
        return true;
    default:
        return false;
    }
}

RarHead readRarHead(std::string_view archive, Format format)
{
    RarHead head;
    if (format == Format::Rar && archive.size() >= 12) {
        // Marker (7 bytes), then the main header: CRC, type 0x73, flags.
        const auto flags = static_cast<unsigned>(static_cast<unsigned char>(archive[10]))
                           | static_cast<unsigned>(static_cast<unsigned char>(archive[11])) << 8U;
        const bool isMain = archive[9] == '\x73';
        head.isVolume = isMain && (flags & 0x0001U) != 0;
        head.hasEncryptedHeaders = isMain && (flags & 0x0080U) != 0;
    } else if (format == Format::Rar5) {
        readRar5Blocks(archive, head);
    }
    return head;
}

}  // namespace portcullis::archive
