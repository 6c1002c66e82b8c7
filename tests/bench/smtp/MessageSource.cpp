// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/smtp/MessageSource.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

namespace portcullis::bench {

namespace {

constexpr std::size_t lineLength = 74;  ///< With CRLF; all lines of the pool have it.
constexpr std::size_t poolLines = 40'000;

constexpr std::array<std::string_view, 32> words{
    "the",    "order",   "of",       "delivery", "and",     "invoice", "please",   "find",
    "report", "meeting", "tomorrow", "with",     "regards", "a",       "project",  "customer",
    "we",     "have",    "for",      "your",     "offer",   "in",      "contract", "on",
    "review", "is",      "schedule", "not",      "update",  "from",    "number",   "until"};

std::string readWhole(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// As RFC 5321 §4.5.2 wants it on the wire, with the end of data.
std::string forTheWire(const std::string &text)
{
    std::string wire;
    wire.reserve(text.size() + text.size() / 16);
    bool isLineStart = true;
    for (const char each : text) {
        if (each == '\r') {
            continue;
        }
        if (isLineStart && each == '.') {
            wire += '.';
        }
        isLineStart = each == '\n';
        if (isLineStart) {
            wire += '\r';
        }
        wire += each;
    }
    wire += isLineStart ? ".\r\n" : "\r\n.\r\n";
    return wire;
}

}  // namespace

MessageSource::MessageSource(std::size_t size, std::uint64_t seed)
    : m_size(size)
    , m_state(seed * 0x9E3779B97F4A7C15U + 1)
{
    makePool();
}

MessageSource::MessageSource(const std::string &folder)
{
    std::vector<std::filesystem::path> files;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".eml") {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    for (const auto &file : files) {
        m_real.push_back(forTheWire(readWhole(file)));
    }
    if (m_real.empty()) {
        throw std::runtime_error("no *.eml in " + folder);
    }
}

/// xorshift64*: only has to be different each time.
std::uint64_t MessageSource::random()
{
    m_state ^= m_state >> 12U;
    m_state ^= m_state << 25U;
    m_state ^= m_state >> 27U;
    return m_state * 0x2545F4914F6CDD1DU;
}

void MessageSource::makePool()
{
    for (std::size_t line = 0; line < poolLines; ++line) {
        std::string text;
        while (text.size() < lineLength - 2) {
            text += words.at(random() % words.size());
            text += random() % 8 == 0 ? std::to_string(random() % 100'000) + ' ' : " ";
        }
        m_pool.append(text, 0, lineLength - 2).append("\r\n");
    }
}

void MessageSource::appendNext(std::string &out)
{
    if (!m_real.empty()) {
        out += m_real[m_number++ % m_real.size()];
        return;
    }
    const std::size_t start = out.size();
    const std::string id = std::to_string(random());
    out += "Date: Mon, 16 Nov 2026 10:11:12 +0100\r\nFrom: Berta Sender <berta@example.net>\r\n"
           "To: Anna Receiver <anna@example.com>\r\nSubject: Report ";
    out += id;
    out += "\r\nMessage-ID: <";
    out += id;
    out += "@mail.example.net>\r\nMIME-Version: 1.0\r\n"
           "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n"
           "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Thunderbird/115.0\r\n\r\nNumber ";
    out += id;
    out += "\r\n";
    const std::size_t used = out.size() - start;
    std::size_t lines = m_size > used ? (m_size - used) / lineLength : 0;
    while (lines > 0) {
        const std::size_t chunk = std::min<std::size_t>(lines, 16);
        const std::size_t first = random() % (poolLines - chunk);
        out.append(m_pool, first * lineLength, chunk * lineLength);
        lines -= chunk;
    }
    out += ".\r\n";
    ++m_number;
}

}  // namespace portcullis::bench
