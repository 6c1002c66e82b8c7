// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/archive/formats/Signature.h"
#include "appliance/archive/formats/ZipStructure.h"
#include "appliance/archive/protocol/Wire.h"
#include "appliance/daemons/archive-inspector/Budget.h"
#include "appliance/daemons/archive-inspector/Readers.h"
#include "appliance/daemons/archive-inspector/TypeDetector.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::archive {

/// One walk through an archive and the archives within it. Used once.
///
/// KArchive reads what it can read; libarchive then lists the same archive, settles names, kinds and
/// encryption, and reads what KArchive did not deliver in full. What neither reads is a finding.
class Walk
{
public:
    Walk(const TypeDetector &types, const wire::RequestHead &request);

    wire::Listing run(std::string_view bytes);

private:
    /// A member, how well it was read, and what was in it.
    struct Found {
        wire::Entry entry;
        bool isComplete = false;
        bool isMatched = false;  ///< By the second reader.
        std::vector<wire::Entry> inner;
    };
    using FoundList = std::vector<Found>;

    /// Where in the nesting an archive lies.
    struct Place {
        std::string container;
        std::uint16_t depth = 1;
    };

    /// A member's bytes, as far as they are wanted.
    struct Drained {
        std::string bytes;
        std::uint64_t size = 0;
        bool isBroken = false;
        bool isWhole = true;  ///< `bytes` holds all of it.
    };

    FoundList inspect(const Signature &signature, std::string_view bytes, const Place &place);
    FoundList inspectZip(std::size_t offset, std::string_view bytes, const Place &place);
    void addMissingNames(const ZipStructure &zip, const Place &place, FoundList &found);
    FoundList inspectWithBoth(Format format,
                              std::string_view forKArchive,
                              std::string_view forLibarchive,
                              const Place &place);
    FoundList inspectWithLibarchive(Format format, std::string_view bytes, const Place &place);

    ReadResult readFirst(Format format,
                         std::string_view bytes,
                         const Place &place,
                         FoundList &found);
    ReadResult readSecond(Format format,
                          std::string_view bytes,
                          const Place &place,
                          FoundList &first,
                          FoundList &found);
    static Found *matchOf(const Member &member,
                          FoundList &first,
                          std::multimap<std::string, std::size_t> &byPath);
    bool isSmallEnoughForMemory(Format format, std::string_view bytes);

    bool take(const Member &member, const ByteSource &source, const Place &place, FoundList &found);
    void read(const ByteSource &source, const Place &place, Found &found);
    Drained drain(const ByteSource &source);
    void lookInside(const Drained &drained, const Place &place, Found &found);
    void judgeEnd(const ReadResult &result, const FoundList &found);
    void noteNames(const Member &member);
    void note(wire::Flag flag, const std::string &detail = {});

    const TypeDetector &m_types;
    bool m_usesKArchive;
    Budget m_budget;
    wire::Listing m_listing;
};

}  // namespace portcullis::archive
