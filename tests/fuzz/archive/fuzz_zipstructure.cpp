// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archive/formats/Signature.h"
#include "appliance/archive/formats/ZipStructure.h"

#include <cstdint>
#include <cstdlib>

using namespace portcullis::archive;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    const Signature signature = findSignature(bytes);
    if (signature.offset > size) {
        std::abort();
    }
    readRarHead(bytes, Format::Rar);
    readRarHead(bytes, Format::Rar5);
    constexpr std::size_t maxMembers = 100;
    const ZipStructure zip = readZipStructure(bytes, maxMembers);
    if (zip.members.size() > maxMembers || zip.prepended > size || zip.appended > size) {
        std::abort();
    }
    for (const ZipMember &member : zip.members) {
        if (member.end > size && member.end != member.begin) {
            std::abort();  // nobody may be sent beyond the end
        }
    }
    return 0;
}
