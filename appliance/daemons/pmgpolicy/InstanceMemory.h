// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/delegation/DelegationRequest.h"
#include "appliance/verdict/SessionEvidence.h"

#include <QtCore/QHash>

#include <deque>
#include <optional>

namespace portcullis {

/// What was found out and said about a message at an earlier recipient.
struct MessageNotes {
    std::optional<verdict::SpfFinding> spf;
    bool hasHeader = false;  ///< A Received-SPF field was prepended.
};

struct InstanceLimits {
    /// Messages whose recipients may still come: as many as Postfix has sessions, and then some that
    /// ended without a word. Range 100 … 1,000,000.
    qsizetype messages = 5000;
};

/// Notes on the messages that Postfix is receiving, by its `instance` attribute. When full, the oldest
/// is forgotten: SPF is then asked again, and the header field stands there twice.
class InstanceMemory
{
public:
    explicit InstanceMemory(const InstanceLimits &limits = {})
        : m_limits(limits)
    {
    }

    /// Of a message without an instance nothing is remembered.
    [[nodiscard]] MessageNotes of(const policy::DelegationRequest &request) const;
    void set(const policy::DelegationRequest &request, const MessageNotes &notes);

private:
    InstanceLimits m_limits;
    QHash<QByteArray, MessageNotes> m_notes;
    std::deque<QByteArray> m_order;  ///< Keys, the oldest first.
};

}  // namespace portcullis
