// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/PgRuleWatcher.h"

#include "appliance/base/Log.h"
#include "appliance/rules/PgRuleStore.h"
#include "appliance/store/NotificationListener.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QTimer>

namespace portcullis::rules {

namespace {

/// A safety net under LISTEN: whatever went wrong is put right this soon.
constexpr std::chrono::seconds pollInterval{10};

}  // namespace

class PgRuleWatcher::Worker
{
public:
    Worker(PgRuleWatcher &owner, store::DatabaseSettings settings, QString cacheFile)
        : m_owner(owner)
        , m_settings(std::move(settings))
        , m_cache(std::move(cacheFile))
        , m_listener(m_settings, {QString::fromLatin1(ruleDocumentChannel)})
    {
        QObject::connect(&m_listener, &store::NotificationListener::connected, &m_poll,
                         [this]() { look(); });
        QObject::connect(&m_listener, &store::NotificationListener::notified, &m_poll,
                         [this]() { look(); });
        QObject::connect(&m_poll, &QTimer::timeout, &m_poll, [this]() { look(); });
    }

    void start()
    {
        if (const auto cached = m_cache.read()) {
            m_written = cached->entry.sha256;
        } else {
            writeFactoryDefaults();
        }
        m_listener.start();
        m_poll.start(pollInterval);
        look();
    }

private:
    /// Mail must be able to flow on a new machine whose database is not up yet. Generation 0 says that
    /// these rules were never saved.
    void writeFactoryDefaults()
    {
        StoredDocument document;
        document.json = factoryDefaults().toJson();
        document.entry.key = {1, 1, 0};
        document.entry.author = QStringLiteral("system");
        document.entry.sha256 = QCryptographicHash::hash(document.json, QCryptographicHash::Sha256)
                                    .toHex();
        const Status written = m_cache.write(document);
        if (!written) {
            fail(written.error());
        }
    }

    void look()
    {
        const Status done = update();
        if (!done) {
            fail(done.error());
        } else {
            m_lastProblem.clear();
        }
    }

    Status update()
    {
        if (!m_database) {
            m_database = TRY(store::Database::open(m_settings));
        }
        PgRuleStore store(*m_database);
        TRY(store.createDefaults());
        const StoredDocument document = TRY(store.current());
        if (document.entry.sha256 == m_written && document.entry.key == m_key) {
            return ok();
        }
        // Checked in full: a document may come from another node with another release.
        const RuleDocument parsed = TRY(RuleDocument::fromJson(document.json));
        TRY(RuleSet::compile(parsed));
        TRY(m_cache.write(document));
        m_written = document.entry.sha256;
        m_key = document.entry.key;
        log::write(log::Severity::Notice, "rules.updated", {},
                   {{"generation", document.entry.key.toString().toUtf8()},
                    {"author", document.entry.author.toUtf8()}});
        Q_EMIT m_owner.updated(document.entry.key.generation);
        return ok();
    }

    /// Once per problem, not every ten seconds.
    void fail(const Error &error)
    {
        const QString problem = error.toString();
        if (problem == m_lastProblem) {
            return;
        }
        m_lastProblem = problem;
        log::write(error.isTransient() ? log::Severity::Warning : log::Severity::Error,
                   "rules.not-updated", {}, {{"problem", problem.toUtf8()}});
        Q_EMIT m_owner.failed(problem);
    }

    PgRuleWatcher &m_owner;
    const store::DatabaseSettings m_settings;
    const RulesCache m_cache;
    std::unique_ptr<store::Database> m_database;
    store::NotificationListener m_listener;
    QTimer m_poll;
    QByteArray m_written;
    DocumentKey m_key{0, 0, 0};
    QString m_lastProblem;
};

PgRuleWatcher::PgRuleWatcher(store::DatabaseSettings settings, QString cacheFile, QObject *parent)
    : QObject(parent)
    , m_worker(std::make_unique<Worker>(*this, std::move(settings), std::move(cacheFile)))
{
}

PgRuleWatcher::~PgRuleWatcher() = default;

void PgRuleWatcher::start()
{
    m_worker->start();
}

}  // namespace portcullis::rules
