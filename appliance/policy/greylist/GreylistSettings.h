// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>

namespace portcullis::policy::greylist {

/// How greylisting works (RFC 6647): periods, networks and what is learned. A value; a reload hands
/// over a new one.
struct GreylistSettings {
    std::chrono::seconds delay{180};           ///< Until a retry is taken (`greylist_delay`).
    std::chrono::hours retryWindow{48};        ///< A retry after it is a first attempt again.
    std::chrono::hours passLifetime{36 * 24};  ///< A pass lives so long after its last use.
    int mask4 = 24;                            ///< `greylistmask4`. Range 0 … 32.
    bool isIpv6Greylisted = false;             ///< `greylist6`; off: IPv6 clients always pass.
    int mask6 = 64;                            ///< `greylistmask6`. Range 0 … 128.
    /// A client network and sender domain with so many passed triplets is known and not delayed any
    /// more, for as long as a pass lives. Range 1 … 1000; 0 switches it off.
    int knownAfter = 5;
    std::chrono::hours replyLifetime{14 * 24};  ///< How long a reply to our mail is expected.
    /// Unknown triplets pass once the database has been failing for so long: greylisting is a courtesy
    /// and must not delay mail on account of our own trouble. Range 0 s … 1 h.
    std::chrono::seconds outageTolerance{60};
};

/// Bounds of what greylisting keeps, against random senders and rotating addresses (R6).
struct GreylistLimits {
    /// Triplets in memory and, not yet passed, in the database; 60 to 100 octets of memory each. When
    /// full the oldest that never passed goes first. Range 1,000 … 20,000,000.
    size_t triplets = 2'000'000;
    /// Of them, waiting for a retry from one IPv4 /24 or IPv6 /48: one network cannot push the others
    /// out. Its own oldest goes first. Range 100 … 1,000,000.
    size_t waitingPerNetwork = 8'000;
    /// Changed rows that wait for the database. When full, triplets that never passed are not written
    /// (they stay in memory). Range 1,000 … 1,000,000.
    size_t unwritten = 200'000;
    size_t rowsPerBatch = 2'000;  ///< Rows of one transaction. Range 1 … 20,000.
    size_t keyOctets = 256;       ///< Of sender and recipient each; longer ones are cut.
    std::chrono::milliseconds writeInterval{1000};  ///< A crash forgets what is younger.
    std::chrono::seconds purgeInterval{120};        ///< Expired rows are removed so often.
    std::chrono::seconds refreshInterval{60};       ///< What other nodes wrote is read so often.
    std::chrono::minutes refreshOverlap{5};         ///< And so much again: clocks differ.
    std::chrono::milliseconds firstRetry{200};      ///< After a database failure; doubles up to …
    std::chrono::milliseconds lastRetry{5000};      ///< … this.
    /// A clock that jumped by more is not believed: nothing is purged for `clockSettling`.
    std::chrono::minutes clockJump{30};
    std::chrono::minutes clockSettling{60};
    std::chrono::hours statisticLifetime{400 * 24};  ///< Hourly counts are kept so long.
};

}  // namespace portcullis::policy::greylist
