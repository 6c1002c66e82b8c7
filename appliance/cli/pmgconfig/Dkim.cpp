// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgconfig/Dkim.h"

#include "appliance/authentication/DkimKey.h"
#include "appliance/cli/support/Terminal.h"
#include "appliance/config/ConfigFile.h"
#include "appliance/config/ConfigLoader.h"
#include "appliance/config/MapFiles.h"

#include <QtCore/QDir>
#include <QtCore/QFile>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

namespace portcullis::cli::configure {

namespace {

using authentication::DkimKey;
using schema::MapFile;

/// The group that all of the appliance's users share, where it is installed; else the folder's.
gid_t sharedGroup(const struct stat &folder)
{
    const group *pmg = ::geteuid() == 0 ? ::getgrnam("pmg") : nullptr;
    return pmg == nullptr ? folder.st_gid : pmg->gr_gid;
}

/// The folder of keys: closed to all but the appliance's own users.
Status makeFolder(const Paths &paths)
{
    const QString path = paths.etc() + QStringLiteral("/dkim");
    if (QDir(path).exists()) {
        return ok();
    }
    const QByteArray name = QFile::encodeName(path);
    struct stat parent {
    };
    if (::mkdir(name.constData(), 0750) != 0
        || ::stat(QFile::encodeName(paths.etc()).constData(), &parent) != 0) {
        return Error::fromErrno("config.unwritable", path, errno);
    }
    // Only root can give it away; without root everything runs as one user.
    [[maybe_unused]] const int ignored = ::chown(name.constData(), static_cast<uid_t>(-1),
                                                 sharedGroup(parent));
    return ok();
}

Result<DkimKey> readKey(const QString &path)
{
    const QByteArray pem = TRY(config::readConfigFile(path));
    if (pem.isEmpty()) {
        return Error::permanent("dkim.key", QStringLiteral("%1: there is no key; see "
                                                           "'pmgconfig dkim_set_selector'")
                                                .arg(path));
    }
    auto key = DkimKey::fromPem(pem);
    if (!key) {
        return Error::permanent(key.error().id, path + QStringLiteral(": ") + key.error().detail);
    }
    return key;
}

Result<MapFile> readDomains(const QString &path)
{
    const QByteArray bytes = TRY(config::readConfigFile(path));
    return MapFile::parse(bytes, path, MapFile::CommentStyle::LineBefore);
}

}  // namespace

Result<QString> setSelector(const Paths &paths, const SelectorRequest &request)
{
    if (!authentication::isSelector(request.selector)) {
        return Error::permanent("dkim.selector",
                                QStringLiteral("'%1' cannot be a selector: letters, digits, '-' "
                                               "and '.' only")
                                    .arg(QString::fromUtf8(request.selector)));
    }
    TRY(makeFolder(paths));
    const QString path = config::dkimKeyFile(paths, request.selector);
    const auto lock = TRY(config::ConfigLock::take(path));
    const bool keepsKey = QFile::exists(path) && !request.force;
    if (keepsKey) {
        static_cast<void>(TRY(readKey(path)));  // A broken one is no key to sign with.
    } else {
        const DkimKey key = TRY(DkimKey::generate(request.bits));
        TRY(config::writeConfigFile(path, key.toPem()));
    }
    TRY(config::PmgConfEditor(paths).apply({{"admin", "dkim_selector", request.selector}}));
    return keepsKey ? QStringLiteral("the key in %1 is kept (--force makes a new one)\n").arg(path)
                    : QStringLiteral("made a key of %1 bits in %2\n").arg(request.bits).arg(path);
}

Result<QByteArray> dnsRecord(const Paths &paths, const QByteArray &selector)
{
    QByteArray name = selector;
    if (name.isEmpty()) {
        name = TRY(config::ConfigLoader(paths).load())->admin.dkimSelector;
    }
    if (name.isEmpty()) {
        return Error::permanent("dkim.selector", QStringLiteral("no selector is set; see "
                                                                "'pmgconfig dkim_set_selector'"));
    }
    if (!authentication::isSelector(name)) {
        return Error::permanent("dkim.selector", QStringLiteral("no selector can have that name"));
    }
    return TRY(readKey(config::dkimKeyFile(paths, name))).zoneLine(name);
}

Result<QString> listDomains(const Paths &paths)
{
    const auto domains = TRY(readDomains(config::dkimDomainsFile(paths))).entries();
    if (domains.empty()) {
        return QStringLiteral("no domains are listed: the relay domains are signed for\n");
    }
    std::vector<QStringList> rows;
    for (const MapFile::Entry &entry : domains) {
        rows.push_back({QString::fromUtf8(entry.key), printable(entry.comment)});
    }
    return table(rows);
}

Status addDomain(const Paths &paths, const QByteArray &domain, const QString &comment)
{
    const MapFile::Entry entry{domain.toLower(), "1", comment, 0};
    static_cast<void>(TRY(config::parseRelayDomain(entry)));
    TRY(makeFolder(paths));
    const QString path = config::dkimDomainsFile(paths);
    const auto lock = TRY(config::ConfigLock::take(path));
    MapFile file = TRY(readDomains(path));
    TRY(file.set(entry));
    return config::writeConfigFile(path, file.toBytes());
}

Status removeDomain(const Paths &paths, const QByteArray &domain)
{
    const QString path = config::dkimDomainsFile(paths);
    if (!QFile::exists(path)) {
        return Error::permanent("dkim.domain", QStringLiteral("no domains are listed"));
    }
    const auto lock = TRY(config::ConfigLock::take(path));
    MapFile file = TRY(readDomains(path));
    if (!file.remove(domain.toLower())) {
        return Error::permanent(
            "dkim.domain",
            QStringLiteral("'%1' is not on the list").arg(QString::fromUtf8(domain)));
    }
    return config::writeConfigFile(path, file.toBytes());
}

}  // namespace portcullis::cli::configure
