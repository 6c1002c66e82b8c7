// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What ArchiveInspector and its helper program say to each other over a socket pair, in our own
/// encoding. Plain C++, because the two ends are built with different major versions of Qt.
///
/// Request: RequestHead (fixed size), then `size` bytes of archive. Answer: four bytes of length, then
/// an encoded Listing. Numbers are little-endian. The helper may have been taken over by what it
/// read, so decodeListing() believes nothing.
namespace portcullis::archive::wire {

/// Same values as ListingFlag and ArchiveLimit in Listing.h.
enum Flag : std::uint32_t {
    Encrypted = 0x1,
    LimitExceeded = 0x2,
    Broken = 0x4,
    Unsupported = 0x8,
    HelperDied = 0x10,
    Mismatch = 0x20,
    Traversal = 0x40,
    Surroundings = 0x80,
    Partial = 0x100,
    NotAnArchive = 0x200,
    AllFlags = 0x3ff
};
enum class Limit : std::uint8_t { None, Levels, Entries, Bytes, Ratio, Time, Memory };
enum class Kind : std::uint8_t { File, Folder, SymbolicLink, HardLink, Special };

struct Limits {
    std::uint32_t levels = 4;
    std::uint32_t entries = 1000;
    std::uint64_t totalBytes = 400'000'000;
    std::uint64_t nestedBytes = 64'000'000;
    std::uint32_t ratio = 250;
    std::uint64_t ratioGrace = 16'000'000;
    std::uint32_t milliseconds = 30'000;
    std::uint32_t nameBytes = 4096;

    friend bool operator==(const Limits &, const Limits &) = default;
};

struct RequestHead {
    Limits limits;
    bool usesKArchive = true;  ///< False: libarchive alone, after KArchive crashed on this one.
    std::uint64_t size = 0;    ///< Bytes of archive that follow.

    friend bool operator==(const RequestHead &, const RequestHead &) = default;
};

struct Entry {
    std::string path;
    std::string container;
    std::uint16_t depth = 1;
    Kind kind = Kind::File;
    std::int64_t declaredSize = -1;
    std::int64_t deliveredSize = 0;
    std::string contentType;
    std::string nameType;
    bool isEncrypted = false;

    friend bool operator==(const Entry &, const Entry &) = default;
};

struct Listing {
    std::string format;
    std::uint32_t flags = 0;
    Limit limit = Limit::None;
    std::string detail;
    bool retires = false;  ///< The helper ends after this answer (memory ran out, CPU used up).
    std::vector<Entry> entries;

    friend bool operator==(const Listing &, const Listing &) = default;
};

constexpr std::size_t requestHeadSize = 4 + 4 + 4 + 8 + 8 + 4 + 8 + 4 + 4 + 1 + 8;
constexpr std::uint32_t maxAnswer = 64 * 1024 * 1024;  ///< Bytes of an encoded Listing.

std::string encode(const RequestHead &head);
std::optional<RequestHead> decodeRequestHead(std::string_view bytes);

std::string encode(const Listing &listing);
std::optional<Listing> decodeListing(std::string_view bytes);

}  // namespace portcullis::archive::wire
