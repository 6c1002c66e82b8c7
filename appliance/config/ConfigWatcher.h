// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/ConfigLoader.h"

#include <QtCore/QFileSystemWatcher>
#include <QtCore/QObject>
#include <QtCore/QTimer>

#include <memory>

namespace portcullis::config {

/// How the watcher waits. A file is often written in several steps, and several files together.
struct WatchLimits {
    std::chrono::milliseconds settle = std::chrono::milliseconds(
        200);                                                     ///< Quiet time before reading.
    std::chrono::milliseconds longest = std::chrono::seconds(5);  ///< Read at the latest then.
};

/// Publishes a new Config whenever the files have changed and are valid.
///
/// Lives on one thread with an event loop; signals come on that thread. A configuration with a fault
/// is reported once and never published: the previous one stays in force until the fault is gone.
class ConfigWatcher final : public QObject
{
    Q_OBJECT

public:
    ConfigWatcher(ConfigLoader loader,
                  ConfigPtr initial,
                  WatchLimits limits = {},
                  QObject *parent = nullptr);

    [[nodiscard]] ConfigPtr current() const { return m_current; }

    /// Reads again at once, as SIGHUP asks for. Publishes only what differs.
    void reload();

Q_SIGNALS:
    void changed(const portcullis::config::ConfigPtr &config);
    void refused(const portcullis::Error &error);  ///< The log entry is written here already.

private:
    void onDiskChanged();
    void watchFiles();

    ConfigLoader m_loader;
    ConfigPtr m_current;
    QString m_refusedDetail;  ///< Reported already.
    QFileSystemWatcher m_watcher;
    QTimer m_settle;
    QTimer m_latest;
};

}  // namespace portcullis::config
