// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archive/protocol/Wire.h"

#include <type_traits>

namespace portcullis::archive::wire {

namespace {

constexpr std::uint32_t requestMagic = 0x31414750;  // "PGA1"
constexpr std::uint32_t listingMagic = 0x314c4750;  // "PGL1"

class Writer
{
public:
    template<typename T>
    void number(T value)
    {
        const auto bits = static_cast<std::uint64_t>(value);
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            m_bytes += static_cast<char>((bits >> (8 * i)) & 0xff);
        }
    }
    void text(const std::string &value)
    {
        number(static_cast<std::uint32_t>(value.size()));
        m_bytes += value;
    }
    std::string take() { return std::move(m_bytes); }

private:
    std::string m_bytes;
};

/// Reads what may be anything; after the first surprise all further reads give zeros.
class Reader
{
public:
    explicit Reader(std::string_view bytes)
        : m_bytes(bytes)
    {
    }

    template<typename T>
    T number()
    {
        if (m_bytes.size() < sizeof(T)) {
            m_isGood = false;
            m_bytes = {};
            return T();
        }
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            bits |= std::uint64_t(static_cast<unsigned char>(m_bytes[i])) << (8 * i);
        }
        m_bytes.remove_prefix(sizeof(T));
        return static_cast<T>(bits);
    }
    std::string text()
    {
        const auto size = number<std::uint32_t>();
        if (size > m_bytes.size()) {
            m_isGood = false;
            m_bytes = {};
            return {};
        }
        std::string value(m_bytes.substr(0, size));
        m_bytes.remove_prefix(size);
        return value;
    }
    bool flag()
    {
        const auto value = number<std::uint8_t>();
        m_isGood = m_isGood && value <= 1;
        return value == 1;
    }
    template<typename Enum>
    Enum choice(Enum last)
    {
        const auto value = number<std::uint8_t>();
        m_isGood = m_isGood && value <= static_cast<std::uint8_t>(last);
        return m_isGood ? static_cast<Enum>(value) : Enum();
    }
    void expect(bool isTrue) { m_isGood = m_isGood && isTrue; }
    [[nodiscard]] bool isGood() const { return m_isGood; }
    [[nodiscard]] std::size_t left() const { return m_bytes.size(); }

private:
    std::string_view m_bytes;
    bool m_isGood = true;
};

/// Bytes of an entry whose strings are all empty: bounds what a claimed count can make us reserve.
constexpr std::size_t smallestEntry = 4 * 4 + 2 + 1 + 8 + 8 + 1;

Entry readEntry(Reader &reader)
{
    Entry entry;
    entry.path = reader.text();
    entry.container = reader.text();
    entry.depth = reader.number<std::uint16_t>();
    entry.kind = reader.choice(Kind::Special);
    entry.declaredSize = reader.number<std::int64_t>();
    entry.deliveredSize = reader.number<std::int64_t>();
    entry.contentType = reader.text();
    entry.nameType = reader.text();
    entry.isEncrypted = reader.flag();
    reader.expect(entry.declaredSize >= -1 && entry.deliveredSize >= 0);
    return entry;
}

}  // namespace

std::string encode(const RequestHead &head)
{
    Writer writer;
    writer.number(requestMagic);
    writer.number(head.limits.levels);
    writer.number(head.limits.entries);
    writer.number(head.limits.totalBytes);
    writer.number(head.limits.nestedBytes);
    writer.number(head.limits.ratio);
    writer.number(head.limits.ratioGrace);
    writer.number(head.limits.milliseconds);
    writer.number(head.limits.nameBytes);
    writer.number(static_cast<std::uint8_t>(head.usesKArchive));
    writer.number(head.size);
    return writer.take();
}

std::optional<RequestHead> decodeRequestHead(std::string_view bytes)
{
    Reader reader(bytes);
    reader.expect(reader.number<std::uint32_t>() == requestMagic);
    RequestHead head;
    head.limits.levels = reader.number<std::uint32_t>();
    head.limits.entries = reader.number<std::uint32_t>();
    head.limits.totalBytes = reader.number<std::uint64_t>();
    head.limits.nestedBytes = reader.number<std::uint64_t>();
    head.limits.ratio = reader.number<std::uint32_t>();
    head.limits.ratioGrace = reader.number<std::uint64_t>();
    head.limits.milliseconds = reader.number<std::uint32_t>();
    head.limits.nameBytes = reader.number<std::uint32_t>();
    head.usesKArchive = reader.flag();
    head.size = reader.number<std::uint64_t>();
    reader.expect(reader.left() == 0);
    return reader.isGood() ? std::optional(head) : std::nullopt;
}

std::string encode(const Listing &listing)
{
    Writer writer;
    writer.number(listingMagic);
    writer.text(listing.format);
    writer.number(listing.flags);
    writer.number(static_cast<std::uint8_t>(listing.limit));
    writer.text(listing.detail);
    writer.number(static_cast<std::uint8_t>(listing.retires));
    writer.number(static_cast<std::uint32_t>(listing.entries.size()));
    for (const Entry &entry : listing.entries) {
        writer.text(entry.path);
        writer.text(entry.container);
        writer.number(entry.depth);
        writer.number(static_cast<std::uint8_t>(entry.kind));
        writer.number(entry.declaredSize);
        writer.number(entry.deliveredSize);
        writer.text(entry.contentType);
        writer.text(entry.nameType);
        writer.number(static_cast<std::uint8_t>(entry.isEncrypted));
    }
    return writer.take();
}

std::optional<Listing> decodeListing(std::string_view bytes)
{
    Reader reader(bytes);
    reader.expect(reader.number<std::uint32_t>() == listingMagic);
    Listing listing;
    listing.format = reader.text();
    listing.flags = reader.number<std::uint32_t>();
    reader.expect((listing.flags & ~std::uint32_t(AllFlags)) == 0);
    listing.limit = reader.choice(Limit::Memory);
    listing.detail = reader.text();
    listing.retires = reader.flag();
    const auto count = reader.number<std::uint32_t>();
    reader.expect(count <= reader.left() / smallestEntry);
    for (std::uint32_t i = 0; reader.isGood() && i < count; ++i) {
        listing.entries.push_back(readEntry(reader));
    }
    reader.expect(reader.left() == 0);
    return reader.isGood() ? std::optional(std::move(listing)) : std::nullopt;
}

}  // namespace portcullis::archive::wire
