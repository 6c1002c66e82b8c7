// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Message.h"

#include <deque>
#include <vector>

namespace portcullis::mail {

/// The decoded forms of one part. Views point into `owned` or into the raw body.
struct PartReadings {
    std::deque<QByteArray> owned;
    std::vector<QByteArrayView> views;
};

/// Decodes `raw` in every way a reader may; notes what is wrong. Takes from `budget` (octets) what it
/// makes; without budget the raw body is the only reading and the defects say so.
PartReadings readPart(const Part &part,
                      QByteArrayView raw,
                      const MimeLimits &limits,
                      qint64 &budget,
                      Defects &defects);

}  // namespace portcullis::mail
