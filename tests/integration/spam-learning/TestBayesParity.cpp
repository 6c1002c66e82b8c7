// SPDX-License-Identifier: GPL-2.0-or-later
// Trained with the same mails, both put a mail into the same bucket: whole mails, from bytes to BAYES_*.
#include "appliance/spam/assembly/LearnTokenizer.h"
#include "appliance/spam/bayes/BayesLearner.h"
#include "appliance/spam/bayes/MemoryBayesStore.h"
#include "appliance/spam/conf/RuleReader.h"
#include "BayesOracle.h"

#include <QtCore/QDateTime>
#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonObject>
#include <QtTest/QtTest>

#include <cmath>
#include <set>

namespace portcullis {

using namespace spam;
using namespace testing;

namespace {

QByteArray fileBytes(const QByteArray &path)
{
    QFile file(QFile::decodeName(path));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// Upper ends of BAYES_00, _05 … _99 in 23_bayes.cf.
int bucketOf(double probability)
{
    int bucket = 0;
    for (const double end : {0.01, 0.05, 0.20, 0.40, 0.60, 0.80, 0.95, 0.99}) {
        bucket += probability > end ? 1 : 0;
    }
    return bucket;
}

class StoredTokens final : public TokenSource
{
public:
    explicit StoredTokens(MemoryBayesStore &store)
        : m_store(store)
    {
    }
    LearntMessages messages() const override { return *m_store.messages(); }
    std::optional<TokenCounts> counts(Token token) const override
    {
        const auto found = *m_store.counts({token});
        return found.empty() ? std::nullopt : std::optional(found.begin()->second);
    }

private:
    MemoryBayesStore &m_store;
};

}  // namespace

class TestBayesParity final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void sameMailsGiveTheSameBucket();
};

void TestBayesParity::sameMailsGiveTheSameBucket()
{
    auto sample = MailSample::unpack(150);
    if (!sample) {
        QSKIP(qPrintable(sample.error().detail));
    }
    auto oracle = BayesOracle::start();
    if (!oracle) {
        QSKIP(qPrintable(oracle.error().detail));
    }
    const qint64 now = QDateTime::currentSecsSinceEpoch();
    RuleSources sources;
    sources.pluginText = "loadplugin Mail::SpamAssassin::Plugin::TextCat\n";
    const auto tokenizer = makeLearnTokenizer(readRules(sources));
    MemoryBayesStore store;
    std::vector<const LabelledMail *> mixed;
    for (size_t offset = 0; offset < 5; ++offset) {
        for (size_t i = offset; i < (*sample)->mails().size(); i += 5) {
            mixed.push_back(&(*sample)->mails()[i]);
        }
    }
    const size_t learnt = mixed.size() * 7 / 10;
    for (size_t i = 0; i < learnt; ++i) {
        const LearnAs as = mixed[i]->isSpam ? LearnAs::Spam : LearnAs::Ham;
        (*oracle)->tell(QByteArray("learn ") + (mixed[i]->isSpam ? "spam " : "ham ")
                        + mixed[i]->path);
        const LearnTokens message = (*tokenizer)(fileBytes(mixed[i]->path), as, now);
        QVERIFY(learnMessages(store, std::span(&message, 1)));
    }
    int sameBucket = 0;
    int sameTokens = 0;
    int sameIdentity = 0;
    std::map<QByteArray, int> differing;
    for (size_t i = learnt; i < mixed.size(); ++i) {
        const QByteArray &path = mixed[i]->path;
        const LearnTokens ours = (*tokenizer)(fileBytes(path), LearnAs::Spam, now);
        const QJsonValue theirs = (*oracle)->ask("sources " + path);
        const QJsonObject theirTokens = theirs[QLatin1String("tokens")].toObject();
        std::set<QByteArray> missing;
        for (const QString &key : theirTokens.keys()) {
            missing.insert(key.toLatin1());
        }
        bool hasMore = false;
        for (const Token token : ours.tokens) {
            hasMore = missing.erase(tokenText(token)) == 0 || hasMore;
        }
        sameTokens += !hasMore && missing.empty() ? 1 : 0;
        for (const QByteArray &token : missing) {
            const QByteArray text = octetsOf(theirTokens[QString::fromLatin1(token)]);
            ++differing[text.left(text.indexOf(':') + 1)];
        }
        if (hasMore || !missing.empty()) {
            qInfo("%s: %zu of theirs are missing%s", path.constData(), missing.size(),
                  hasMore ? ", some are ours alone" : "");
        }
        const QJsonValue identity = (*oracle)->ask("identity " + path);
        sameIdentity += octetsOf(identity[QLatin1String("ids")].toArray()[0]) == ours.ids[0] ? 1
                                                                                             : 0;
        const QJsonValue probability = (*oracle)->ask("classify "
                                                      + path)[QLatin1String("probability")];
        const auto classified = classify(ours.tokens, StoredTokens(store));
        QCOMPARE(classified.has_value(), probability.isDouble());
        if (!classified || bucketOf(classified->probability) == bucketOf(probability.toDouble())) {
            ++sameBucket;
        }
    }
    const int all = int(mixed.size() - learnt);
    for (const auto &[region, count] : differing) {
        qInfo("tokens of theirs that are missing, '%s': %d", region.constData(), count);
    }
    qInfo("%d mails after %zu learnt: same bucket %d, same tokens %d, same id %d", all, learnt,
          sameBucket, sameTokens, sameIdentity);
    QVERIFY(sameBucket * 100 >= all * 97);
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestBayesParity)
#include "TestBayesParity.moc"
