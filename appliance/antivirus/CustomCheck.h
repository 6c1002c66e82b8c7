// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/ChildProcess.h"
#include "appliance/mail/Content.h"

#include <QtCore/QString>

#include <optional>

namespace portcullis::antivirus {

/// Keys `custom_check` and `custom_check_path` of section `admin`, and what bounds the program.
struct CustomCheckSettings {
    QString program = QStringLiteral("/usr/local/bin/pmg-custom-check");  ///< custom_check_path
    QString scratchFolder;  ///< Where the message lies as a file while it is checked.

    /// What a failing check means. The guide's product lets the mail pass, and administrators' scripts
    /// rely on that, so it is the default here too; Defer is our other choice (451, tried again).
    enum class OnError { Pass, Defer };
    OnError onError = OnError::Pass;
    ChildLimits limits;  ///< Deadline 5 minutes (behaviour of the guide's product).
};

/// What the administrator's program said: nothing (OK), a virus name, or points.
struct CustomCheckFinding {
    QString virus;                ///< From `VIRUS: name`; empty: none.
    std::optional<double> score;  ///< From `SCORE: n`; may be negative.
    bool failed = false;          ///< No usable answer, passed because of OnError::Pass.

    [[nodiscard]] bool isOk() const { return virus.isEmpty() && !score; }
};

/// The administrator's own program, run on every mail before the virus scanners (api v1).
///
/// It gets the arguments `v1` and the name of a file that holds the message (CRLF line endings, our
/// Received field on top), and prints two lines: `v1`, then `OK`, `VIRUS: name` or `SCORE: n`. Further
/// lines are ignored. What it writes to standard error goes to the log with the queue id. No shell; own
/// session; killed with everything it started at the deadline.
///
/// Blocking; an object may be used by several threads.
class CustomCheck
{
public:
    explicit CustomCheck(CustomCheckSettings settings);

    /// Errors: `custom-check.failed` (transient), only with OnError::Defer.
    [[nodiscard]] Result<CustomCheckFinding> check(const mail::Content &content,
                                                   QByteArrayView queueId) const;

    /// Reads the two lines. Errors: `custom-check.answer` (permanent), with what was wrong.
    static Result<CustomCheckFinding> parseAnswer(QByteArrayView output);

private:
    [[nodiscard]] Result<CustomCheckFinding> run(const mail::Content &content,
                                                 QByteArrayView queueId) const;

    CustomCheckSettings m_settings;
};

}  // namespace portcullis::antivirus
