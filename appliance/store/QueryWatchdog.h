// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>

namespace portcullis::store {

/// Ends waits that the server does not end: libpq's calls block without a time limit, so a frozen
/// server would hold our thread for ever although `statement_timeout` is set (F6 "slow").
///
/// One thread per process, started by the first Guard. A socket whose time is over is shut down; the
/// blocked call then fails as for a lost connection.
class QueryWatchdog
{
public:
    /// Watches a socket while it lives.
    class Guard
    {
    public:
        Guard(int socket, std::chrono::milliseconds limit);
        ~Guard();
        Guard(const Guard &) = delete;
        Guard &operator=(const Guard &) = delete;

    private:
        std::uint64_t m_ticket;
    };
};

}  // namespace portcullis::store
