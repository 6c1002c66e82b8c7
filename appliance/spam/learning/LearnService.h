// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/learning/LearnJournal.h"
#include "appliance/spam/learning/LearnRequest.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace portcullis::spam {

/// Somebody who learns: keeps tables, and the snapshot that is made of them.
class LearnSink
{
public:
    virtual ~LearnSink() = default;
    /// Applies the requests that it knows, and passes over the others. Transient errors are tried
    /// again with the same requests.
    virtual Status apply(std::span<const LearnRequest> requests) = 0;
    /// Called often: sees to what has changed elsewhere, to the snapshot and to expiry, each when it
    /// is due.
    virtual Status refresh() = 0;
};

/// Serves the journal of one machine: the process with the database. One thread; call run() about once
/// a second.
class LearnService
{
public:
    /// Turns a message into its tokens.
    using Tokenize = std::function<Result<LearnTokens>(const LearnMessage &message)>;

    LearnService(const QString &folder,
                 std::vector<std::unique_ptr<LearnSink>> sinks,
                 Tokenize tokenize,
                 JournalLimits limits = {});

    /// Applies what waits and lets the sinks refresh. An error is that of the first that failed; the
    /// requests wait then. True: there were requests.
    [[nodiscard]] Result<bool> run();

private:
    [[nodiscard]] Status apply(const std::vector<QByteArray> &records);

    JournalDrain m_drain;
    std::vector<std::unique_ptr<LearnSink>> m_sinks;
    Tokenize m_tokenize;
};

}  // namespace portcullis::spam
