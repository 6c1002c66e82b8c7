// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/archive-inspector/Readers.h"

#include <QtCore/QBuffer>

#include <K7Zip>
#include <KAr>
#include <KTar>
#include <KZip>
#include <memory>

namespace portcullis::archive {

namespace {

constexpr int maxFolderDepth = 200;  ///< Folders within folders; our recursion must end.

std::unique_ptr<KArchive> archiveFor(Format format, QIODevice *device)
{
    switch (format) {
    case Format::Zip:
        return std::make_unique<KZip>(device);
    case Format::Tar:
        return std::make_unique<KTar>(device);
    case Format::SevenZip:
        return std::make_unique<K7Zip>(device);
    case Format::Ar:
        return std::make_unique<KAr>(device);
    default:
        return nullptr;
    }
}

Member memberOf(const std::string &folder, const KArchiveEntry &entry)
{
    Member member;
    member.path = folder + entry.name().toStdString();
    member.linkTarget = entry.symLinkTarget().toStdString();
    if (!member.linkTarget.empty()) {
        member.kind = wire::Kind::SymbolicLink;
    } else if (entry.isDirectory()) {
        member.kind = wire::Kind::Folder;
    } else {
        member.declaredSize = static_cast<const KArchiveFile &>(entry).size();
    }
    return member;
}

bool visitFile(const KArchiveFile &file, const Member &member, const Visitor &visit)
{
    // Null for compression methods that KArchive lacks.
    const std::unique_ptr<QIODevice> device(file.createDevice());
    return visit(member, [&device](char *buffer, std::size_t size) -> std::ptrdiff_t {
        return device ? static_cast<std::ptrdiff_t>(device->read(buffer, static_cast<qint64>(size)))
                      : -1;
    });
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxFolderDepth
bool visitFolder(const KArchiveDirectory &folder,
                 const std::string &path,
                 int depth,
                 const Visitor &visit)
{
    const QStringList names = folder.entries();
    for (const QString &name : names) {
        const KArchiveEntry *entry = folder.entry(name);
        if (entry == nullptr) {
            continue;
        }
        const Member member = memberOf(path, *entry);
        const auto nothing = [](char *, std::size_t) -> std::ptrdiff_t { return 0; };
        if (!entry->isDirectory()) {
            if (!visitFile(static_cast<const KArchiveFile &>(*entry), member, visit)) {
                return false;
            }
            continue;
        }
        if (!visit(member, nothing)) {
            return false;
        }
        if (depth < maxFolderDepth
            && !visitFolder(static_cast<const KArchiveDirectory &>(*entry), member.path + '/',
                            depth + 1, visit)) {
            return false;
        }
    }
    return true;
}

}  // namespace

ReadResult readWithKArchive(Format format, std::string_view bytes, const Visitor &visit)
{
    ReadResult result;
    QByteArray data = QByteArray::fromRawData(bytes.data(), static_cast<int>(bytes.size()));
    QBuffer buffer(&data);
    const std::unique_ptr<KArchive> archive = archiveFor(format, &buffer);
    if (!archive || !archive->open(QIODevice::ReadOnly)) {
        result.problem = archive ? archive->errorString().left(200).toStdString() : std::string();
        return result;
    }
    result.isOpen = true;
    if (const KArchiveDirectory *root = archive->directory()) {
        visitFolder(*root, {}, 0, visit);
        result.isComplete = true;
    }
    return result;
}

}  // namespace portcullis::archive
