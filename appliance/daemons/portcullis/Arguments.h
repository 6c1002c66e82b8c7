// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QString>
#include <QtCore/QStringList>

#include <optional>

namespace portcullis::daemons {

/// The command line of `portcullis`.
struct Arguments {
    enum class Command { Run, Stop, Status, Help, Version };
    Command command = Command::Help;
    QString root;                    ///< Absolute.
    std::optional<quint16> extPort;  ///< 0: a free one.
    std::optional<quint16> intPort;
    std::optional<quint16> apiPort;
    QStringList listen;
    QStringList dns;
    QString dsn;

    /// `words` without the program's name. Error `usage` (permanent): exit code 2.
    static Result<Arguments> parse(const QStringList &words);
    static QString help();
};

}  // namespace portcullis::daemons
