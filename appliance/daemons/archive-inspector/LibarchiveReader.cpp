// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/archive-inspector/Readers.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

namespace portcullis::archive {

namespace {

using Handle = std::unique_ptr<::archive, decltype(&archive_read_free)>;

/// Each format on its own: libarchive's bidding over all formats would also offer mtree, and
/// filters that start other programs.
void supportFormat(::archive *reader, Format format)
{
    switch (format) {
    case Format::Zip:
        archive_read_support_format_zip(reader);  // by the directory, else by the local headers
        break;
    case Format::SevenZip:
        archive_read_support_format_7zip(reader);
        break;
    case Format::Rar:
        archive_read_support_format_rar(reader);
        break;
    case Format::Rar5:
        archive_read_support_format_rar5(reader);
        break;
    case Format::Ar:
        archive_read_support_format_ar(reader);
        break;
    case Format::Cab:
        archive_read_support_format_cab(reader);
        break;
    case Format::Iso:
        archive_read_support_format_iso9660(reader);
        break;
    case Format::Lha:
        archive_read_support_format_lha(reader);
        break;
    case Format::Xar:
        archive_read_support_format_xar(reader);
        break;
    case Format::Cpio:
        archive_read_support_format_cpio(reader);
        break;
    case Format::Rpm:
        archive_read_support_filter_rpm(reader);
        archive_read_support_format_cpio(reader);
        archive_read_support_filter_gzip(reader);
        archive_read_support_filter_bzip2(reader);
        archive_read_support_filter_xz(reader);
        archive_read_support_filter_zstd(reader);
        break;
    default:
        archive_read_support_format_tar(reader);
        break;
    }
}

void supportStream(::archive *reader)
{
    archive_read_support_filter_gzip(reader);
    archive_read_support_filter_bzip2(reader);
    archive_read_support_filter_xz(reader);
    archive_read_support_filter_lzma(reader);
    archive_read_support_filter_zstd(reader);
    archive_read_support_filter_compress(reader);
    archive_read_support_filter_lzip(reader);
    archive_read_support_filter_lz4(reader);
    archive_read_support_format_tar(reader);
    archive_read_support_format_cpio(reader);
    archive_read_support_format_raw(reader);  // bids lowest
}

std::string pathOf(archive_entry *entry)
{
    if (const char *raw = archive_entry_pathname(entry)) {
        return raw;
    }
    const char *converted = archive_entry_pathname_utf8(entry);
    return converted != nullptr ? converted : "";
}

Member memberOf(archive_entry *entry)
{
    Member member;
    member.path = pathOf(entry);
    member.isEncrypted = archive_entry_is_data_encrypted(entry) == 1
                         || archive_entry_is_metadata_encrypted(entry) == 1;
    const auto type = archive_entry_filetype(entry);
    if (const char *target = archive_entry_hardlink(entry)) {
        member.kind = wire::Kind::HardLink;
        member.linkTarget = target;
    } else if (type == AE_IFLNK) {
        const char *symbolic = archive_entry_symlink(entry);
        member.kind = wire::Kind::SymbolicLink;
        member.linkTarget = symbolic != nullptr ? symbolic : "";
    } else if (type == AE_IFDIR) {
        member.kind = wire::Kind::Folder;
    } else if (type != AE_IFREG && type != 0) {
        member.kind = wire::Kind::Special;
    }
    if (member.kind == wire::Kind::File && archive_entry_size_is_set(entry) != 0) {
        member.declaredSize = std::max<la_int64_t>(0, archive_entry_size(entry));
    }
    return member;
}

bool mentions(const std::string &text, const char *word)
{
    return text.find(word) != std::string::npos;
}

/// libarchive tells what it met in words only. Not to be asked for has_encrypted_entries before it has
/// settled on a format: 3.6.2 then follows a wild pointer.
void noteProblem(::archive *reader, ReadResult &result)
{
    const char *text = archive_error_string(reader);
    if (text != nullptr && result.problem.empty()) {
        result.problem = std::string(text).substr(0, 200);
    }
    result.isEncrypted = result.isEncrypted || mentions(result.problem, "ncrypt")
                         || mentions(result.problem, "Crypto codec");
    for (const char *words :
         {"nsupported", "not supported", "navailable", "Unknown codec", "too many filters"}) {
        result.isUnsupported = result.isUnsupported || mentions(result.problem, words);
    }
    result.isOutOfMemory = result.isOutOfMemory || mentions(result.problem, "allocate");
}

}  // namespace

ReadResult readWithLibarchive(Format format, std::string_view bytes, const Visitor &visit)
{
    ReadResult result;
    const Handle reader(archive_read_new(), &archive_read_free);
    if (isCompressedStream(format)) {
        supportStream(reader.get());
    } else {
        supportFormat(reader.get(), format);
    }
    if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
        noteProblem(reader.get(), result);
        return result;
    }
    for (;;) {
        archive_entry *entry = nullptr;
        const int status = archive_read_next_header(reader.get(), &entry);
        if (status == ARCHIVE_EOF) {
            result.isOpen = true;
            result.isComplete = true;
            break;
        }
        if (status == ARCHIVE_FATAL || status == ARCHIVE_RETRY) {
            noteProblem(reader.get(), result);
            break;
        }
        result.isOpen = true;
        Member member = memberOf(entry);
        if (archive_format(reader.get()) == ARCHIVE_FORMAT_RAW) {
            member = Member();
        }
        const auto source = [&](char *buffer, std::size_t size) -> std::ptrdiff_t {
            const la_ssize_t got = archive_read_data(reader.get(), buffer, size);
            if (got < 0) {
                noteProblem(reader.get(), result);
            }
            return got < 0 ? -1 : static_cast<std::ptrdiff_t>(got);
        };
        if (!visit(member, source)) {
            result.isComplete = true;
            break;
        }
    }
    if (result.isOpen) {
        result.isEncrypted |= archive_read_has_encrypted_entries(reader.get()) == 1;
    }
    return result;
}

}  // namespace portcullis::archive
