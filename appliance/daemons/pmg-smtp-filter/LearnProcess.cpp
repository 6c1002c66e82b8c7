// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtp-filter/LearnProcess.h"

#include "appliance/base/Log.h"
#include "appliance/spam/bayes/BayesSink.h"
#include "appliance/spam/bayes/MessageTokenizer.h"
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
constexpr std::chrono::seconds longestPause{30};  ///< Between attempts while the database is away.

/// Runs the service again and again: soon when all is well, seldom when it fails.
class LearnLoop final : public QObject
{
public:
    explicit LearnLoop(spam::LearnService &service)
        : m_service(service)
    {
        m_timer.setSingleShot(true);
        connect(&m_timer, &QTimer::timeout, this, [this] { turn(); });
        m_timer.start(0);
    }

private:
    void turn()
    {
        const auto done = m_service.run();
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

    spam::LearnService &m_service;
    QTimer m_timer;
    std::chrono::seconds m_pause = learnInterval;
    bool m_hasFailed = false;
};

}  // namespace

int runLearnProcess(const LearnProcessSettings &settings)
{
    if (!QDir().mkpath(settings.folder)) {
        log::write(log::Severity::Critical, "learn.folder", {},
                   {{"folder", settings.folder.toUtf8()}});
        return 1;
    }
    store::DatabasePool pool(settings.database);
    spam::PgBayesStore bayes(pool);
    spam::PgReputationStore reputation(pool);
    const auto tokenizer = std::make_shared<spam::MessageTokenizer>(
        spam::readRules(settings.sources));
    spam::BayesSinkSettings bayesSettings;
    bayesSettings.expiry = tokenizer->settings().expiry;
    const Clock &clock = SystemClock::instance();
    std::vector<std::unique_ptr<spam::LearnSink>> sinks;
    sinks.push_back(std::make_unique<spam::BayesSink>(
        bayes, clock, spam::bayesSnapshotFile(settings.folder), bayesSettings));
    sinks.push_back(std::make_unique<spam::ReputationSink>(
        reputation, clock, spam::reputationSnapshotFile(settings.folder)));
    spam::LearnService service(
        settings.folder, std::move(sinks),
        [tokenizer](const spam::LearnMessage &request) -> Result<spam::LearnTokens> {
            return (*tokenizer)(request.message, request.as, QDateTime::currentSecsSinceEpoch());
        });
    const LearnLoop loop(service);
    return QCoreApplication::exec();
}

}  // namespace portcullis
