// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What SpfClient and its worker program say to each other over a socket pair. Plain C++, because the
/// worker has no Qt. A frame is four bytes of length and an encoded Task (to the worker) or Reply (from
/// it). Numbers are little-endian. The worker keeps nothing between two tasks; when it lacks a DNS answer
/// it says so and gets the same task again, with the answer. It may have been taken over by what it
/// evaluated, so the readers believe nothing.
namespace portcullis::policy::spf::wire {

constexpr std::uint32_t maxTask = 128 * 1024;  ///< Bytes; one DNS message gives 64 KB at most.
constexpr std::uint32_t maxReply = 8 * 1024;   ///< Bytes.
constexpr std::size_t maxExpansion = 4096;     ///< Characters of an expanded macro string.

enum class Query : std::uint8_t { A, Aaaa, Mx, Ptr };

/// A DNS answer; no records: there are none.
struct Known {
    Query query = Query::A;
    std::string name;                  ///< Without trailing dot.
    std::vector<std::string> records;  ///< Addresses as 4 or 16 bytes, host names as text.

    friend bool operator==(const Known &, const Known &) = default;
};

struct Task {
    enum class Kind : std::uint8_t {
        ExpandDomain,       ///< `text` is a domain-spec.
        ExpandExplanation,  ///< `text` is an explanation.
        MatchA,             ///< `text` is the target name, for this and the following.
        MatchMx,
        MatchPtr,
        MatchExists
    };
    Kind kind = Kind::ExpandDomain;
    std::string text;
    std::uint8_t prefix = 0;   ///< Prefix length for the client's family.
    std::string client;        ///< 4 or 16 bytes.
    std::string local;         ///< %{l}
    std::string senderDomain;  ///< %{o}
    std::string domain;        ///< %{d}
    std::string helo;          ///< %{h}
    std::string receiver;      ///< %{r}
    std::vector<Known> known;

    friend bool operator==(const Task &, const Task &) = default;
};

struct Reply {
    enum class Kind : std::uint8_t {
        Expanded,    ///< `text` is what became of the macro string.
        Matches,     ///< The mechanism does.
        MatchesNot,  ///< The mechanism does not.
        Needs,       ///< `query` for the name `text` must be known.
        Failed       ///< `text` says why.
    };
    Kind kind = Kind::Failed;
    Query query = Query::A;
    std::string text;

    friend bool operator==(const Reply &, const Reply &) = default;
};

std::string encode(const Task &task);  ///< Without the frame's length.
std::optional<Task> decodeTask(std::string_view bytes);

std::string encode(const Reply &reply);
std::optional<Reply> decodeReply(std::string_view bytes);

std::string framed(const std::string &message);
/// The length that the first four bytes of a frame announce.
std::uint32_t frameLength(std::string_view head);

}  // namespace portcullis::policy::spf::wire
