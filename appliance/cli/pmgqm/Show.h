// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineStore.h"

#include <QtCore/QJsonObject>

namespace portcullis::cli::qm {

QString listText(const std::vector<quarantine::Entry> &entries);
QString entryText(const quarantine::Entry &entry);  ///< With the evidence: why it is here.
QString countsText(const std::vector<quarantine::KindCount> &counts);

QJsonObject toJson(const quarantine::Entry &entry);
QJsonObject toJson(const quarantine::KindCount &count);

}  // namespace portcullis::cli::qm
