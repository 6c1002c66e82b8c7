// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <vector>

namespace portcullis::antivirus {

/// What one scanner concluded about some bytes. There is no default: "clean" is said, never assumed.
class ScanFinding
{
public:
    /// By rising weight; kind() gives the weightest of several alerts.
    enum class Kind {
        Clean,
        Heuristic,      ///< Looks suspicious (`Heuristics.*`): gives spam points, is no virus.
        Encrypted,      ///< Holds something encrypted, so it could not be looked at in full.
        LimitExceeded,  ///< Too large, too deep or too slow to be looked at in full: unscannable.
        Virus,
    };
    struct Alert {
        Kind kind;
        QString
            name;  ///< As the scanner says it: "Eicar-Test-Signature", "Heuristics.Encrypted.Zip".

        friend bool operator==(const Alert &, const Alert &) = default;
    };

    static ScanFinding clean() { return ScanFinding({}); }
    static ScanFinding of(std::vector<Alert> alerts) { return ScanFinding(std::move(alerts)); }
    static ScanFinding virus(QString name) { return of({{Kind::Virus, std::move(name)}}); }

    [[nodiscard]] Kind kind() const;                ///< The weightest.
    [[nodiscard]] QString name() const;             ///< Of the weightest; empty if clean.
    [[nodiscard]] bool has(Kind kind) const;        ///< An encrypted mail may be a virus too.
    [[nodiscard]] QString nameOf(Kind kind) const;  ///< First of that kind, or empty.
    [[nodiscard]] const std::vector<Alert> &alerts() const  ///< Empty means clean.
    {
        return m_alerts;
    }

    /// Adds another finding about the same message (another scanner, another reading of a part).
    void add(const ScanFinding &other);

private:
    explicit ScanFinding(std::vector<Alert> alerts);
    std::vector<Alert> m_alerts;
};

/// Something that looks for viruses in bytes: a whole message, or one decoded reading of a part.
///
/// Implementations say on which threads they may be used. An Error means "no answer", never "clean":
/// the caller defers or holds the message (design, 'failing scanners').
class Scanner
{
public:
    virtual ~Scanner() = default;

    /// "clamav", "avast": for logs, headers and evidence.
    [[nodiscard]] virtual QByteArray name() const = 0;

    /// Scans `content`, blocking. `queueId` is for the log and may be empty.
    [[nodiscard]] virtual Result<ScanFinding> scan(const mail::Content &content,
                                                   QByteArrayView queueId) const = 0;
};

}  // namespace portcullis::antivirus
