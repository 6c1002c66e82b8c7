// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Leftovers.h"

#include <QtCore/QByteArrayList>
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>

#include <unistd.h>

#include <csignal>
#include <thread>

namespace portcullis::daemons {

namespace {

bool isOurs(const QByteArrayList &words, const Paths &paths)
{
    const QByteArray program = words.first().sliced(words.first().lastIndexOf('/') + 1);
    const QByteArray root = QFile::encodeName(paths.root());
    if (program == "pmg-smtpd" || program == "pmg-smtp-filter" || program == "pmgpolicy"
        || program == "pmg-archive-inspector") {
        const qsizetype option = words.indexOf("--root");
        return option > 0 && option + 1 < words.size() && words.at(option + 1) == root;
    }
    // Only the server itself; it ends its own processes.
    return program == "postgres" && words.contains("-D")
           && words.value(words.indexOf("-D") + 1) == QFile::encodeName(paths.postgres());
}

int endSignal(pid_t pid)
{
    QFile name(QStringLiteral("/proc/%1/comm").arg(pid));
    const bool isPostgres = name.open(QIODevice::ReadOnly)
                            && name.readAll().trimmed() == "postgres";
    return isPostgres ? SIGINT : SIGTERM;
}

}  // namespace

std::vector<pid_t> findLeftovers(const Paths &paths)
{
    std::vector<pid_t> found;
    const QStringList entries = QDir(QStringLiteral("/proc"))
                                    .entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    for (const QString &entry : entries) {
        bool isPid = false;
        const pid_t pid = entry.toInt(&isPid);
        QFile commandLine(QStringLiteral("/proc/%1/cmdline").arg(entry));
        if (!isPid || pid == ::getpid() || !commandLine.open(QIODevice::ReadOnly)) {
            continue;
        }
        if (isOurs(commandLine.readAll().split('\0'), paths)) {
            found.push_back(pid);
        }
    }
    return found;
}

int endLeftovers(const Paths &paths, std::chrono::milliseconds patience)
{
    const auto present = findLeftovers(paths);
    for (const pid_t pid : present) {
        ::kill(pid, endSignal(pid));
    }
    const auto deadline = std::chrono::steady_clock::now() + patience;
    auto remaining = findLeftovers(paths);
    while (!remaining.empty()) {
        if (std::chrono::steady_clock::now() >= deadline) {
            for (const pid_t pid : remaining) {
                ::kill(pid, SIGKILL);
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        remaining = findLeftovers(paths);
    }
    return static_cast<int>(present.size());
}

}  // namespace portcullis::daemons
