// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/protocol/Wire.h"

#include <algorithm>

namespace portcullis::policy::spf::wire {

namespace {

void putNumber(std::string &out, std::size_t value)
{
    for (unsigned shift = 0; shift < 32; shift += 8) {
        out += static_cast<char>((value >> shift) & 0xffU);
    }
}

void putString(std::string &out, const std::string &text)
{
    putNumber(out, text.size());
    out += text;
}

/// Reads fields from the front; after the first that is not there all are empty and isGood() is false.
class FieldReader
{
public:
    explicit FieldReader(std::string_view bytes)
        : m_rest(bytes)
    {
    }

    std::uint32_t number() { return frameLength(take(4)); }
    std::string string() { return std::string(take(number())); }

    /// A byte not above `maximum`.
    std::uint8_t byte(std::uint8_t maximum)
    {
        const std::string_view one = take(1);
        const auto value = one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
        m_isGood = m_isGood && value <= maximum;
        return m_isGood ? value : std::uint8_t{0};
    }

    /// A number of things that take at least `smallest` bytes each.
    std::uint32_t count(std::size_t smallest)
    {
        const std::uint32_t value = number();
        m_isGood = m_isGood && value <= m_rest.size() / smallest;
        return m_isGood ? value : 0;
    }

    [[nodiscard]] bool isGood() const { return m_isGood; }
    [[nodiscard]] bool isAtEnd() const { return m_isGood && m_rest.empty(); }

private:
    std::string_view take(std::size_t size)
    {
        m_isGood = m_isGood && size <= m_rest.size();
        if (!m_isGood) {
            return {};
        }
        const std::string_view taken = m_rest.substr(0, size);
        m_rest.remove_prefix(size);
        return taken;
    }

    std::string_view m_rest;
    bool m_isGood = true;
};

constexpr auto lastTask = static_cast<std::uint8_t>(Task::Kind::MatchExists);
constexpr auto lastReply = static_cast<std::uint8_t>(Reply::Kind::Failed);
constexpr auto lastQuery = static_cast<std::uint8_t>(Query::Ptr);
constexpr std::size_t smallestKnown = 1 + 4 + 4;
constexpr std::size_t smallestString = 4;

Known readKnown(FieldReader &in)
{
    Known known;
    known.query = static_cast<Query>(in.byte(lastQuery));
    known.name = in.string();
    known.records.resize(in.count(smallestString));
    for (std::string &record : known.records) {
        record = in.string();
    }
    return known;
}

}  // namespace

std::string encode(const Task &task)
{
    std::string out;
    out += static_cast<char>(task.kind);
    out += static_cast<char>(task.prefix);
    for (const std::string *field : {&task.text, &task.client, &task.local, &task.senderDomain,
                                     &task.domain, &task.helo, &task.receiver}) {
        putString(out, *field);
    }
    putNumber(out, task.known.size());
    for (const Known &known : task.known) {
        out += static_cast<char>(known.query);
        putString(out, known.name);
        putNumber(out, known.records.size());
        for (const std::string &record : known.records) {
            putString(out, record);
        }
    }
    return out;
}

std::optional<Task> decodeTask(std::string_view bytes)
{
    FieldReader in(bytes);
    Task task;
    task.kind = static_cast<Task::Kind>(in.byte(lastTask));
    task.prefix = in.byte(128);
    for (std::string *field : {&task.text, &task.client, &task.local, &task.senderDomain,
                               &task.domain, &task.helo, &task.receiver}) {
        *field = in.string();
    }
    task.known.resize(in.count(smallestKnown));
    for (Known &known : task.known) {
        known = readKnown(in);
    }
    const bool hasClient = task.client.size() == 4 || task.client.size() == 16;
    const bool hasPrefix = task.prefix <= task.client.size() * 8;
    return in.isAtEnd() && hasClient && hasPrefix ? std::optional(std::move(task)) : std::nullopt;
}

std::string encode(const Reply &reply)
{
    std::string out;
    out += static_cast<char>(reply.kind);
    out += static_cast<char>(reply.query);
    putString(out, reply.text);
    return out;
}

std::optional<Reply> decodeReply(std::string_view bytes)
{
    FieldReader in(bytes);
    Reply reply;
    reply.kind = static_cast<Reply::Kind>(in.byte(lastReply));
    reply.query = static_cast<Query>(in.byte(lastQuery));
    reply.text = in.string();
    return in.isAtEnd() ? std::optional(std::move(reply)) : std::nullopt;
}

std::string framed(const std::string &message)
{
    std::string out;
    putString(out, message);
    return out;
}

std::uint32_t frameLength(std::string_view head)
{
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(4, head.size()); ++i) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])) << (8 * i);
    }
    return value;
}

}  // namespace portcullis::policy::spf::wire
