// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Paths.h"

#include <QtCore/QDir>

namespace portcullis {

Paths::Paths(QString root)
    : m_root(root.isEmpty() ? QString() : QDir::cleanPath(QDir(root).absolutePath()))
{
}

Paths Paths::fromOption(const QString &rootOption)
{
    return Paths(rootOption.isEmpty() ? qEnvironmentVariable("PMG_ROOT") : rootOption);
}

QString Paths::below(const char *path) const
{
    return m_root + QString::fromLatin1(path);
}

QString Paths::etc() const
{
    return below("/etc/pmg");
}

QString Paths::lib() const
{
    return below("/var/lib/pmg");
}

QString Paths::run() const
{
    return below("/run/pmg");
}

QString Paths::log() const
{
    return below("/var/log/pmg");
}

QString Paths::spool() const
{
    return below("/var/spool/pmg");
}

QString Paths::queue() const
{
    return below("/var/spool/pmg/queue");
}

QString Paths::events() const
{
    return below("/var/spool/pmg/events");
}

QString Paths::scratch() const
{
    return below("/var/spool/pmg/scratch");
}

QString Paths::postgres() const
{
    return below("/var/lib/pmg/postgres");
}

QString Paths::rulesCache() const
{
    return below("/var/lib/pmg/rules/current.json");
}

QString Paths::virusDatabase() const
{
    return below("/var/lib/clamav");
}

QString Paths::filterSocket() const
{
    return below("/run/pmg/filter.sock");
}

QString Paths::controlSocket() const
{
    return below("/run/pmg/smtpd.sock");
}

QString Paths::archiveSocket() const
{
    return below("/run/pmg/archive.sock");
}

QString Paths::resolverSocket() const
{
    return below("/run/pmg/resolver.sock");
}

QString Paths::fingerprintSocket() const
{
    return below("/run/pmg/fingerprints.sock");
}

}  // namespace portcullis
