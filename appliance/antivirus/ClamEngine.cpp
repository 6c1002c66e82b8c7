// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/ClamEngine.h"

#include "appliance/antivirus/ScratchFile.h"
#include "appliance/base/Log.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QList>

#include <clamav.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <mutex>

namespace portcullis::antivirus {

namespace {

/// What libclamav last complained about on this thread: the reason behind a bare error code.
thread_local QByteArray lastComplaint;

void keepComplaint(cl_msg severity, const char *, const char *message, void *)
{
    if (severity >= CL_MSG_WARN) {
        lastComplaint = QByteArray(message).trimmed().left(500);
        log::write(log::Severity::Debug, "clamav.message", {}, {{"text", lastComplaint}});
    }
}

QString reasonOf(int code)
{
    QString reason = QString::fromLatin1(cl_strerror(static_cast<cl_error_t>(code)));
    if (!lastComplaint.isEmpty()) {
        reason += QStringLiteral(" (%1)").arg(QString::fromUtf8(lastComplaint));
    }
    return reason;
}

Status startLibrary()
{
    static std::once_flag once;
    static cl_error_t started = CL_ERROR;
    std::call_once(once, [] {
        cl_set_clcb_msg(keepComplaint);
        started = cl_init(CL_INIT_DEFAULT);
    });
    if (started != CL_SUCCESS) {
        return Error::transient("clamav.engine", reasonOf(started));
    }
    return ok();
}

Error loadError(int code)
{
    return Error::transient(code == CL_EMEM ? "clamav.memory" : "clamav.database", reasonOf(code));
}

ScanFinding::Kind kindOf(const QByteArray &name)
{
    if (name.startsWith("Heuristics.Encrypted.")) {
        return ScanFinding::Kind::Encrypted;
    }
    if (name.startsWith("Heuristics.Limits.Exceeded")) {
        return ScanFinding::Kind::LimitExceeded;
    }
    return name.startsWith("Heuristics.") ? ScanFinding::Kind::Heuristic : ScanFinding::Kind::Virus;
}

/// The names that one scan reported. The library owns the strings, so they are copied at once.
struct FoundNames {
    std::vector<QByteArray> names;

    void add(const char *name)
    {
        const QByteArray copy = name != nullptr ? QByteArray(name) : QByteArray();
        if (!copy.isEmpty() && std::ranges::find(names, copy) == names.end()) {
            names.push_back(copy);
        }
    }
};

void keepName(int, const char *name, void *context)
{
    static_cast<FoundNames *>(context)->add(name);
}

ScanFinding findingOf(const FoundNames &found)
{
    std::vector<ScanFinding::Alert> alerts;
    for (const QByteArray &name : found.names) {
        alerts.push_back({kindOf(name), QString::fromUtf8(name)});
    }
    return ScanFinding::of(std::move(alerts));
}

constexpr char scratchPrefix[] = "/pmg-clam-";

QByteArray scratchRoot(const ClamSettings &settings)
{
    return QFile::encodeName(settings.scratchFolder.isEmpty() ? ScratchFile::defaultFolder()
                                                              : settings.scratchFolder);
}

void removeFolder(const QByteArray &path)
{
    std::error_code ignored;  // what cannot be removed is met again at the next sweep
    std::filesystem::remove_all(path.toStdString(), ignored);
}

struct NumberOption {
    cl_engine_field field;
    long long value;
};

Status applySettings(cl_engine *engine, const ClamSettings &settings)
{
    const long long scanMilliseconds = std::chrono::milliseconds(settings.scanTime).count();
    for (const auto &[field, value] : {
             NumberOption{CL_ENGINE_MAX_SCANSIZE, settings.maxScanSize},
             NumberOption{CL_ENGINE_MAX_FILESIZE, settings.maxFileSize},
             NumberOption{CL_ENGINE_MAX_RECURSION, settings.maxRecursion},
             NumberOption{CL_ENGINE_MAX_FILES, settings.maxFiles},
             NumberOption{CL_ENGINE_MAX_SCANTIME, scanMilliseconds},
             NumberOption{CL_ENGINE_MIN_CC_COUNT, std::max<quint32>(1, settings.maxCardCount)},
             NumberOption{CL_ENGINE_MIN_SSN_COUNT, std::max<quint32>(1, settings.maxCardCount)},
             NumberOption{CL_ENGINE_DISABLE_CACHE, settings.remembersClean ? 0 : 1},
         }) {
        if (const int code = cl_engine_set_num(engine, field, value); code != CL_SUCCESS) {
            return Error::transient(
                "clamav.engine", QStringLiteral("setting %1: %2").arg(field).arg(reasonOf(code)));
        }
    }
    cl_engine_set_clcb_virus_found(engine, keepName);
    return ok();
}

cl_scan_options scanOptions(const ClamSettings &settings)
{
    cl_scan_options options = {};
    // Without the general bit none of the heuristic alerts below is ever given.
    options.general = CL_SCAN_GENERAL_HEURISTICS;
    options.parse = ~0U;
    options.heuristic = CL_SCAN_HEURISTIC_BROKEN | CL_SCAN_HEURISTIC_EXCEEDS_MAX
                        | CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE | CL_SCAN_HEURISTIC_ENCRYPTED_DOC;
    if (settings.maxCardCount > 0) {
        options.heuristic |= CL_SCAN_HEURISTIC_STRUCTURED | CL_SCAN_HEURISTIC_STRUCTURED_CC
                             | CL_SCAN_HEURISTIC_STRUCTURED_SSN_NORMAL
                             | CL_SCAN_HEURISTIC_STRUCTURED_SSN_STRIPPED;
    }
    return options;
}

}  // namespace

void ClamEngine::Free::operator()(cl_engine *engine) const
{
    cl_engine_free(engine);
}

ClamEngine::ClamEngine(Handle engine, ClamSettings settings, quint32 signatureCount)
    : m_engine(std::move(engine))
    , m_settings(std::move(settings))
    , m_signatureCount(signatureCount)
{
}

ClamEngine::~ClamEngine()
{
    if (m_scratchProcess == ::getpid()) {
        removeFolder(m_scratch);
    }
}

Status ClamEngine::ensureOwnScratch() const
{
    const pid_t self = ::getpid();
    if (m_scratchProcess.load(std::memory_order_acquire) == self) {
        return ok();
    }
    // No scan runs in this process before this has succeeded, so changing the engine is safe.
    const std::lock_guard lock(m_scratchMutex);
    if (m_scratchProcess == self) {
        return ok();
    }
    QByteArray path = scratchRoot(m_settings) + scratchPrefix + QByteArray::number(self)
                      + "-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
        return Error::fromErrno("clamav.scratch",
                                QStringLiteral("Cannot create %1").arg(QFile::decodeName(path)),
                                errno);
    }
    const int code = cl_engine_set_str(m_engine.get(), CL_ENGINE_TMPDIR, path.constData());
    if (code != CL_SUCCESS) {
        ::rmdir(path.constData());
        return Error::transient("clamav.engine", reasonOf(code));
    }
    m_scratch = path;
    m_scratchProcess.store(self, std::memory_order_release);
    return ok();
}

