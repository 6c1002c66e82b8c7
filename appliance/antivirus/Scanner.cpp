// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/Scanner.h"

#include <algorithm>

namespace portcullis::antivirus {

ScanFinding::ScanFinding(std::vector<Alert> alerts)
    : m_alerts(std::move(alerts))
{
    std::erase_if(m_alerts, [](const Alert &alert) { return alert.kind == Kind::Clean; });
}

ScanFinding::Kind ScanFinding::kind() const
{
    Kind weightest = Kind::Clean;
    for (const Alert &alert : m_alerts) {
        weightest = std::max(weightest, alert.kind);
    }
    return weightest;
}

QString ScanFinding::name() const
{
    return nameOf(kind());
}

bool ScanFinding::has(Kind kind) const
{
    return std::ranges::any_of(m_alerts, [kind](const Alert &alert) { return alert.kind == kind; });
}

QString ScanFinding::nameOf(Kind kind) const
{
    const auto found = std::ranges::find(m_alerts, kind, &Alert::kind);
    return found == m_alerts.end() ? QString() : found->name;
}

void ScanFinding::add(const ScanFinding &other)
{
    for (const Alert &alert : other.m_alerts) {
        if (std::ranges::find(m_alerts, alert) == m_alerts.end()) {
            m_alerts.push_back(alert);
        }
    }
}

}  // namespace portcullis::antivirus
