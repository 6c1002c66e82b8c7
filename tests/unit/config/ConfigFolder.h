// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/ConfigLoader.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>

namespace portcullis::config {

/// A private root with configuration files, gone at the end of the test.
class ConfigFolder
{
public:
    ConfigFolder() { QDir().mkpath(paths().etc()); }

    [[nodiscard]] Paths paths() const { return Paths(m_folder.path()); }
    [[nodiscard]] QString file(const char *name) const
    {
        return paths().etc() + QLatin1Char('/') + QLatin1String(name);
    }

    void write(const char *name, const QByteArray &bytes) const
    {
        QFile target(file(name));
        if (!target.open(QIODevice::WriteOnly) || target.write(bytes) != bytes.size()) {
            qFatal("cannot write %s", name);
        }
    }

    [[nodiscard]] QByteArray read(const char *name) const
    {
        QFile source(file(name));
        return source.open(QIODevice::ReadOnly) ? source.readAll() : QByteArray();
    }

    /// Defaults must not depend on the machine that runs the test.
    [[nodiscard]] static Machine machine()
    {
        return {"mx1", "example.net", 4096, {{QHostAddress(QStringLiteral("198.51.100.7")), 24}}};
    }

    [[nodiscard]] ConfigLoader loader(Overrides overrides = {}) const
    {
        return ConfigLoader(paths(), std::move(overrides), machine());
    }

private:
    QTemporaryDir m_folder;
};

}  // namespace portcullis::config
