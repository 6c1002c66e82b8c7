// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/DeliveryObserver.h"
#include "appliance/tracking/EventJournal.h"

namespace portcullis {

/// Writes each outcome of the delivery into the tracking journal.
class TrackingObserver final : public delivery::DeliveryObserver
{
public:
    explicit TrackingObserver(tracking::EventJournal &journal)
        : m_journal(journal)
    {
    }

    void onDelivery(const delivery::DeliveryEvent &event) override;

private:
    tracking::EventJournal &m_journal;
};

}  // namespace portcullis
