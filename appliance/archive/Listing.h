// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QFlags>
#include <QtCore/QString>

#include <chrono>
#include <vector>

namespace portcullis::archive {

/// What the inspector may spend on one part of a message. Whatever is cut off by one of these is a
/// verdict (LimitExceeded), so a rule can match it; it is never silently less.
struct ArchiveLimits {
    quint32 levels = 4;                ///< Archives within archives, 1 … 16. `facts`: 4.
    quint32 entries = 1000;            ///< `archivemaxfiles`, over all levels; 1 … 1,000,000.
    quint64 totalBytes = 400'000'000;  ///< Unpacked bytes over all levels, 1 MB … 16 GB.
    /// A nested archive larger than this is not opened (it must lie in memory), 64 KB … 1 GB.
    quint64 nestedBytes = 64'000'000;
    quint32 ratio = 250;  ///< Unpacked : packed, once beyond ratioGrace; 10 … 100,000.
    quint64 ratioGrace = 16'000'000;  ///< A small file of zeros is no bomb.
    std::chrono::milliseconds time{
        30'000};                   ///< Wall and CPU time for the whole part, 1 s … 10 min.
    quint64 memory = 512'000'000;  ///< Address space of the helper beyond its start, bytes.
    quint32 nameBytes = 4096;      ///< Longer names are cut; 64 … 65,535.
};

enum class EntryKind : quint8 { File = 0, Folder = 1, SymbolicLink = 2, HardLink = 3, Special = 4 };

/// One member. Every string in it was chosen by whoever made the archive: show it, match it, but never
/// use it as a path, a format string or a part of a command.
struct Entry {
    QByteArray path;  ///< As given: any bytes, `../`, backslashes, control characters. UTF-8 where
                      ///< the format says what it is encoded in.
    QByteArray
        container;  ///< Path of the archive it lies in, `a.zip` within `b.tar` as "b.tar/a.zip";
                    ///< empty on the first level.
    quint16 depth = 1;  ///< 1: a member of the inspected part itself.
    EntryKind kind = EntryKind::File;
    qint64 declaredSize = -1;  ///< What the headers say; -1: nothing. They lie.
    qint64 deliveredSize = 0;  ///< Bytes that really came out, as far as we read.
    QByteArray contentType;    ///< By its first bytes; empty if nothing could be read.
    QByteArray nameType;       ///< By its name; "application/octet-stream" if unknown.
    bool isEncrypted = false;
};

enum class ListingFlag : quint32 {
    Encrypted = 0x1,      ///< Some member, or the directory itself, is encrypted.
    LimitExceeded = 0x2,  ///< A bomb or too much to look at: `limit` says which limit.
    Broken = 0x4,         ///< Damaged or truncated: some of it could not be read.
    Unsupported = 0x8,    ///< An archive by its first bytes, but no reader (or method) for it.
    HelperDied = 0x10,    ///< The inspector crashed or was killed on it.
    Mismatch = 0x20,   ///< The directory and the data tell two stories (names, sizes, duplicates,
                       ///< overlaps): programs will differ in what they unpack.
    Traversal = 0x40,  ///< A name or link leads out of the folder it is unpacked to.
    Surroundings =
        0x80,         ///< Foreign bytes before or after the archive (self-extractors, polyglots).
    Partial = 0x100,  ///< One volume of several.
    NotAnArchive = 0x200  ///< Nothing to list, and nothing that says it should be an archive.
};
Q_DECLARE_FLAGS(ListingFlags, ListingFlag)
Q_DECLARE_OPERATORS_FOR_FLAGS(ListingFlags)

enum class ArchiveLimit : quint8 { None, Levels, Entries, Bytes, Ratio, Time, Memory };

/// What is in an archive, and how far that can be trusted.
struct Listing {
    QByteArray format;  ///< "zip", "7z", "tar", "rar", "cab", "iso9660" … of the outermost archive.
    ListingFlags flags;
    ArchiveLimit limit = ArchiveLimit::None;  ///< The first that was reached.
    QString detail;                           ///< For evidence and log; one line.
    std::vector<Entry> entries;  ///< What was seen before a limit or a defect ended it.

    /// Not all of it could be looked at. Rules treat such an archive as `unreadable-archive`.
    [[nodiscard]] bool isUnscannable() const
    {
        return flags.testAnyFlags(ListingFlag::LimitExceeded | ListingFlag::Broken
                                  | ListingFlag::Unsupported | ListingFlag::HelperDied
                                  | ListingFlag::Partial);
    }
    [[nodiscard]] bool isEncrypted() const { return flags.testFlag(ListingFlag::Encrypted); }
};

}  // namespace portcullis::archive
