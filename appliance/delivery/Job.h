// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/TlsReport.h"
#include "appliance/smtp/Reply.h"
#include "appliance/spool/Entry.h"

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace portcullis::delivery {

/// What an attempt came to for one recipient.
struct Outcome {
    enum class Kind { Delivered, Deferred, Failed };
    Kind kind = Kind::Deferred;
    smtp::Reply reply;
    bool isFromNextHop = false;  ///< Else the reply is ours.
    QByteArray nextHop;          ///< ConnectionTarget::toText(); empty if none was reached.
    QByteArray remoteMta;        ///< Host name alone.
    QByteArray tls;
    TlsReport tlsReport;
    bool passedDsnOn = false;      ///< The next hop reports success itself.
    bool isFinalDelivery = false;  ///< LMTP: nobody comes after it.
    Clock::WallTime time{};

    /// By the class of the reply.
    static Kind kindOf(const smtp::Reply &reply)
    {
        if (reply.code / 100 == 2) {
            return Kind::Delivered;
        }
        return reply.isPermanent() ? Kind::Failed : Kind::Deferred;
    }
};

/// A message of the spool while it is worked on. Used in the delivery thread only.
struct ActiveMessage {
    spool::Entry entry;  ///< Its content may have been dropped to save memory; see `size`.
    qint64 size = 0;
    int openJobs = 0;
    std::chrono::milliseconds shortestWait{};  ///< A next hop of it is left alone so long.
    bool isGone = false;  ///< Held or removed by somebody else: begin nothing more.
    std::vector<std::optional<Outcome>> outcomes;  ///< Of this attempt; one a recipient.
    std::vector<bool> committed;                   ///< Deliveries that the spool knows already.
};

/// Some recipients of a message that go to one next hop in one transaction.
struct Job {
    std::shared_ptr<ActiveMessage> message;
    std::vector<int> recipients;  ///< Indices into the envelope; those still undecided.
    int returns = 0;              ///< How often a kept connection had gone stale under it.
};

}  // namespace portcullis::delivery
