// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QString>

/// Where learning keeps its files: a folder that workers read and append to, and the learning process
/// owns.
namespace portcullis::spam {

/// `lib` is Paths::lib().
inline QString learningFolder(const QString &lib)
{
    return lib + QStringLiteral("/learning");
}
inline QString bayesSnapshotFile(const QString &folder)
{
    return folder + QStringLiteral("/bayes.snapshot");
}
inline QString reputationSnapshotFile(const QString &folder)
{
    return folder + QStringLiteral("/reputation.snapshot");
}

}  // namespace portcullis::spam
