// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/LearnCommand.h"

#include "appliance/cli/pmg-spam/LearnMails.h"
#include "appliance/cli/pmg-spam/RuleFolders.h"
#include "appliance/cli/support/Appliance.h"
#include "appliance/cli/support/Terminal.h"
#include "appliance/spam/assembly/LearnTokenizer.h"
#include "appliance/spam/bayes/BayesBackup.h"
#include "appliance/spam/bayes/BayesLearner.h"
#include "appliance/spam/bayes/MessageTokenizer.h"
#include "appliance/spam/bayes/PgBayesStore.h"

#include <QtCore/QDateTime>
#include <QtCore/QFile>
#include <QtCore/QJsonObject>
#include <QtCore/QSaveFile>

#include <unistd.h>

#include <cstdio>

namespace portcullis::cli::spamrules {

const char learnHelpText[] =
    "  learn --spam|--ham|--forget [--max-size BYTES] PATH...\n"
    "                     teach the Bayes classifier with mails: files, mbox files, Maildirs and\n"
    "                     folders of these; '-' is standard input. A mail is learnt once; "
    "learning\n"
    "                     it as the opposite forgets what was learnt before\n"
    "  bayes status [--json]   what was learnt\n"
    "  bayes backup FILE       write it in the format of 'sa-learn --backup'\n"
    "  bayes restore FILE      replace it by such a file\n"
    "  bayes expire            forget tokens that were not of use for long, if there are many\n"
    "  bayes clear --yes       forget everything\n";

namespace {

constexpr size_t batchMails = 50;  ///< Learnt in one transaction.

Error learnUsage(const QString &problem)
{
    return Error::permanent("cli.usage", problem);
}

qint64 secondsNow()
{
    return QDateTime::currentSecsSinceEpoch();
}

/// One line on a terminal that is written over again.
class ProgressLine
{
public:
    void show(const QString &text)
    {
        if (m_isTerminal) {
            std::fprintf(stderr, "\r%s", qPrintable(text));
            std::fflush(stderr);
        }
    }
    ~ProgressLine()
    {
        if (m_isTerminal) {
            std::fputc('\n', stderr);
        }
    }

private:
    bool m_isTerminal = isatty(STDERR_FILENO) == 1;
};

struct LearnTally {
    qint64 seen = 0;
    qint64 learnt = 0;
    qint64 known = 0;

    void add(const std::vector<spam::LearnOutcome> &outcomes)
    {
        using spam::LearnOutcome;
        for (const LearnOutcome outcome : outcomes) {
            const bool isKnown = outcome == LearnOutcome::AlreadyLearnt
                                 || outcome == LearnOutcome::WasNotLearnt;
            ++(isKnown ? known : learnt);
            ++seen;
        }
    }
};

void addLearnOptions(QCommandLineParser &parser)
{
    for (const char *flag : {"spam", "ham", "forget", "json", "yes"}) {
        parser.addOption(QCommandLineOption(QString::fromLatin1(flag)));
    }
    for (const char *name : {"root", "dsn", "rules", "site", "max-size"}) {
        const QString text = QString::fromLatin1(name);
        parser.addOption(QCommandLineOption(text, {}, text));
    }
}

Result<spam::LearnAs> learnAsOption(const QCommandLineParser &parser)
{
    std::vector<spam::LearnAs> chosen;
    for (const auto &[name, as] :
         {std::pair("spam", spam::LearnAs::Spam), std::pair("ham", spam::LearnAs::Ham),
          std::pair("forget", spam::LearnAs::Forget)}) {
        if (parser.isSet(QString::fromLatin1(name))) {
            chosen.push_back(as);
        }
    }
    if (chosen.size() != 1) {
        return learnUsage(QStringLiteral("'learn' needs one of --spam, --ham and --forget"));
    }
    return chosen.front();
}

Result<MailFileLimits> fileLimits(const QCommandLineParser &parser)
{
    MailFileLimits limits;
    const QString text = parser.value(QStringLiteral("max-size"));
    if (!text.isEmpty()) {
        bool isNumber = false;
        limits.messageBytes = text.toLongLong(&isNumber);
        if (!isNumber || limits.messageBytes < 0) {
            return learnUsage(QStringLiteral("--max-size is a number of bytes, 0 for no bound"));
        }
    }
    return limits;
}

Status learnMails(const QCommandLineParser &parser,
                  const QStringList &paths,
                  spam::BayesStore &store)
{
    const spam::LearnAs as = TRY(learnAsOption(parser));
    const MailFileLimits limits = TRY(fileLimits(parser));
    if (paths.isEmpty()) {
        return learnUsage(QStringLiteral("'learn' needs files or folders"));
    }
    const auto tokenizer = spam::makeLearnTokenizer(spam::readRules(ruleOrigin(parser).sources));
    std::vector<spam::LearnTokens> batch;
    LearnTally tally;
    ProgressLine progress;
    const auto flush = [&]() -> Status {
        tally.add(TRY(spam::learnMessages(store, batch)).outcomes);
        batch.clear();
        progress.show(QStringLiteral("%1 mails, %2 learnt").arg(tally.seen).arg(tally.learnt));
        return ok();
    };
    MailFiles files(limits, [&](const QByteArray &message) -> Status {
        batch.push_back((*tokenizer)(message, as, secondsNow()));
        return batch.size() < batchMails ? ok() : flush();
    });
    for (const QString &path : paths) {
        TRY(files.read(path));
    }
    TRY(flush());
    print(QStringLiteral("%1 mails: %2 %3, %4 %5, %6 too large\n")
              .arg(tally.seen + files.tooLarge())
              .arg(tally.learnt)
              .arg(as == spam::LearnAs::Forget ? QStringLiteral("forgotten")
                                               : QStringLiteral("learnt"))
              .arg(tally.known)
              .arg(as == spam::LearnAs::Forget ? QStringLiteral("not known")
                                               : QStringLiteral("learnt before"))
              .arg(files.tooLarge()));
    return ok();
}

QString timeText(qint64 seconds)
{
    return seconds == 0 ? QStringLiteral("never")
                        : localTime(Clock::WallTime(std::chrono::seconds(seconds)));
}

Status showStatus(const QCommandLineParser &parser, spam::BayesStore &store)
{
    const spam::BayesStatus status = TRY(store.status());
    if (parser.isSet(QStringLiteral("json"))) {
        printJson(QJsonObject{{QStringLiteral("spam"), status.messages.spam},
                              {QStringLiteral("ham"), status.messages.ham},
                              {QStringLiteral("tokens"), status.tokens},
                              {QStringLiteral("oldest"), status.oldest},
                              {QStringLiteral("newest"), status.newest},
                              {QStringLiteral("last_expiry"), status.lastExpiry},
                              {QStringLiteral("last_expiry_removed"), status.lastExpiryRemoved}});
        return ok();
    }
    print(table({{QStringLiteral("spam learnt"), QString::number(status.messages.spam)},
                 {QStringLiteral("ham learnt"), QString::number(status.messages.ham)},
                 {QStringLiteral("tokens"), QString::number(status.tokens)},
                 {QStringLiteral("oldest use"), timeText(status.oldest)},
                 {QStringLiteral("newest use"), timeText(status.newest)},
                 {QStringLiteral("last expiry"), timeText(status.lastExpiry)},
                 {QStringLiteral("tokens expired"), QString::number(status.lastExpiryRemoved)}}));
    return ok();
}

Status writeBackupFile(const QString &path, spam::BayesStore &store)
{
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly)) {
        return Error::permanent("learn.file", path + QStringLiteral(": ") + file.errorString());
    }
    ProgressLine progress;
    const qint64 lines = TRY(spam::writeBackup(file, store, [&progress](qint64 count) {
        progress.show(QStringLiteral("%1 lines").arg(count));
    }));
    if (!file.commit()) {
        return Error::transient("learn.file", path + QStringLiteral(": ") + file.errorString());
    }
    print(QStringLiteral("%1 lines written\n").arg(lines));
    return ok();
}

