// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/antivirus/Scanner.h"

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>

struct cl_engine;

namespace portcullis::antivirus {

/// Section `clamav` of pmg.conf, as far as it concerns scanning, and what bounds one scan.
struct ClamSettings {
    /// `archiveblockencrypted`. Encrypted archives and documents are *always* reported (Kind::Encrypted),
    /// so that a rule can match them; this says whether they also count as heuristic find and so give
    /// `clamav_heuristic_score` points. The caller reads it through countsEncrypted().
    bool blockEncryptedArchives = false;
    quint32 maxFiles = 1000;   ///< `archivemaxfiles`, 0 … : members scanned in one archive.
    quint32 maxRecursion = 5;  ///< `archivemaxrec`, 1 … : containers within containers.
    qint64 maxFileSize =
        25'000'000;  ///< `archivemaxsize`, bytes, 1,000,000 … : larger is not read.
    qint64 maxScanSize = 100'000'000;  ///< `maxscansize`, bytes, 1,000,000 … : in all, per message.
    quint32 maxCardCount = 0;          ///< `maxcccount`, 0: off. So many card or social security
                                       ///< numbers make a heuristic find (Heuristics.Structured.*).
    std::chrono::seconds scanTime{
        300};                     ///< Wall time of one scan, 1 s … 1 h; beyond: LimitExceeded.
    QString scratchFolder;        ///< For unpacked members. Empty: /dev/shm if it is a usable
                                  ///< tmpfs (twice as fast as a disk), else /tmp.
    bool remembersClean = false;  ///< libclamav's cache of clean files; saves CPU on copies.
};

/// libclamav with one set of signatures, loaded and immutable.
///
/// Load it before forking: workers share the signatures copy-on-write. Thread-safe for scanning; several
/// threads may share one. Each process keeps its temporary files in a folder of its own below the
/// scratch folder, made at its first scan: libclamav draws names from a random state that fork copies,
/// so two workers would otherwise meet in the same file. A worker that is killed leaves its folder
/// behind; the master calls sweepScratch() after each. Destroying it in a forked worker touches all its pages: let workers end by
/// _exit() instead. A reload is a second load() and a swap of the pointer.
class ClamEngine final : public Scanner
{
public:
    ~ClamEngine() override;
    ClamEngine(const ClamEngine &) = delete;
    ClamEngine &operator=(const ClamEngine &) = delete;

    /// Loads every signature file of `databaseFolder` (freshclam's, and .hdb/.ndb … of one's own).
    ///
    /// Takes seconds and some 1.2 GB with the official signatures. `minimumSignatures` guards a reload:
    /// a file cut at a line's end is well-formed, so a caller that holds an engine asks for, say, half
    /// of its count. Errors, after which the caller keeps the engine it has (all transient, because a
    /// later update may repair the files): `clamav.database` (missing, empty, truncated, malformed,
    /// too few signatures), `clamav.memory`, `clamav.engine` (libclamav did not start or take a
    /// setting), `clamav.scratch` (no folder for temporary files).
    static Result<std::shared_ptr<const ClamEngine>> load(const QString &databaseFolder,
                                                          const ClamSettings &settings,
                                                          quint32 minimumSignatures = 1);

    [[nodiscard]] QByteArray name() const override { return QByteArrayLiteral("clamav"); }

    /// Errors: `clamav.scan` (transient): libclamav gave no verdict.
    [[nodiscard]] Result<ScanFinding> scan(const mail::Content &content,
                                           QByteArrayView queueId) const override;

    /// Removes temporary files of processes of ours that are no more. Cheap when there are none.
    static void sweepScratch(const ClamSettings &settings);

    [[nodiscard]] quint32 signatureCount() const { return m_signatureCount; }
    [[nodiscard]] const ClamSettings &settings() const { return m_settings; }
    [[nodiscard]] bool countsEncrypted() const { return m_settings.blockEncryptedArchives; }
    /// "ClamAV 1.4.6/27000 signatures": for status pages and headers.
    [[nodiscard]] QString version() const;

private:
    struct Free {
        void operator()(cl_engine *engine) const;
    };
    using Handle = std::unique_ptr<cl_engine, Free>;
    ClamEngine(Handle engine, ClamSettings settings, quint32 signatureCount);
    [[nodiscard]] Status ensureOwnScratch() const;

    Handle m_engine;
    ClamSettings m_settings;
    quint32 m_signatureCount;
    mutable std::mutex m_scratchMutex;               ///< For making the folder.
    mutable std::atomic<pid_t> m_scratchProcess{0};  ///< Whose folder libclamav writes to.
    mutable QByteArray m_scratch;
};

}  // namespace portcullis::antivirus
