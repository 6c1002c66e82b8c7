// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <chrono>
#include <map>
#include <optional>

/// How workers and the FingerprintService talk: one message a connection on a unix socket.
///
/// Request: FingerprintHead, then the message. Reply: one line, as the program that asks the network says
/// it, then the end of the connection.
namespace portcullis::spam {

/// Networks in which people report spam by fingerprint.
enum class FingerprintNetwork : quint8 { Razor = 1, Pyzor = 2 };
const char *nameOf(FingerprintNetwork network);  ///< "razor", "pyzor": for the log.

struct FingerprintLimits {
    qsizetype message = 1024
                        * 1024;   ///< Bytes; more is not asked about. `maxspamsize` is far below.
    qsizetype reply = 16 * 1024;  ///< Bytes of a reply; a longer one is none.
    /// Until a program is ready: Razor's agents may have to find servers first.
    std::chrono::milliseconds start = std::chrono::seconds(60);
    std::chrono::milliseconds deadline = std::chrono::seconds(
        60);  ///< Longest that may be asked for.
};

/// Begin of a request.
struct FingerprintHead {
    static constexpr qsizetype size = 12;  ///< Bytes when encoded.

    FingerprintNetwork network = FingerprintNetwork::Razor;
    std::chrono::milliseconds deadline{};  ///< When the asker stops waiting, from now.
    quint32 messageSize = 0;

    [[nodiscard]] QByteArray encoded() const;
    /// Nothing: not a head, or over a limit.
    static std::optional<FingerprintHead> decode(QByteArrayView bytes,
                                                 const FingerprintLimits &limits);
};

/// What Razor said: "ok 1 4:100:0 8:52:1" (listed; engine:confidence:contested for each part).
struct RazorFinding {
    bool isListed = false;
    std::map<QByteArray, int> confidence;  ///< By engine, the highest that nobody contests.

    /// Highest of one engine, or of all where `engine` is empty. Nothing: no such answer.
    [[nodiscard]] std::optional<int> confidenceOf(const QByteArray &engine) const;
    static std::optional<RazorFinding> parse(QByteArrayView line);
};

/// What Pyzor's servers said, added up: how often the text was reported, and called harmless.
struct PyzorFinding {
    qint64 reports = 0;
    qint64 welcomes = 0;

    /// Lines of `pyzor check`: "host:port<TAB>(200, 'OK')<TAB>reports<TAB>welcomes". Nothing: none of
    /// them is an answer.
    static std::optional<PyzorFinding> parse(QByteArrayView lines);
};

}  // namespace portcullis::spam
