// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/Machine.h"

#include "shared/schema/Schema.h"

#include <QtCore/QByteArrayList>
#include <QtCore/QFile>
#include <QtNetwork/QNetworkInterface>

#include <unistd.h>

#include <algorithm>
#include <array>

namespace portcullis::config {

namespace {

constexpr qint64 largestSystemFile = 1024 * 1024;

QByteArrayList linesOf(const char *path)
{
    QFile file(QString::fromLatin1(path));
    return file.open(QIODevice::ReadOnly) ? file.read(largestSystemFile).split('\n')
                                          : QByteArrayList();
}

QByteArrayList wordsOf(const QByteArray &line)
{
    const qsizetype hash = line.indexOf('#');
    return (hash < 0 ? line : line.first(hash)).simplified().split(' ');
}

/// The full name that /etc/hosts gives to `hostName`, or nothing.
QByteArray fullNameFromHosts(const QByteArray &hostName)
{
    for (const QByteArray &line : linesOf("/etc/hosts")) {
        const QByteArrayList words = wordsOf(line);
        if (!words.mid(1).contains(hostName)) {
            continue;
        }
        for (const QByteArray &name : words.mid(1)) {
            if (name.startsWith(hostName + '.') && schema::isDnsName(name)) {
                return name;
            }
        }
    }
    return {};
}

QByteArray domainFromResolvConf()
{
    for (const QByteArray &line : linesOf("/etc/resolv.conf")) {
        const QByteArrayList words = wordsOf(line);
        if (words.size() > 1 && (words.first() == "domain" || words.first() == "search")
            && schema::isDnsName(words.at(1))) {
            return words.at(1);
        }
    }
    return {};
}

QByteArray systemHostName()
{
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    const QByteArray text = QByteArray(name.data()).toLower();
    return schema::isDnsName(text) ? text : QByteArray("localhost");
}

std::vector<Interface> ownInterfaces()
{
    std::vector<Interface> networks;
    for (const QNetworkInterface &interface : QNetworkInterface::allInterfaces()) {
        const auto flags = interface.flags();
        if (!flags.testFlag(QNetworkInterface::IsUp)
            || flags.testFlag(QNetworkInterface::IsLoopBack)) {
            continue;
        }
        for (const QNetworkAddressEntry &entry : interface.addressEntries()) {
            if (!entry.ip().isLinkLocal() && entry.prefixLength() >= 0) {
                networks.push_back({entry.ip(), entry.prefixLength()});
            }
        }
    }
    return networks;
}

}  // namespace

Machine Machine::current()
{
    Machine machine;
    const QByteArray name = systemHostName();
    const QByteArray full = name.contains('.') ? name : fullNameFromHosts(name);
    const qsizetype dot = full.indexOf('.');
    machine.hostName = dot > 0 ? full.first(dot) : name;
    machine.domain = dot > 0 ? full.sliced(dot + 1) : domainFromResolvConf();
    if (machine.domain.isEmpty()) {
        machine.domain = "localdomain";
    }
    machine.memoryMegabytes = static_cast<qint64>(::sysconf(_SC_PHYS_PAGES))
                              * ::sysconf(_SC_PAGESIZE) / (1024 * 1024);
    machine.interfaces = ownInterfaces();
    return machine;
}

int defaultMaxFilters(qint64 memoryMegabytes)
{
    // What PostgreSQL, signatures and the system need before the first worker.
    const qint64 base = memoryMegabytes < 3840 ? memoryMegabytes * 5 / 8 : 2560;
    const qint64 workers = 5 + (memoryMegabytes - base) / 150;
    return static_cast<int>(std::clamp<qint64>(std::min<qint64>(workers, 40) - 2, 3, 40));
}

int defaultMaxSmtpd(qint64 memoryMegabytes)
{
    return static_cast<int>(std::clamp<qint64>(25 + (memoryMegabytes - 512) / 20, 3, 100));
}

int defaultMaxPolicy(qint64 memoryMegabytes)
{
    return memoryMegabytes >= 500 ? 5 : 2;
}

}  // namespace portcullis::config
