// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/config/Machine.h"
#include "appliance/config/MapFiles.h"
#include "shared/schema/Schema.h"
#include "shared/schema/SectionFile.h"

#include <QtCore/QByteArray>

#include <chrono>
#include <map>
#include <optional>
#include <utility>

namespace portcullis::config {

/// All keys of pmg.conf, checked, with defaults filled in.
class PmgConfValues
{
public:
    /// Faults go to `faults`, retired keys to `warnings`.
    static PmgConfValues read(const schema::SectionFile &file,
                              const QString &fileName,
                              FaultList &faults,
                              std::vector<QString> &warnings);

    /// @name Values by section and key; a key that the schema lacks is a bug (Q_ASSERT).
    /// @{
    [[nodiscard]] bool flag(const char *section, const char *key) const;
    [[nodiscard]] qint64 number(const char *section, const char *key) const;
    [[nodiscard]] QByteArray text(const char *section, const char *key) const;  ///< "" if unset.
    [[nodiscard]] bool isSet(const char *section, const char *key) const;
    [[nodiscard]] std::vector<QByteArray> list(const char *section, const char *key) const;
    /// @}

private:
    [[nodiscard]] const schema::Value *find(const char *section, const char *key) const;
    std::map<std::pair<QByteArray, QByteArray>, schema::Value> m_values;
};

/// Turns checked values into the typed sections of a Config.
void fillSections(const PmgConfValues &values, const Machine &machine, Config &config);

}  // namespace portcullis::config
