// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/TypeDetection.h"

#include <QtCore/QMimeDatabase>

#include <algorithm>
#include <array>

namespace portcullis::mail {

namespace {

// What magic looks at; the largest offset in the database is below it.
constexpr qsizetype c_looked = 64 * 1024;

// Names for one thing that the database of this release does not know as aliases of each other.
// The first of each is the name current rules use.
const std::vector<std::vector<QByteArray>> &families()
{
    static const std::vector<std::vector<QByteArray>> list = {
        {"application/vnd.microsoft.portable-executable", "application/x-ms-dos-executable",
         "application/x-msdownload", "application/x-dosexec", "application/x-msdos-program"},
        {"application/x-java", "application/java-vm", "application/x-java-class"},
        {"application/javascript", "application/x-javascript", "text/javascript"},
        {"application/x-bzip", "application/x-bzip2"},
        {"application/gzip", "application/x-gzip"},
        {"application/vnd.rar", "application/x-rar", "application/x-rar-compressed"},
        {"application/x-ole-storage", "application/cdfv2"},
    };
    return list;
}

// Extensions that Windows runs and the database does not know.
bool isProgramName(const QString &name)
{
    static constexpr std::array<QLatin1StringView, 10> c_suffixes = {
        QLatin1StringView(".exe"), QLatin1StringView(".com"), QLatin1StringView(".scr"),
        QLatin1StringView(".pif"), QLatin1StringView(".dll"), QLatin1StringView(".cpl"),
        QLatin1StringView(".ocx"), QLatin1StringView(".sys"), QLatin1StringView(".drv"),
        QLatin1StringView(".msc")};
    return std::any_of(c_suffixes.begin(), c_suffixes.end(), [&name](QLatin1StringView suffix) {
        return name.endsWith(suffix, Qt::CaseInsensitive);
    });
}

// A zip holding an Office document says so in the names of its first members (ECMA-376 part 2).
QByteArray officeType(QByteArrayView zip)
{
    if (!zip.contains("[Content_Types].xml")) {
        return "application/zip";
    }
    const QByteArray prefix = "application/vnd.openxmlformats-officedocument.";
    if (zip.contains("word/")) {
        return prefix + "wordprocessingml.document";
    }
    if (zip.contains("xl/")) {
        return prefix + "spreadsheetml.sheet";
    }
    return zip.contains("ppt/") ? prefix + "presentationml.presentation" : "application/zip";
}

void addName(std::vector<QByteArray> &names, const QByteArray &name)
{
    if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
    }
}

}  // namespace

bool isPrintable(QByteArrayView content)
{
    const QByteArrayView start = content.first(std::min(content.size(), c_looked));
    return std::none_of(start.begin(), start.end(), [](char c) {
        return (c >= 0 && c < ' ' && c != '\r' && c != '\n' && c != '\t' && c != '\f'
                && c != '\x1B')
               || c == '\x7F';
    });
}

QByteArray detectType(QByteArrayView content)
{
    if (content.isEmpty()) {
        return "application/x-zerosize";
    }
    const QByteArrayView start = content.first(std::min(content.size(), c_looked));
    const QMimeType type = QMimeDatabase().mimeTypeForData(
        QByteArray::fromRawData(start.data(), start.size()));
    if (!type.isValid()) {
        return "application/octet-stream";
    }
    QByteArray name = type.name().toLatin1();
    return name == "application/zip" ? officeType(start) : name;
}

QByteArray typeOfName(const QString &fileName)
{
    if (isProgramName(fileName)) {
        return "application/x-ms-dos-executable";
    }
    const QMimeType type = QMimeDatabase().mimeTypeForFile(fileName, QMimeDatabase::MatchExtension);
    return type.isValid() && !type.isDefault() ? type.name().toLatin1() : QByteArray();
}

std::vector<QByteArray> typeAliases(const QByteArray &type)
{
    std::vector<QByteArray> names{type};
    if (type == "text/plain" || type == "text/html" || type.startsWith("multipart/")) {
        return names;
    }
    const QMimeType known = QMimeDatabase().mimeTypeForName(QString::fromLatin1(type));
    if (known.isValid()) {
        addName(names, known.name().toLatin1());
        for (const QString &alias : known.aliases()) {
            addName(names, alias.toLatin1());
        }
    }
    for (const auto &family : families()) {
        const bool isMember = std::any_of(
            family.begin(), family.end(), [&names](const QByteArray &name) {
                return std::find(names.begin(), names.end(), name) != names.end();
            });
        if (isMember) {
            for (const QByteArray &name : family) {
                addName(names, name);
            }
        }
    }
    // Position-independent programs have the file type of shared libraries.
    if (type == "application/x-sharedlib" || type == "application/x-pie-executable") {
        addName(names, "application/x-executable");
    }
    return names;
}

}  // namespace portcullis::mail
