// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/antivirus/Scanner.h"
#include "appliance/base/ChildProcess.h"

namespace portcullis::antivirus {

struct AvastSettings {
    QString program = QStringLiteral("/bin/scan");  ///< Avast for Linux installs it there.
    std::vector<QByteArray> arguments;              ///< Before the file name.
    QString scratchFolder;                          ///< Where the message lies as a file meanwhile.
    ChildLimits limits;                             ///< Deadline 5 minutes.
};

/// Avast for Linux (its own licence; key `avast` of section `admin`), through its program `scan`.
///
/// `scan FILE` prints `PATH<TAB>NAME` for each infected object, members of containers as
/// `PATH|>MEMBER<TAB>NAME`, and exits with 0 (nothing found), 1 (infected) or 2 (an error; a find is
/// then reported as 1). Blocking; may be used by several threads.
class AvastScanner final : public Scanner
{
public:
    explicit AvastScanner(AvastSettings settings);

    [[nodiscard]] QByteArray name() const override { return QByteArrayLiteral("avast"); }

    /// Errors, all transient: `avast.start`, `avast.timeout`, `avast.scan` (exit status 2 or other),
    /// `avast.answer` (status 1 without a name, or names with status 0).
    [[nodiscard]] Result<ScanFinding> scan(const mail::Content &content,
                                           QByteArrayView queueId) const override;

    /// The names in the program's output, in order, without duplicates.
    static std::vector<QString> parseOutput(QByteArrayView output, QByteArrayView fileName);

private:
    AvastSettings m_settings;
};

}  // namespace portcullis::antivirus
