// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/DmarcFinding.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

namespace portcullis::authentication {

/// A domain's DMARC record (RFC 7489 §6.3).
struct DmarcRecord {
    DmarcPolicy policy = DmarcPolicy::None;      ///< p=
    std::optional<DmarcPolicy> subdomainPolicy;  ///< sp=
    bool isDkimStrict = false;                   ///< adkim=s
    bool isSpfStrict = false;                    ///< aspf=s
    int percentage = 100;                        ///< pct=
    bool wantsReports = false;                   ///< rua= names a mailto: address.
    QByteArray text;                             ///< As published.

    /// The record as libopendmarc is handed it: only what decides, in plain form, alignment strict
    /// since it has been decided before (see DmarcEvaluator).
    [[nodiscard]] QByteArray plainText() const;

    friend bool operator==(const DmarcRecord &, const DmarcRecord &) = default;
};

/// Nothing if the text is no DMARC record that applies (RFC 7489 §6.6.3): another version, or no valid
/// p= and no rua= either. With rua= alone it is p=none. Other errors fall back to the defaults.
std::optional<DmarcRecord> parseDmarcRecord(const QByteArray &text);

/// The one record among TXT records; nothing for none or several (RFC 7489 §6.6.3 point 5).
std::optional<DmarcRecord> chooseDmarcRecord(const std::vector<QByteArray> &texts);

}  // namespace portcullis::authentication