Status restoreBackupFile(const QString &path, spam::BayesStore &store)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return Error::permanent("learn.file", path + QStringLiteral(": ") + file.errorString());
    }
    ProgressLine progress;
    const spam::RestoredBackup done = TRY(
        spam::restoreBackup(file, store, secondsNow(), [&progress](qint64 count) {
            progress.show(QStringLiteral("%1 lines").arg(count));
        }));
    print(QStringLiteral("%1 tokens of %2 spam and %3 ham mails; %4 lines were of no use\n")
              .arg(done.tokens)
              .arg(done.messages.spam)
              .arg(done.messages.ham)
              .arg(done.skipped));
    return ok();
}

Status expireNow(const QCommandLineParser &parser, spam::BayesStore &store)
{
    const spam::MessageTokenizer rules(spam::readRules(ruleOrigin(parser).sources));
    const auto removed = TRY(
        spam::expireTokens(store, rules.settings().expiry, secondsNow(), true));
    print(QStringLiteral("%1 tokens forgotten\n").arg(removed.value_or(0)));
    return ok();
}

Status runBayes(const QCommandLineParser &parser, const QStringList &words, spam::BayesStore &store)
{
    const QString action = words.value(0);
    const bool takesFile = action == QLatin1String("backup") || action == QLatin1String("restore");
    if (words.size() != (takesFile ? 2 : 1)) {
        return learnUsage(QStringLiteral("'bayes' takes status, backup FILE, restore FILE, expire "
                                         "or clear"));
    }
    if (action == QLatin1String("status")) {
        return showStatus(parser, store);
    }
    if (takesFile) {
        return action == QLatin1String("backup") ? writeBackupFile(words[1], store)
                                                 : restoreBackupFile(words[1], store);
    }
    if (action == QLatin1String("expire")) {
        return expireNow(parser, store);
    }
    if (action != QLatin1String("clear")) {
        return learnUsage(QStringLiteral("there is no 'bayes %1'").arg(action));
    }
    if (!parser.isSet(QStringLiteral("yes"))) {
        return learnUsage(QStringLiteral("'bayes clear' forgets everything: say --yes"));
    }
    TRY(store.clear());
    print(QStringLiteral("everything is forgotten\n"));
    return ok();
}

Status runWithStore(const QCommandLineParser &parser)
{
    QStringList words = parser.positionalArguments();
    const QString command = words.takeFirst();
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    const auto pool = TRY(openPool(paths, parser.value(QStringLiteral("dsn"))));
    spam::PgBayesStore store(*pool);
    return command == QLatin1String("learn") ? learnMails(parser, words, store)
                                             : runBayes(parser, words, store);
}

}  // namespace

bool isLearnCommand(const QStringList &arguments)
{
    QCommandLineParser parser;
    addLearnOptions(parser);
    parser.parse(arguments);
    const QString command = parser.positionalArguments().value(0);
    return command == QLatin1String("learn") || command == QLatin1String("bayes");
}

int runLearnCommand(const QStringList &arguments)
{
    QCommandLineParser parser;
    addLearnOptions(parser);
    if (!parser.parse(arguments)) {
        return usageError("pmg-spam", parser.errorText());
    }
    const Status done = runWithStore(parser);
    if (done) {
        return Success;
    }
    return done.error().id == "cli.usage" ? usageError("pmg-spam", done.error().detail)
                                          : fail(done.error());
}

}  // namespace portcullis::cli::spamrules
