// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/archive-inspector/Walk.h"

#include "appliance/archive/formats/ZipStructure.h"

#include <algorithm>
#include <array>
#include <new>
#include <set>

namespace portcullis::archive {

using namespace std::string_view_literals;

namespace {

/// A path as both readers would spell it, for telling that they speak of the same member.
std::string normalized(std::string_view path)
{
    std::string result;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        const std::string_view component = path.substr(0, slash);
        path.remove_prefix(std::min(path.size(), slash + 1));
        if (!component.empty() && component != ".") {
            result += (result.empty() ? "" : "/");
            result += component;
        }
    }
    return result;
}

/// Leads out of the folder it is unpacked to, on some system.
bool leadsOut(std::string_view path)
{
    const auto isSlash = [](char c) { return c == '/' || c == '\\'; };
    const bool hasDrive = path.size() >= 2 && path[1] == ':'
                          && ((path[0] >= 'A' && path[0] <= 'Z')
                              || (path[0] >= 'a' && path[0] <= 'z'));
    if (path.empty() || isSlash(path[0]) || hasDrive) {
        return !path.empty();
    }
    for (std::size_t begin = 0; begin < path.size();) {
        const auto end = static_cast<std::size_t>(
            std::find_if(path.begin() + static_cast<std::ptrdiff_t>(begin), path.end(), isSlash)
            - path.begin());
        if (path.substr(begin, end - begin) == "..") {
            return true;
        }
        begin = end + 1;
    }
    return false;
}

/// The original name that a gzip header carries (RFC 1952 §2.3.1), or nothing.
std::string gzipName(std::string_view bytes)
{
    constexpr unsigned hasExtra = 0x04;
    constexpr unsigned hasName = 0x08;
    std::size_t position = 10;
    const unsigned flags = bytes.size() > position ? static_cast<unsigned char>(bytes[3]) : 0;
    if ((flags & hasExtra) != 0 && bytes.size() > position + 2) {
        position += 2U + static_cast<unsigned char>(bytes[position])
                    + (static_cast<std::size_t>(static_cast<unsigned char>(bytes[position + 1]))
                       << 8U);
    }
    if ((flags & hasName) == 0 || position >= bytes.size()) {
        return {};
    }
    const std::size_t end = bytes.find('\0', position);
    return end == bytes.npos ? std::string() : std::string(bytes.substr(position, end - position));
}

const char *nameOf(wire::Limit limit)
{
    constexpr std::array names = {"",
                                  "too many levels",
                                  "too many entries",
                                  "too many bytes",
                                  "compression ratio of a bomb",
                                  "out of time",
                                  "out of memory"};
    return names.at(static_cast<std::size_t>(limit));
}

/// One printable line, since it goes to logs: what readers say quotes hostile names.
std::string oneLine(const std::string &text)
{
    std::string line = text.substr(0, 200);
    std::ranges::replace_if(
        line, [](unsigned char c) { return c < ' ' || c >= 0x7f; }, '?');
    return line;
}

}  // namespace

Walk::Walk(const TypeDetector &types, const wire::RequestHead &request)
    : m_types(types)
    , m_usesKArchive(request.usesKArchive)
    , m_budget(request.limits, request.size)
{
}

wire::Listing Walk::run(std::string_view bytes)
{
    const Signature signature = findSignature(bytes);
    if (signature.format == Format::None) {
        note(wire::NotAnArchive);
        return m_listing;
    }
    m_listing.format = signature.name;
    try {
        for (Found &found : inspect(signature, bytes, {})) {
            m_listing.entries.push_back(std::move(found.entry));
            std::ranges::move(found.inner, std::back_inserter(m_listing.entries));
        }
    } catch (const std::bad_alloc &) {
        m_budget.refuse(wire::Limit::Memory);
        m_listing.retires = true;
    }
    if (m_budget.isSpent()) {
        m_listing.limit = m_budget.exceeded();
        m_listing.flags |= wire::LimitExceeded;
        m_listing.detail = nameOf(m_listing.limit);
    }
    m_listing.detail = oneLine(m_listing.detail);
    return std::move(m_listing);
}

