// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

/// Recognises archives by their bytes, whatever they are called. Plain C++ for both ends.
namespace portcullis::archive {

enum class Format : std::uint8_t {
    None,
    Zip,
    SevenZip,
    Rar,
    Rar5,
    Tar,
    Ar,
    Cab,
    Iso,
    Lha,
    Cpio,
    Xar,
    Rpm,
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Zstd,
    Compress,
    Lzip,
    Lz4,
    OfficeEncrypted,  ///< OLE2 with an EncryptedPackage stream: a document with a password.
    Foreign,          ///< An archive that no reader of ours knows (arj, ace, alz, vhd, …).
};

/// Where an archive begins in some bytes.
struct Signature {
    Format format = Format::None;
    std::size_t offset =
        0;  ///< Other than 0: something lies before it (a self-extractor's program).
    std::string_view name;  ///< "zip", "rar5", "arj" …; static.
};

/// By the first bytes; then by a ZIP directory at the end; then, in programs, by an archive within.
Signature findSignature(std::string_view bytes);

/// A single compressed file rather than an archive of several.
bool isCompressedStream(Format format);

/// What a RAR archive says of itself in its headers.
struct RarHead {
    bool hasEncryptedHeaders = false;
    bool hasEncryptedMembers = false;  ///< RAR 5 only; libarchive tells it of RAR 4.
    bool isVolume = false;
};
RarHead readRarHead(std::string_view archive, Format format);

}  // namespace portcullis::archive