void ClamEngine::sweepScratch(const ClamSettings &settings)
{
    const QByteArray root = scratchRoot(settings);
    const QByteArray prefix = QByteArray(scratchPrefix).mid(1);
    const QDir folder(QFile::decodeName(root));
    const QStringList names = folder.entryList({QString::fromLatin1(prefix) + QLatin1Char('*')},
                                               QDir::Dirs | QDir::NoSymLinks);
    for (const QString &name : names) {
        const QByteArray path = root + '/' + QFile::encodeName(name);
        const pid_t process =
            QFile::encodeName(name).mid(prefix.size()).split('-').constFirst().toInt();
        struct stat status = {};
        const bool isOurs = ::lstat(path.constData(), &status) == 0 && status.st_uid == ::geteuid();
        if (isOurs && process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) {
            removeFolder(path);
        }
    }
}

Result<std::shared_ptr<const ClamEngine>> ClamEngine::load(const QString &databaseFolder,
                                                           const ClamSettings &settings,
                                                           quint32 minimumSignatures)
{
    lastComplaint.clear();
    TRY(startLibrary());
    Handle engine(cl_engine_new());
    if (!engine) {
        return Error::transient("clamav.memory", QStringLiteral("no memory for an engine"));
    }
    TRY(applySettings(engine.get(), settings));
    unsigned int signatures = 0;
    const QByteArray folder = QFile::encodeName(databaseFolder);
    if (const int code = cl_load(folder.constData(), engine.get(), &signatures, CL_DB_STDOPT);
        code != CL_SUCCESS) {
        return loadError(code);
    }
    if (signatures < std::max<quint32>(1, minimumSignatures)) {
        return Error::transient("clamav.database",
                                QStringLiteral("%1 holds %2 signatures, at least %3 are expected")
                                    .arg(databaseFolder)
                                    .arg(signatures)
                                    .arg(minimumSignatures));
    }
    if (const int code = cl_engine_compile(engine.get()); code != CL_SUCCESS) {
        return loadError(code);
    }
    sweepScratch(settings);
    std::shared_ptr<const ClamEngine> loaded(
        new ClamEngine(std::move(engine), settings, signatures));
    TRY(loaded->ensureOwnScratch());
    return loaded;
}

Result<ScanFinding> ClamEngine::scan(const mail::Content &content, QByteArrayView) const
{
    if (content.isEmpty()) {
        return ScanFinding::clean();  // libclamav refuses to map nothing
    }
    TRY(ensureOwnScratch());
    lastComplaint.clear();
    const std::unique_ptr<cl_fmap_t, decltype(&cl_fmap_close)> map(
        cl_fmap_open_memory(content.view().data(), static_cast<size_t>(content.size())),
        &cl_fmap_close);
    if (!map) {
        return Error::transient("clamav.scan", QStringLiteral("cannot map the message"));
    }
    FoundNames found;
    const char *name = nullptr;
    unsigned long scanned = 0;
    cl_scan_options options = scanOptions(m_settings);
    const cl_error_t code = cl_scanmap_callback(map.get(), nullptr, &name, &scanned, m_engine.get(),
                                                &options, &found);
    found.add(name);
    switch (code) {
    case CL_CLEAN:
    case CL_VIRUS:
        if (code == CL_VIRUS && found.names.empty()) {
            return Error::transient("clamav.scan", QStringLiteral("a find without a name"));
        }
        return findingOf(found);
    case CL_ETIMEOUT:
    case CL_EMAXREC:
    case CL_EMAXSIZE:
    case CL_EMAXFILES:
        found.add("Heuristics.Limits.Exceeded");
        return findingOf(found);
    default:
        return Error::transient("clamav.scan", reasonOf(code));
    }
}

QString ClamEngine::version() const
{
    return QStringLiteral("ClamAV %1/%2 signatures")
        .arg(QString::fromLatin1(cl_retver()))
        .arg(m_signatureCount);
}

}  // namespace portcullis::antivirus
