// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/AvastScanner.h"

#include "appliance/antivirus/ScratchFile.h"

#include <QtCore/QFile>
#include <QtCore/QList>

#include <algorithm>

namespace portcullis::antivirus {

namespace {

// Exit statuses of Avast's scan(1).
constexpr int statusClean = 0;
constexpr int statusInfected = 1;

}  // namespace

AvastScanner::AvastScanner(AvastSettings settings)
    : m_settings(std::move(settings))
{
}

Result<ScanFinding> AvastScanner::scan(const mail::Content &content, QByteArrayView) const
{
    const ScratchFile file = TRY(ScratchFile::write(m_settings.scratchFolder, content.view()));
    ChildCommand command;
    command.program = QFile::encodeName(m_settings.program);
    command.arguments = m_settings.arguments;
    command.arguments.push_back(file.path());
    const auto outcome = runChild(command, m_settings.limits);
    if (!outcome) {
        return Error::transient("avast.start", outcome.error().detail);
    }
    if (outcome->end == ChildOutcome::End::TimedOut) {
        return Error::transient("avast.timeout", QStringLiteral("no answer within the time limit"));
    }
    const std::vector<QString> names = parseOutput(outcome->output, file.path());
    const bool isInfected = outcome->end == ChildOutcome::End::Exited
                            && outcome->code == statusInfected;
    if (isInfected && !names.empty()) {
        std::vector<ScanFinding::Alert> alerts;
        for (const QString &name : names) {
            alerts.push_back({ScanFinding::Kind::Virus, name});
        }
        return ScanFinding::of(std::move(alerts));
    }
    const bool isClean = outcome->end == ChildOutcome::End::Exited && outcome->code == statusClean;
    if (isInfected || (isClean && !names.empty())) {
        return Error::transient(
            "avast.answer",
            QStringLiteral("exit status %1 with %2 names").arg(outcome->code).arg(names.size()));
    }
    if (!isClean) {
        return Error::transient("avast.scan", QString::fromLatin1(outcome->describeEnd()));
    }
    return ScanFinding::clean();
}

std::vector<QString> AvastScanner::parseOutput(QByteArrayView output, QByteArrayView fileName)
{
    std::vector<QString> names;
    for (const QByteArray &line : output.toByteArray().split('\n')) {
        // The name is behind the last tab: a member's name may hold tabs, a signature's does not.
        const qsizetype tab = line.lastIndexOf('\t');
        if (tab < 0 || !line.startsWith(fileName)) {
            continue;
        }
        const QString name = QString::fromUtf8(line.mid(tab + 1)).simplified().left(255);
        const bool isStatus = name.isEmpty() || name.startsWith(QLatin1Char('['));  // "[OK]" of -a
        if (!isStatus && std::ranges::find(names, name) == names.end()) {
            names.push_back(name);
        }
    }
    return names;
}

}  // namespace portcullis::antivirus
