// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/archive-inspector/TypeDetector.h"

#include <QtCore/QMimeType>

namespace portcullis::archive {

TypeDetector::TypeDetector()
{
    static_cast<void>(typeOfContent("MZ"));
    static_cast<void>(typeOfName("a.pdf"));
}

std::string TypeDetector::typeOfContent(std::string_view head) const
{
    const std::string_view looked = head.substr(0, headSize);
    return m_database
        .mimeTypeForData(QByteArray::fromRawData(looked.data(), static_cast<int>(looked.size())))
        .name()
        .toStdString();
}

std::string TypeDetector::typeOfName(const std::string &path) const
{
    // The last component only: what comes before it was chosen to confuse.
    const std::size_t slash = path.find_last_of("/\\");
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    return m_database.mimeTypeForFile(QString::fromStdString(name), QMimeDatabase::MatchExtension)
        .name()
        .toStdString();
}

}  // namespace portcullis::archive
