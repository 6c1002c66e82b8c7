// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QString>

namespace portcullis::cli {

/// Who gives the command, for histories: the user behind sudo, else the process's own.
QString userName();

}  // namespace portcullis::cli
