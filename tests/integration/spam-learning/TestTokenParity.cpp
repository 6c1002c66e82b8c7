// SPDX-License-Identifier: GPL-2.0-or-later
// The same texts give the same tokens as in SpamAssassin, and the same counts the same probability.
#include "appliance/spam/bayes/BayesBackup.h"
#include "appliance/spam/bayes/MemoryBayesStore.h"
#include "BayesOracle.h"

#include <QtCore/QFile>
#include <QtCore/QJsonObject>
#include <QtTest/QtTest>

#include <cmath>
#include <set>

namespace portcullis {

using namespace spam;
using namespace testing;

namespace {

class NoProblems final : public ProblemSink
{
public:
    void report(Problem problem) override { QFAIL(problem.reason.constData()); }
};

class StoreSource final : public TokenSource
{
public:
    explicit StoreSource(MemoryBayesStore &store)
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

/// Texts that only one side has, for messages about failures.
QByteArray differenceOf(const QJsonObject &theirs, const TokenSet &ours)
{
    std::set<QByteArray> missing;
    for (auto it = theirs.begin(); it != theirs.end(); ++it) {
        missing.insert(it.key().toLatin1() + ' ' + octetsOf(it.value()));
    }
    QByteArray text;
    for (const TokenSet::Entry &entry : ours.entries()) {
        const QByteArray key = tokenText(entry.token);
        if (theirs.contains(QString::fromLatin1(key))) {
            missing.erase(key + ' ' + octetsOf(theirs[QString::fromLatin1(key)]));
        } else {
            text += " ours<" + ours.text(entry).toByteArray() + '>';
        }
    }
    for (const QByteArray &token : missing) {
        text += " theirs<" + token + '>';
    }
    return text;
}

}  // namespace

class TestTokenParity final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void sameTextsGiveSameTokensAndProbability();
};

void TestTokenParity::sameTextsGiveSameTokensAndProbability()
{
    auto sample = MailSample::unpack(180);
    if (!sample) {
        QSKIP(qPrintable(sample.error().detail));
    }
    auto oracle = BayesOracle::start();
    if (!oracle) {
        QSKIP(qPrintable(oracle.error().detail));
    }
    NoProblems problems;
    const BayesSettings settings = BayesSettings::of(stockBayesRules(), problems);
    const auto &mails = (*sample)->mails();
    const size_t learnt = mails.size() * 6 / 10;
    // Mails lie in groups of one kind; every fifth place of the sample mixes them.
    std::vector<const LabelledMail *> mixed;
    for (size_t offset = 0; offset < 5; ++offset) {
        for (size_t i = offset; i < mails.size(); i += 5) {
            mixed.push_back(&mails[i]);
        }
    }
    for (size_t i = 0; i < learnt; ++i) {
        (*oracle)->tell(QByteArray("learn ") + (mixed[i]->isSpam ? "spam " : "ham ")
                        + mixed[i]->path);
    }
    QTemporaryDir folder;
    const QString backup = folder.filePath(QStringLiteral("backup"));
    QCOMPARE(octetsOf((*oracle)->ask("backup " + QFile::encodeName(backup))), QByteArray("done"));
    QFile file(backup);
    QVERIFY(file.open(QIODevice::ReadOnly));
    MemoryBayesStore store;
    const auto restored = restoreBackup(file, store, QDateTime::currentSecsSinceEpoch());
    QVERIFY2(restored, qPrintable(restored ? QString() : restored.error().detail));
    QCOMPARE(restored->skipped, 0);
    QVERIFY(restored->messages.spam >= 200 && restored->messages.ham >= 200);

    Tokenizer tokenizer(settings);
    const ClassifierSettings classifier;
    int differing = 0;
    double largest = 0;
    int classified = 0;
    for (size_t i = learnt; i < mixed.size(); ++i) {
        const QJsonValue sources = (*oracle)->ask("sources " + mixed[i]->path);
        const TokenSet tokens = tokenizer.tokenize(sourcesOf(sources));
        const QByteArray difference = differenceOf(sources[QLatin1String("tokens")].toObject(),
                                                   tokens);
        if (!difference.isEmpty()) {
            ++differing;
            qWarning("%s:%s", mixed[i]->path.constData(), difference.left(600).constData());
        }
        const QJsonValue theirs = (*oracle)->ask("classify "
                                                 + mixed[i]->path)[QLatin1String("probability")];
        const auto ours = classify(tokens.tokens(), StoreSource(store), classifier);
        QCOMPARE(ours.has_value(), theirs.isDouble());
        if (ours) {
            ++classified;
            largest = std::max(largest, std::abs(ours->probability - theirs.toDouble()));
        }
    }
    qInfo("%zu messages, %d with other tokens, %d classified, largest difference %g",
          mixed.size() - learnt, differing, classified, largest);
    // Perl cuts up characters instead of octets where a URI of HTML came to it as such.
    QVERIFY(differing * 100 <= int(mixed.size() - learnt));
    QVERIFY(classified > 0);
    QVERIFY(largest < 0.01);
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestTokenParity)
#include "TestTokenParity.moc"
