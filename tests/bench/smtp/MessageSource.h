// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace portcullis::bench {

/// Messages to send, ready for DATA: CRLF line ends, dots stuffed, with the final dot.
///
/// Generated ones differ from each other in every part, so that no cache of the system under test
/// (ClamAV's of clean files, rspamd's of known mail) takes them for one it knows. Not thread-safe.
class MessageSource
{
public:
    /// Generates messages of about `size` bytes. Different seeds give different messages.
    MessageSource(std::size_t size, std::uint64_t seed);

    /// Sends the *.eml files of the folder in turn. Throws std::runtime_error if there is none.
    explicit MessageSource(const std::string &folder);

    /// Appends the next message to `out`.
    void appendNext(std::string &out);

private:
    void makePool();
    std::uint64_t random();

    std::size_t m_size = 0;
    std::uint64_t m_state = 1;
    std::uint64_t m_number = 0;
    std::string m_pool;               ///< Lines of words that messages are cut from.
    std::vector<std::string> m_real;  ///< Messages of the folder.
};

}  // namespace portcullis::bench
