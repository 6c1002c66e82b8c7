// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtp-filter/LearnProcess.h"

#include "appliance/base/Log.h"
#include "appliance/filter/SpamRuleText.h"
#include "appliance/spam/assembly/LearnTokenizer.h"
#include "appliance/spam/bayes/BayesSink.h"
#include "appliance/spam/bayes/PgBayesStore.h"
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/learning/LearnPaths.h"
#include "appliance/spam/reputation/PgReputationStore.h"
#include "appliance/spam/reputation/ReputationSink.h"
#include "appliance/store/Database.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QDateTime>
#include <QtCore/QDir>
#include <QtCore/QTimer>

namespace portcullis {

namespace {

constexpr std::chrono::seconds learnInterval{1};
constexpr std::chrono::seconds longestPause{10};  ///< Between attempts while the database is away.
constexpr std::chrono::seconds settingsInterval{5};  ///< Between looks at rules and configuration.

/// What settings are read from, as it is now.
struct SettingsMark {
    QByteArray config;
    std::vector<spam::FileMark> rules;
    bool operator==(const SettingsMark &) const = default;
};

/// The service, made anew when settings change.
class LearnRoom
{
public:
    LearnRoom(const store::DatabaseSettings &database, config::ConfigLoader loader)
        : m_loader(std::move(loader))
        , m_folder(spam::learningFolder(m_loader.paths().lib()))
        , m_pool(database)
        , m_bayes(m_pool)
        , m_reputation(m_pool)
    {
    }

    /// Error `config.*` when there is no configuration to begin with.
    Status begin()
    {
        m_config = TRY(m_loader.load());
        m_sources = filter::spamRuleSources(*m_config, m_loader.paths());
        m_made = mark();
        m_seen = m_made;
        make();
        return ok();
    }

    Result<bool> run()
    {
        follow();
        return m_service->run();
    }

private:
    [[nodiscard]] SettingsMark mark() const
    {
        return {m_loader.stamp(), spam::markRuleFiles(m_sources)};
    }

    /// Looks now and then; takes what two looks have seen the same.
    void follow()
    {
        const auto now = std::chrono::steady_clock::now();
        if (now - m_looked < settingsInterval) {
            return;
        }
        m_looked = now;
        SettingsMark present = mark();
        const bool isSettled = present == m_seen;
        m_seen = std::move(present);
        if (!isSettled || m_seen == m_made) {
            return;
        }
        m_made = m_seen;
        if (auto config = m_loader.load()) {  // The filter itself tells what is wrong with it.
            m_config = *std::move(config);
            m_sources = filter::spamRuleSources(*m_config, m_loader.paths());
        }
        make();
    }

    void make()
    {
        const spam::RuleSet rules = spam::readRules(m_sources);
        const std::shared_ptr<spam::MessageTokenizer> tokenizer = spam::makeLearnTokenizer(rules);
        spam::BayesSinkSettings settings;
        settings.expiry = tokenizer->settings().expiry;
        const Clock &clock = SystemClock::instance();
        std::vector<std::unique_ptr<spam::LearnSink>> sinks;
        sinks.push_back(std::make_unique<spam::BayesSink>(
            m_bayes, clock, spam::bayesSnapshotFile(m_folder), settings));
        sinks.push_back(std::make_unique<spam::ReputationSink>(
            m_reputation, clock, spam::reputationSnapshotFile(m_folder)));
        m_service = std::make_unique<spam::LearnService>(
            m_folder, std::move(sinks),
            [tokenizer](const spam::LearnMessage &request) -> Result<spam::LearnTokens> {
                return (*tokenizer)(request.message, request.as,
                                    QDateTime::currentSecsSinceEpoch());
            });
    }

    config::ConfigLoader m_loader;
    QString m_folder;
    store::DatabasePool m_pool;
    spam::PgBayesStore m_bayes;
    spam::PgReputationStore m_reputation;
    config::ConfigPtr m_config;
    spam::RuleSources m_sources;
    SettingsMark m_made;  ///< Of the service in use.
    SettingsMark m_seen;  ///< Of the last look.
    std::chrono::steady_clock::time_point m_looked;
    std::unique_ptr<spam::LearnService> m_service;
};

/// Runs the service again and again: soon when all is well, seldom when it fails.
class LearnLoop final : public QObject
{
public:
    explicit LearnLoop(LearnRoom &room)
        : m_room(room)
    {
        m_timer.setSingleShot(true);
        connect(&m_timer, &QTimer::timeout, this, [this] { turn(); });
        m_timer.start(0);
    }

private:
    void turn()
    {
        const auto done = m_room.run();
        if (done && m_hasFailed) {
            log::write(log::Severity::Notice, "learn.works-again", {}, {});
        } else if (!done && !m_hasFailed) {
            log::write(log::Severity::Error, "learn.failed", {},
                       {{"id", done.error().id},
                        {"reason", done.error().detail.toUtf8()},
                        {"consequence", "what is to be learnt waits"}});
        }
        m_hasFailed = !done;
        m_pause = done ? learnInterval : std::min(m_pause * 2, longestPause);
        m_timer.start(m_pause);
    }

    LearnRoom &m_room;
    QTimer m_timer;
    std::chrono::seconds m_pause = learnInterval;
    bool m_hasFailed = false;
};

}  // namespace

int runLearnProcess(const store::DatabaseSettings &database, const config::ConfigLoader &loader)
{
    const QString folder = spam::learningFolder(loader.paths().lib());
    if (!QDir().mkpath(folder)) {
        log::write(log::Severity::Critical, "learn.folder", {}, {{"folder", folder.toUtf8()}});
        return 1;
    }
    LearnRoom room(database, loader);
    if (const Status begun = room.begin(); !begun) {
        log::write(log::Severity::Critical, "learn.failed", {},
                   {{"id", begun.error().id}, {"reason", begun.error().detail.toUtf8()}});
        return 1;
    }
    const LearnLoop loop(room);
    return QCoreApplication::exec();
}

}  // namespace portcullis
