// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/ConfigWatcher.h"

#include "appliance/base/Log.h"

#include <QtCore/QFileInfo>

namespace portcullis::config {

ConfigWatcher::ConfigWatcher(ConfigLoader loader,
                             ConfigPtr initial,
                             WatchLimits limits,
                             QObject *parent)
    : QObject(parent)
    , m_loader(std::move(loader))
    , m_current(std::move(initial))
{
    m_settle.setSingleShot(true);
    m_settle.setInterval(limits.settle);
    m_latest.setSingleShot(true);
    m_latest.setInterval(limits.longest);
    connect(&m_watcher, &QFileSystemWatcher::directoryChanged, this, &ConfigWatcher::onDiskChanged);
    connect(&m_watcher, &QFileSystemWatcher::fileChanged, this, &ConfigWatcher::onDiskChanged);
    connect(&m_settle, &QTimer::timeout, this, &ConfigWatcher::reload);
    connect(&m_latest, &QTimer::timeout, this, &ConfigWatcher::reload);
    watchFiles();
}

void ConfigWatcher::watchFiles()
{
    // The folder tells of files that appear or are renamed into place; a file that is written in
    // place is only noticed by watching itself, and a replaced one has to be watched anew.
    QStringList wanted{m_loader.paths().etc()};
    for (const QString &path : m_loader.files()) {
        if (QFileInfo::exists(path)) {
            wanted.append(path);
        }
    }
    const QStringList present = m_watcher.files() + m_watcher.directories();
    for (const QString &path : wanted) {
        if (!present.contains(path)) {
            m_watcher.addPath(path);
        }
    }
}

void ConfigWatcher::onDiskChanged()
{
    m_settle.start();
    if (!m_latest.isActive()) {
        m_latest.start();
    }
}

void ConfigWatcher::reload()
{
    m_settle.stop();
    m_latest.stop();
    watchFiles();
    const auto loaded = m_loader.load();
    if (!loaded) {
        if (loaded.error().detail != m_refusedDetail) {
            m_refusedDetail = loaded.error().detail;
            log::write(log::Severity::Error, "config.refused", {},
                       {{"error", loaded.error().id}, {"detail", m_refusedDetail.toUtf8()}});
            Q_EMIT refused(loaded.error());
        }
        return;
    }
    m_refusedDetail.clear();
    if (m_current != nullptr && (*loaded)->digest == m_current->digest) {
        return;
    }
    m_current = *loaded;
    log::write(log::Severity::Notice, "config.changed", {}, {{"digest", m_current->digest}});
    for (const QString &warning : m_current->warnings) {
        log::write(log::Severity::Warning, "config.warning", {}, {{"detail", warning.toUtf8()}});
    }
    Q_EMIT changed(m_current);
}

}  // namespace portcullis::config
