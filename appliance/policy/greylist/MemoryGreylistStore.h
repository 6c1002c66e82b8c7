// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/Greylist.h"

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

namespace portcullis::policy::greylist {

/// For tests and for programs without a database: what is stored lives as long as the store's data,
/// which several stores may share.
class MemoryGreylistStore final : public GreylistStore
{
public:
    struct Data {
        std::mutex mutex;
        std::map<std::tuple<QByteArray, QByteArray, QByteArray>, StoredTriplet> rows;
        std::map<std::pair<Clock::WallTime, RejectKind>, qint64> rejects;
        bool isAway = false;  ///< Every call fails.
    };

    explicit MemoryGreylistStore(std::shared_ptr<Data> data,
                                 const Clock &clock = SystemClock::instance());

    Status load(Clock::WallTime now, const Visitor &visit) override;
    Status loadChanges(Clock::WallTime since, const Visitor &visit) override;
    Result<Clock::WallTime> now() override;
    Status write(const std::vector<StoredTriplet> &triplets,
                 const std::vector<RejectCount> &rejects) override;
    Result<bool> purge(Clock::WallTime now) override;
    Result<std::vector<RejectCount>> rejects(Clock::WallTime from) override;

private:
    [[nodiscard]] Status availability() const;

    std::shared_ptr<Data> m_data;
    const Clock &m_clock;
};

}  // namespace portcullis::policy::greylist
