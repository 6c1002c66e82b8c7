// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/ArcFinding.h"
#include "appliance/authentication/DkimFinding.h"
#include "appliance/authentication/DmarcFinding.h"

#include <QtCore/QJsonObject>

#include <vector>

namespace portcullis::authentication {

/// What DKIM, ARC and DMARC say of one message. A plain value.
struct Findings {
    std::vector<DkimFinding> dkim;  ///< In the order of the fields; empty: not signed.
    int dkimUnchecked = 0;          ///< Signatures beyond the limit.
    ArcFinding arc;
    DmarcFinding dmarc;

    /// Evidence for tracking and quarantine: {"dkim": [...], "arc": {...}, "dmarc": {...}}.
    [[nodiscard]] QJsonObject toJson() const;
};

}  // namespace portcullis::authentication
