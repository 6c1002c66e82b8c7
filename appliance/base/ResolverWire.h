// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <chrono>
#include <optional>
#include <vector>

/// The protocol between ResolverService and BlockingResolver: one frame asks many names, one frame
/// answers all of them in the same order. Big-endian. A frame is a magic number (u32), the length of
/// what follows (u32), and a request or a response with a number that ties the two together.
namespace portcullis::resolverwire {

struct Question {
    QByteArray name;  ///< As Resolver::lookup() takes it; at most 255 octets are sent.
    DnsType type = DnsType::A;

    friend bool operator==(const Question &, const Question &) = default;
};

struct Request {
    quint32 id = 0;
    std::chrono::milliseconds deadline{0};  ///< What has no answer then is `dns.timeout`.
    std::vector<Question> questions;
};

struct Response {
    quint32 id = 0;
    std::vector<Result<DnsAnswer>> answers;
};

/// What a peer may send.
struct Limits {
    quint32 questions = 2000;                 ///< Of one request. Range 1 … 65,535.
    quint32 requestBytes = 600 * 1024;        ///< 2,000 names of 255 octets.
    quint32 responseBytes = 8 * 1024 * 1024;  ///< What does not fit is answered `dns.servfail`.
    std::chrono::milliseconds deadline = std::chrono::seconds(60);  ///< Longer ones are cut.
};

enum class FrameKind { Request, Response };
constexpr qsizetype headSize = 8;

/// Length of the payload behind a head of `headSize` octets; nothing if the magic number is wrong or
/// the length above the limit.
std::optional<quint32> payloadSize(QByteArrayView head, FrameKind kind, const Limits &limits = {});

/// Whole frames, head included. More questions than the limit are a bug of the caller (Q_ASSERT).
QByteArray encode(const Request &request, const Limits &limits = {});
QByteArray encode(const Response &response, const Limits &limits = {});

/// Read payloads. Nothing if a single octet is out of place.
std::optional<Request> decodeRequest(QByteArrayView payload, const Limits &limits = {});
std::optional<Response> decodeResponse(QByteArrayView payload, const Limits &limits = {});

}  // namespace portcullis::resolverwire
