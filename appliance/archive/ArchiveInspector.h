// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/archive/Listing.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArrayView>

#include <memory>

namespace portcullis::archive {

struct InspectorSettings {
    /// The helper program. Empty: `pmg-archive-inspector` beside the running program, else in the
    /// libexec folder it was installed to.
    QString helperPath;
    ArchiveLimits limits;
    int usesPerHelper = 200;  ///< Then a fresh one is started: leaks and fragments stay small.
};

/// Looks into archives, through a sandboxed helper process that may not open, write, connect or
/// execute anything. Keeps one helper warm; starts another after it died, overran or served its turn.
///
/// Plain blocking POSIX, no event loop: for one worker process or thread. Never used by two threads at
/// once. Construct it after fork.
class ArchiveInspector
{
public:
    explicit ArchiveInspector(InspectorSettings settings);
    ~ArchiveInspector();  ///< Ends the helper.
    ArchiveInspector(const ArchiveInspector &) = delete;
    ArchiveInspector &operator=(const ArchiveInspector &) = delete;

    /// Lists what is in `bytes`, archives within included.
    ///
    /// Bombs, broken archives, a crash or time-out of the helper are verdicts in the Listing. Errors
    /// mean that nothing was looked at: `archive.helper` (transient): the helper could not be started.
    Result<Listing> inspect(QByteArrayView bytes);

    /// Whether a part is worth the trip: by its first bytes (and the end, for polyglots), or because its
    /// name or declared type says archive. Cheap; when in doubt true. OOXML, ODF, JAR are zip files.
    static bool looksLikeArchive(QByteArrayView bytes,
                                 QByteArrayView fileName,
                                 QByteArrayView declaredType);

private:
    class Helper;
    [[nodiscard]] Result<Helper *> readyHelper();

    InspectorSettings m_settings;
    std::unique_ptr<Helper> m_helper;
};

}  // namespace portcullis::archive
