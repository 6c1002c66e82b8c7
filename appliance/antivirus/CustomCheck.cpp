// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/CustomCheck.h"

#include "appliance/antivirus/ScratchFile.h"
#include "appliance/base/Log.h"

#include <QtCore/QFile>
#include <QtCore/QList>

#include <cmath>

namespace portcullis::antivirus {

namespace {

constexpr qsizetype maxVirusName = 255;  ///< Characters kept of a name, for headers and database.

Error answerError(const QString &detail)
{
    return Error::permanent("custom-check.answer", detail);
}

/// Removes the next line from `text` and returns it without LF or CRLF.
QByteArrayView takeLine(QByteArrayView &text)
{
    const qsizetype end = text.indexOf('\n');
    QByteArrayView line = end < 0 ? text : text.first(end);
    text = end < 0 ? QByteArrayView() : text.sliced(end + 1);
    return line.endsWith('\r') ? line.chopped(1) : line;
}

/// The program's complaints, one event a line, so that they are found by the queue id.
void logErrorOutput(const ChildOutcome &outcome, QByteArrayView queueId)
{
    constexpr int maxLines = 50;
    int count = 0;
    for (const QByteArray &line : outcome.errorOutput.split('\n')) {
        if (!line.trimmed().isEmpty() && count++ < maxLines) {
            log::write(log::Severity::Notice, "custom-check.stderr", queueId, {{"text", line}});
        }
    }
    if (outcome.isErrorTruncated || count > maxLines) {
        log::write(log::Severity::Notice, "custom-check.stderr-cut", queueId, {});
    }
}

}  // namespace

CustomCheck::CustomCheck(CustomCheckSettings settings)
    : m_settings(std::move(settings))
{
}

Result<CustomCheckFinding> CustomCheck::check(const mail::Content &content,
                                              QByteArrayView queueId) const
{
    const auto finding = run(content, queueId);
    if (finding) {
        return *finding;
    }
    const bool passes = m_settings.onError == CustomCheckSettings::OnError::Pass;
    log::write(log::Severity::Error, "custom-check.failed", queueId,
               {{"error", finding.error().toString().toUtf8()},
                {"message", passes ? "passed" : "deferred"}});
    if (!passes) {
        return Error::transient("custom-check.failed", finding.error().toString());
    }
    CustomCheckFinding passed;
    passed.failed = true;
    return passed;
}

Result<CustomCheckFinding> CustomCheck::run(const mail::Content &content,
                                            QByteArrayView queueId) const
{
    const ScratchFile file = TRY(ScratchFile::write(m_settings.scratchFolder, content.view()));
    ChildCommand command;
    command.program = QFile::encodeName(m_settings.program);
    command.arguments = {"v1", file.path()};
    command.environment.push_back("PMG_QUEUE_ID=" + queueId.toByteArray());
    const ChildOutcome outcome = TRY(runChild(command, m_settings.limits));
    logErrorOutput(outcome, queueId);
    if (!outcome.succeeded()) {
        return Error::permanent("custom-check.end", QString::fromLatin1(outcome.describeEnd()));
    }
    return parseAnswer(outcome.output);
}

Result<CustomCheckFinding> CustomCheck::parseAnswer(QByteArrayView output)
{
    if (takeLine(output).trimmed() != "v1") {
        return answerError(QStringLiteral("the first line must be v1"));
    }
    const QByteArrayView line = takeLine(output).trimmed();
    CustomCheckFinding finding;
    if (line == "OK") {
        return finding;
    }
    if (line.startsWith("VIRUS:")) {
        // A name reaches headers and the database: one line, no control characters.
        const QString name = QString::fromUtf8(line.sliced(6)).simplified().left(maxVirusName);
        for (const QChar character : name) {
            if (character.isPrint()) {
                finding.virus += character;
            }
        }
        if (finding.virus.isEmpty()) {
            return answerError(QStringLiteral("VIRUS: without a name"));
        }
        return finding;
    }
    if (line.startsWith("SCORE:")) {
        bool isNumber = false;
        const double score = line.sliced(6).trimmed().toByteArray().toDouble(&isNumber);
        constexpr double maxScore = 1'000'000;
        if (!isNumber || !std::isfinite(score) || std::abs(score) > maxScore) {
            return answerError(
                QStringLiteral("SCORE: needs a number between -%1 and %1").arg(qint64(maxScore)));
        }
        finding.score = score;
        return finding;
    }
    return answerError(QStringLiteral("the second line must be OK, VIRUS: name or SCORE: number"));
}

}  // namespace portcullis::antivirus