void Walk::note(wire::Flag flag, const std::string &detail)
{
    m_listing.flags |= flag;
    if (m_listing.detail.empty()) {
        m_listing.detail = detail;
    }
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by ArchiveLimits::levels
Walk::FoundList Walk::inspect(const Signature &signature,
                              std::string_view bytes,
                              const Place &place)
{
    if (signature.format == Format::OfficeEncrypted) {
        note(wire::Encrypted, "document with a password");
        return {};
    }
    if (signature.format == Format::Foreign) {
        note(wire::Unsupported, "no reader for " + std::string(signature.name));
        return {};
    }
    if (signature.offset > 0) {
        note(wire::Surroundings);
    }
    if (signature.format == Format::Zip) {
        return inspectZip(signature.offset, bytes, place);
    }
    const std::string_view archive = bytes.substr(signature.offset);
    const RarHead rar = readRarHead(archive, signature.format);
    if (rar.isVolume) {
        note(wire::Partial, "one volume of several");
    }
    if (rar.hasEncryptedMembers) {
        note(wire::Encrypted);
    }
    if (rar.hasEncryptedHeaders) {
        note(wire::Encrypted, "the list of members is encrypted");
        return {};
    }
    const bool isKArchives = signature.format == Format::Tar || signature.format == Format::Ar
                             || signature.format == Format::SevenZip;
    return isKArchives ? inspectWithBoth(signature.format, archive, archive, place)
                       : inspectWithLibarchive(signature.format, archive, place);
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by ArchiveLimits::levels
Walk::FoundList Walk::inspectZip(std::size_t offset, std::string_view bytes, const Place &place)
{
    const ZipStructure zip = readZipStructure(bytes, m_budget.limits().entries + 1);
    if (zip.isEncrypted) {
        note(wire::Encrypted);
    }
    if (zip.isMultiDisk) {
        note(wire::Partial, "one volume of several");
    }
    if (zip.isTruncated) {
        note(wire::Broken, "the directory is missing or points outside");
    }
    if (zip.contradictsItself()) {
        note(wire::Mismatch, "directory and members contradict each other");
    }
    if (zip.prepended > 0 || zip.appended > 0) {
        note(wire::Surroundings);
    }
    for (const ZipMember &member : zip.members) {
        Member names;
        names.path = member.localName;
        noteNames(names);
    }
    // KZip returns ciphertext as if it were content, so an encrypted archive is libarchive's alone.
    FoundList found = zip.isEncrypted || zip.isCut || zip.isTruncated
                          ? inspectWithLibarchive(Format::Zip, bytes, place)
                          : inspectWithBoth(Format::Zip, bytes.substr(offset), bytes, place);
    addMissingNames(zip, place, found);
    return found;
}

/// A rule on names must see every name that some program may unpack a member under.
// NOLINTNEXTLINE(misc-no-recursion) depth bounded by ArchiveLimits::levels
void Walk::addMissingNames(const ZipStructure &zip, const Place &place, FoundList &found)
{
    std::set<std::string> present;
    for (const Found &member : found) {
        present.insert(normalized(member.entry.path));
    }
    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by ArchiveLimits::levels
    const auto add = [&](const std::string &name) {
        if (name.empty() || !present.insert(normalized(name)).second) {
            return;
        }
        Member member;
        member.path = name;
        take(
            member, [](char *, std::size_t) -> std::ptrdiff_t { return 0; }, place, found);
    };
    std::ranges::for_each(zip.hiddenNames, add);
    for (const ZipMember &member : zip.members) {
        if (member.localName != member.name) {
            add(member.name);
            add(member.localName);
        }
    }
}

Walk::FoundList Walk::inspectWithLibarchive(Format format,
                                            std::string_view bytes,
                                            const Place &place)
{
    FoundList found;
    const ReadResult result = readWithLibarchive(
        format, bytes, [&](Member member, const ByteSource &source) {
            if (member.path.empty() && format == Format::Gzip) {
                member.path = gzipName(bytes);
            }
            return take(member, source, place, found);
        });
    if (format == Format::Lzma && !result.isOpen) {
        return found;  // its magic is weak: something else that looked alike
    }
    judgeEnd(result, found);
    return found;
}

Walk::FoundList Walk::inspectWithBoth(Format format,
                                      std::string_view forKArchive,
                                      std::string_view forLibarchive,
                                      const Place &place)
{
    FoundList first;
    const ReadResult firstResult = readFirst(format, forKArchive, place, first);
    if (m_budget.isSpent()) {
        return first;
    }
    FoundList found;
    const ReadResult result = readSecond(format, forLibarchive, place, first, found);
    const auto files = std::ranges::count(found, wire::Kind::File,
                                          [](const Found &f) { return f.entry.kind; });
    // Where directory and members contradict each other, each reader has chosen its truth.
    const bool isPoorer = !result.isComplete || (m_listing.flags & wire::Mismatch) != 0
                          || static_cast<std::size_t>(files) < first.size();
    if (isPoorer && !m_budget.isSpent()) {
        for (Found &member : first) {
            if (!member.isMatched) {
                found.push_back(std::move(member));
            }
        }
    }
    if (!result.isComplete && !result.isEncrypted && firstResult.isComplete) {
        note(wire::Mismatch, result.problem);  // two readers, two opinions
    }
    judgeEnd(result, found);
    return found;
}

bool Walk::isSmallEnoughForMemory(Format format, std::string_view bytes)
{
    if (format != Format::SevenZip) {
        return true;
    }
    // K7Zip unpacks the whole archive into memory when it opens it.
    std::uint64_t declared = 0;
    const ReadResult result = readWithLibarchive(
        format, bytes, [&](const Member &member, const ByteSource &) {
            declared += static_cast<std::uint64_t>(std::max<std::int64_t>(0, member.declaredSize));
            return m_budget.takeTime();
        });
    return result.isComplete && declared <= m_budget.limits().nestedBytes;
}

ReadResult Walk::readFirst(Format format,
                           std::string_view bytes,
                           const Place &place,
                           FoundList &found)
{
    if (!m_usesKArchive || !isSmallEnoughForMemory(format, bytes)) {
        return {};
    }
    return readWithKArchive(format, bytes, [&](const Member &member, const ByteSource &source) {
        // Folders and links come from the second reader, which knows them better.
        return member.kind != wire::Kind::File || take(member, source, place, found);
    });
}

Walk::Found *Walk::matchOf(const Member &member,
                           FoundList &first,
                           std::multimap<std::string, std::size_t> &byPath)
{
    const auto [begin, end] = byPath.equal_range(normalized(member.path));
    for (auto it = begin; it != end; ++it) {
        Found &found = first[it->second];
        const bool isSame = member.kind == wire::Kind::File && !member.isEncrypted
                            && (member.declaredSize < 0
                                || member.declaredSize == found.entry.deliveredSize);
        if (!isSame || !found.isComplete) {
            found.isMatched = true;  // to be read anew
        } else if (!found.isMatched) {
            return &found;
        }
    }
    return nullptr;
}

ReadResult Walk::readSecond(Format format,
                            std::string_view bytes,
                            const Place &place,
                            FoundList &first,
                            FoundList &found)
{
    std::multimap<std::string, std::size_t> byPath;
    for (std::size_t i = 0; i < first.size(); ++i) {
        byPath.emplace(normalized(first[i].entry.path), i);
    }
    return readWithLibarchive(format, bytes, [&](const Member &member, const ByteSource &source) {
        Found *known = matchOf(member, first, byPath);
        if (known == nullptr) {
            return take(member, source, place, found);
        }
        known->isMatched = true;
        noteNames(member);
        Found settled = *known;
        settled.entry.path = member.path.substr(0, m_budget.limits().nameBytes);
        found.push_back(std::move(settled));
        return m_budget.takeTime();
    });
}

void Walk::noteNames(const Member &member)
{
    if (leadsOut(member.path) || leadsOut(member.linkTarget)) {
        note(wire::Traversal, "a name leads out of its folder");
    }
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by ArchiveLimits::levels
bool Walk::take(const Member &member,
                const ByteSource &source,
                const Place &place,
                FoundList &found)
{
    if (!m_budget.takeEntry() || !m_budget.takeTime()) {
        return false;
    }
    noteNames(member);
    Found &one = found.emplace_back();
    one.entry.path = member.path.substr(0, m_budget.limits().nameBytes);
    one.entry.container = place.container;
    one.entry.depth = place.depth;
    one.entry.kind = member.kind;
    one.entry.declaredSize = member.declaredSize;
    one.entry.isEncrypted = member.isEncrypted;
    one.entry.nameType = m_types.typeOfName(member.path);
    if (member.isEncrypted) {
        note(wire::Encrypted);
    } else if (member.kind == wire::Kind::File) {
        read(source, place, one);
    }
    return !m_budget.isSpent();
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by ArchiveLimits::levels
void Walk::read(const ByteSource &source, const Place &place, Found &found)
{
    const Drained drained = drain(source);
    wire::Entry &entry = found.entry;
    entry.deliveredSize = static_cast<std::int64_t>(drained.size);
    if (!drained.bytes.empty()) {
        entry.contentType = m_types.typeOfContent(drained.bytes);
    }
    found.isComplete = !drained.isBroken
                       && (entry.declaredSize < 0 || entry.declaredSize == entry.deliveredSize);
    lookInside(drained, place, found);
}

Walk::Drained Walk::drain(const ByteSource &source)
{
    Drained drained;
    std::array<char, 65536> chunk{};
    for (;;) {
        const std::ptrdiff_t got = source(chunk.data(), chunk.size());
        if (got <= 0) {
            drained.isBroken = got < 0;
            return drained;
        }
        drained.size += static_cast<std::uint64_t>(got);
        if (!m_budget.takeBytes(static_cast<std::uint64_t>(got))) {
            drained.isWhole = false;
            return drained;
        }
        if (drained.size <= m_budget.limits().nestedBytes) {
            drained.bytes.append(chunk.data(), static_cast<std::size_t>(got));
        } else if (drained.isWhole) {
            drained.isWhole = false;
            drained.bytes.resize(std::min(drained.bytes.size(), chunk.size()));
            drained.bytes.shrink_to_fit();
        }
    }
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by ArchiveLimits::levels
void Walk::lookInside(const Drained &drained, const Place &place, Found &found)
{
    const Signature inner = findSignature(drained.bytes);
    if (inner.format == Format::None || m_budget.isSpent()) {
        return;
    }
    if (!drained.isWhole) {
        m_budget.refuse(wire::Limit::Bytes);
        return;
    }
    if (place.depth >= m_budget.limits().levels) {
        m_budget.refuse(wire::Limit::Levels);
        return;
    }
    Place within;
    within.container = (place.container.empty() ? "" : place.container + '/') + found.entry.path;
    within.container.resize(
        std::min<std::size_t>(within.container.size(), m_budget.limits().nameBytes));
    within.depth = static_cast<std::uint16_t>(place.depth + 1);
    for (Found &member : inspect(inner, drained.bytes, within)) {
        found.inner.push_back(std::move(member.entry));
        std::ranges::move(member.inner, std::back_inserter(found.inner));
    }
}

void Walk::judgeEnd(const ReadResult &result, const FoundList &found)
{
    if (result.isEncrypted) {
        note(wire::Encrypted);
    }
    if (result.isOutOfMemory) {
        m_budget.refuse(wire::Limit::Memory);
    }
    if (m_budget.isSpent()) {
        return;
    }
    const bool isLacking = std::ranges::any_of(found, [](const Found &member) {
        return member.entry.kind == wire::Kind::File && !member.entry.isEncrypted
               && !member.isComplete;
    });
    if ((!isLacking && result.isComplete) || (result.isEncrypted && found.empty())) {
        return;
    }
    note(result.isUnsupported ? wire::Unsupported : wire::Broken,
         result.problem.empty() ? "cannot be read in full" : result.problem);
}

}  // namespace portcullis::archive
