// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <vector>

namespace portcullis::authentication {

/// What the DNS says about the TXT records of a name.
struct TxtAnswer {
    enum class Kind {
        Records,          ///< There are some.
        None,             ///< NXDOMAIN, or no TXT there.
        TemporaryFailure  ///< Time-out, SERVFAIL, bogus: nobody knows.
    };
    Kind kind = Kind::None;
    std::vector<QByteArray> records;  ///< One a record, its character-strings joined.

    friend bool operator==(const TxtAnswer &, const TxtAnswer &) = default;
};

/// DNS as the checks of a message need it: synchronous, since filter workers are. The implementation
/// bounds the time that one message may spend waiting and answers TemporaryFailure beyond it.
class TxtLookup
{
public:
    virtual ~TxtLookup() = default;

    /// Names that texts() is going to be asked for, so that all of them can be on their way at once:
    /// every key and the DMARC records. Called at most once a message, and texts() is asked for none
    /// but these. No name twice, at most AuthenticationLimits::lookups.
    virtual void prefetch(const std::vector<QByteArray> &names) = 0;

    /// `name` is an ASCII domain name without trailing dot, in lower case. May be asked repeatedly.
    virtual TxtAnswer texts(const QByteArray &name) = 0;
};

}  // namespace portcullis::authentication
