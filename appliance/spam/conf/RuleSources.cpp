// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleSources.h"

#include <QtCore/QDir>
#include <QtCore/QFile>

#include <sys/stat.h>

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr char officialChannel[] = "updates_spamassassin_org.cf";
constexpr char debianSite[] = "/etc/spamassassin";

/// Files of a directory with the suffix, in byte order, the official channel of sa-update first.
QStringList filesOf(const QString &directory, const QString &suffix)
{
    QStringList names = QDir(directory).entryList({QStringLiteral("*.") + suffix},
                                                  QDir::Files | QDir::Hidden, QDir::NoSort);
    std::sort(names.begin(), names.end(), [](const QString &a, const QString &b) {
        const bool isOfficialA = a == QLatin1String(officialChannel);
        const bool isOfficialB = b == QLatin1String(officialChannel);
        return isOfficialA != isOfficialB ? isOfficialA
                                          : QFile::encodeName(a) < QFile::encodeName(b);
    });
    for (QString &name : names) {
        name = directory + QLatin1Char('/') + name;
    }
    return names;
}

QString stockDirectory(const RuleSources &sources)
{
    return !sources.updates.isEmpty() && QDir(sources.updates).exists() ? sources.updates
                                                                        : sources.stock;
}

QString siteDirectory(const RuleSources &sources)
{
    const bool isDefault = sources.site == RuleSources().site;
    return isDefault && !QDir(sources.site).exists() ? QString::fromLatin1(debianSite)
                                                     : sources.site;
}

FileMark markOf(const QString &path)
{
    struct stat status = {};
    if (stat(QFile::encodeName(path).constData(), &status) != 0) {
        return {path, 0, 0, 0};
    }
    constexpr qint64 second = 1'000'000'000;
    return {path, static_cast<quint64>(status.st_ino), static_cast<qint64>(status.st_size),
            static_cast<qint64>(status.st_mtim.tv_sec) * second + status.st_mtim.tv_nsec};
}

/// Moves the files with the last word to the end, in the order they are named.
void moveLast(QStringList &files, const QString &directory, const QStringList &last)
{
    for (const QString &name : last) {
        const QString path = directory + QLatin1Char('/') + name;
        if (files.removeAll(path) > 0) {
            files.append(path);
        }
    }
}

}  // namespace

RuleFiles findRuleFiles(const RuleSources &sources)
{
    const QString stock = stockDirectory(sources);
    const QString site = siteDirectory(sources);
    RuleFiles files;
    if (!stock.isEmpty() && !QDir(stock).isReadable()) {
        files.missing.append(stock);
    }
    const bool isSiteWanted = sources.needsSite || QFileInfo::exists(site);
    if (!site.isEmpty() && isSiteWanted && !QDir(site).isReadable()) {
        files.missing.append(site);
    }
    const auto listed = [](const QString &directory, const char *suffix) {
        return directory.isEmpty() ? QStringList()
                                   : filesOf(directory, QString::fromLatin1(suffix));
    };
    files.settings = listed(site, "pre") + listed(stock, "pre");
    files.stock = listed(stock, "cf");
    files.site = listed(site, "cf");
    moveLast(files.site, site, sources.last);
    return files;
}

std::vector<FileMark> markRuleFiles(const RuleSources &sources)
{
    std::vector<FileMark> marks;
    const auto mark = [&marks](const QString &path) { marks.push_back(markOf(path)); };
    for (const QString &directory :
         {sources.updates, stockDirectory(sources), siteDirectory(sources)}) {
        mark(directory);
        for (const QString &name : QDir(directory).entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
            const QStringList included = filesOf(directory + QLatin1Char('/') + name,
                                                 QStringLiteral("cf"));
            std::for_each(included.begin(), included.end(), mark);
        }
    }
    const RuleFiles files = findRuleFiles(sources);
    for (const QStringList &list : {files.settings, files.stock, files.site}) {
        std::for_each(list.begin(), list.end(), mark);
    }
    return marks;
}

}  // namespace portcullis::spam
