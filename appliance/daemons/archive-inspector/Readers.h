// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/archive/formats/Signature.h"
#include "appliance/archive/protocol/Wire.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace portcullis::archive {

/// The bytes of a member as they come out: how many were written to the buffer, 0 at the end, -1 if
/// the archive is broken there.
using ByteSource = std::function<std::ptrdiff_t(char *buffer, std::size_t size)>;

/// What an archive's headers say of a member.
struct Member {
    std::string path;
    std::string linkTarget;
    wire::Kind kind = wire::Kind::File;
    std::int64_t declaredSize = -1;
    bool isEncrypted = false;
};

/// Called for each member; the source is valid during the call only, and may be left unread. False
/// ends the reading.
using Visitor = std::function<bool(const Member &member, const ByteSource &source)>;

/// How reading an archive ended.
struct ReadResult {
    bool isOpen = false;         ///< The reader took it for an archive of the format at all.
    bool isComplete = false;     ///< Its end was reached (or the visitor ended it).
    bool isEncrypted = false;    ///< The reader met encryption.
    bool isUnsupported = false;  ///< A method that the reader does not know.
    bool isOutOfMemory = false;
    std::string problem;  ///< The reader's words, one line.
};

/// KArchive: zip, tar, 7z, ar. It drops the second of two equal names, leading slashes and what a
/// member's kind is, and knows no encryption; hence readWithLibarchive() is asked for the facts.
ReadResult readWithKArchive(Format format, std::string_view bytes, const Visitor &visit);

/// libarchive: all formats. A compressed stream is read through to the tar or cpio archive in it, if
/// there is one, else given as one member without a name. (KCompressionDevice is not used for streams:
/// it does not tell a truncated one from a whole one.)
ReadResult readWithLibarchive(Format format, std::string_view bytes, const Visitor &visit);

}  // namespace portcullis::archive
