// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/MapFiles.h"
#include "appliance/config/PmgConfReader.h"
#include "shared/schema/SectionFile.h"

#include <cstdlib>

namespace {

using namespace portcullis;

void require(bool holds)
{
    if (!holds) {
        std::abort();
    }
}

/// Whatever is read is written back unchanged and can be changed without becoming unreadable.
void checkSectionFile(const QByteArray &bytes)
{
    auto file = schema::SectionFile::parse(bytes, QStringLiteral("f"));
    if (!file) {
        require(!file.error().detail.isEmpty());
        return;
    }
    require(file->toBytes() == bytes);
    config::FaultList faults;
    std::vector<QString> warnings;
    const auto values = config::PmgConfValues::read(*file, QStringLiteral("f"), faults, warnings);
    config::Config config;
    config::fillSections(values, {}, config);
    require(file->set("mail", "banner", "changed").has_value());
    require(schema::SectionFile::parse(file->toBytes(), QStringLiteral("f")).has_value());
}

void checkMapFile(const QByteArray &bytes, schema::MapFile::CommentStyle style)
{
    const auto file = schema::MapFile::parse(bytes, QStringLiteral("f"), style);
    if (!file) {
        return;
    }
    require(file->toBytes() == bytes || file->toBytes() == bytes + '\n');
    for (const auto &entry : file->entries()) {
        std::ignore = config::parseRelayDomain(entry);
        std::ignore = config::parseTlsPolicy(entry);
        std::ignore = config::Network::parse(entry.key);
        if (const auto transport = config::parseTransport(entry)) {
            const QByteArray written = config::toTransportValue(transport->nextHop);
            const auto again = config::parseNextHop(written);
            require(again.has_value() && *again == transport->nextHop);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) libFuzzer's interface
    const QByteArray bytes(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    checkSectionFile(bytes);
    checkMapFile(bytes, schema::MapFile::CommentStyle::LineBefore);
    checkMapFile(bytes, schema::MapFile::CommentStyle::Trailing);
    return 0;
}
