// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/RulesCache.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QJsonDocument>
#include <QtCore/QSaveFile>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace portcullis::rules {

namespace {

/// Larger files are not ours: a document's limit and room for the first line.
constexpr qint64 maxCacheBytes = DocumentLimits{}.bytes + 65536;

Error cacheError(const char *id, const QString &detail)
{
    return Error::transient(id, detail);
}

/// The first line of the file: what the document is, and the checksum of all that follows.
QByteArray headerLine(const StoredDocument &document)
{
    const DocumentEntry &entry = document.entry;
    const QJsonObject header{
        {QStringLiteral("portcullis-rules"), RuleDocument::currentFormat},
        {QStringLiteral("cid"), entry.key.cid},
        {QStringLiteral("term"), entry.key.term},
        {QStringLiteral("generation"), entry.key.generation},
        {QStringLiteral("author"), entry.author},
        {QStringLiteral("note"), entry.note},
        {QStringLiteral("saved-at"), qint64{entry.savedAt.time_since_epoch().count() / 1000}},
        {QStringLiteral("sha256"), QString::fromLatin1(entry.sha256)}};
    return QJsonDocument(header).toJson(QJsonDocument::Compact) + '\n';
}

Result<StoredDocument> parseCache(const QByteArray &bytes)
{
    const qsizetype lineEnd = bytes.indexOf('\n');
    const QJsonObject header = QJsonDocument::fromJson(bytes.left(lineEnd)).object();
    StoredDocument document;
    document.json = bytes.mid(lineEnd + 1);
    document.entry.key = {header.value(QLatin1String("cid")).toInt(),
                          header.value(QLatin1String("term")).toInt(),
                          header.value(QLatin1String("generation")).toInteger()};
    document.entry.author = header.value(QLatin1String("author")).toString();
    document.entry.note = header.value(QLatin1String("note")).toString();
    document.entry.savedAt = Clock::WallTime(
        std::chrono::milliseconds(header.value(QLatin1String("saved-at")).toInteger()));
    document.entry.sha256 = header.value(QLatin1String("sha256")).toString().toLatin1();
    const QByteArray actual = QCryptographicHash::hash(document.json, QCryptographicHash::Sha256)
                                  .toHex();
    if (lineEnd < 0 || document.entry.sha256 != actual) {
        return cacheError("rules.cache-damaged",
                          QStringLiteral("the rules cache does not match its checksum"));
    }
    return document;
}

/// QSaveFile flushes the file itself; the new name is durable only when its folder is.
Status syncFolder(const QString &folder)
{
    const int descriptor = ::open(QFile::encodeName(folder).constData(),
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return Error::fromErrno("rules.cache-io", folder, errno);
    }
    const bool isSynced = ::fsync(descriptor) == 0;
    const int problem = errno;
    ::close(descriptor);
    return isSynced ? ok() : Status(Error::fromErrno("rules.cache-io", folder, problem));
}

}  // namespace

RulesCache::RulesCache(QString file)
    : m_file(std::move(file))
{
}

Status RulesCache::write(const StoredDocument &document) const
{
    const QString folder = QFileInfo(m_file).absolutePath();
    if (!QDir().mkpath(folder)) {
        return cacheError("rules.cache-io", QStringLiteral("cannot create %1").arg(folder));
    }
    QSaveFile file(m_file);
    if (!file.open(QIODevice::WriteOnly)) {
        return cacheError("rules.cache-io", m_file + QStringLiteral(": ") + file.errorString());
    }
    file.write(headerLine(document));
    file.write(document.json);
    if (!file.commit()) {
        return cacheError("rules.cache-io", m_file + QStringLiteral(": ") + file.errorString());
    }
    return syncFolder(folder);
}

Result<StoredDocument> RulesCache::read() const
{
    QFile file(m_file);
    if (!file.open(QIODevice::ReadOnly)) {
        return cacheError("rules.cache-missing",
                          m_file + QStringLiteral(": ") + file.errorString());
    }
    if (file.size() > maxCacheBytes) {
        return cacheError("rules.cache-damaged", QStringLiteral("%1 is too large").arg(m_file));
    }
    return parseCache(file.readAll());
}

std::optional<RulesCache::Stamp> RulesCache::stamp() const
{
    struct stat info {
    };
    if (::stat(QFile::encodeName(m_file).constData(), &info) != 0) {
        return std::nullopt;
    }
    return Stamp{info.st_dev, info.st_ino, info.st_size,
                 info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

CachedRules::CachedRules(QString file)
    : m_cache(std::move(file))
{
}

Result<LoadedRules> CachedRules::current()
{
    const auto now = m_cache.stamp();
    if (m_rules && now == m_stamp) {
        return *m_rules;
    }
    const auto loaded = [this]() -> Result<LoadedRules> {
        const StoredDocument stored = TRY(m_cache.read());
        const RuleDocument document = TRY(RuleDocument::fromTrustedJson(stored.json));
        auto rules = TRY(RuleSet::compile(document));
        return LoadedRules{stored.entry.key, stored.entry.sha256, std::move(rules)};
    }();
    // Remembered also when it failed: a bad file is read once, not for each message.
    m_stamp = now;
    if (loaded) {
        m_rules = *loaded;
        m_problem.reset();
    } else {
        m_problem = loaded.error();
    }
    if (!m_rules) {
        m_stamp.reset();
        return *m_problem;
    }
    return *m_rules;
}

}  // namespace portcullis::rules
