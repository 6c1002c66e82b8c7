// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/RulesCache.h"
#include "appliance/store/DatabaseSettings.h"

#include <QtCore/QObject>

#include <memory>

namespace portcullis::rules {

/// Keeps the rules cache equal to the newest document: what `pmg-smtp-filter --rule-watch` runs.
///
/// Needs a Qt event loop. Listens on PostgreSQL; on each notification, after each (re)connection and
/// every 10 s it reads the newest document, compiles it as a check and writes the cache. A broken
/// document is reported once and leaves the last good one in force. Creates the factory defaults if
/// the database is empty of rules. If the database is away at start and there is no cache, the
/// factory defaults are written, so that mail can flow.
class PgRuleWatcher final : public QObject
{
    Q_OBJECT

public:
    PgRuleWatcher(store::DatabaseSettings settings, QString cacheFile, QObject *parent = nullptr);
    ~PgRuleWatcher() override;

    void start();

Q_SIGNALS:
    void updated(qint64 generation);  ///< The cache holds this generation now.
    void failed(QString problem);     ///< Logged already; for tests and for the supervisor.

private:
    class Worker;
    std::unique_ptr<Worker> m_worker;
};

}  // namespace portcullis::rules
