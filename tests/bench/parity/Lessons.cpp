// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/parity/Lessons.h"

#include "appliance/spam/bayes/BayesLearner.h"
#include "appliance/spam/bayes/MemoryBayesStore.h"
#include "appliance/spam/bayes/MessageTokenizer.h"

#include <QtCore/QDateTime>
#include <QtCore/QFile>

#include <cstdio>
#include <unordered_map>

namespace portcullis::parity {

namespace {

using spam::LearnAs;
using spam::Token;
using spam::TokenCounts;

class LearntTokens final : public spam::TokenSource
{
public:
    explicit LearntTokens(spam::BayesStore &store)
    {
        m_messages = store.messages().value_or(spam::LearntMessages());
        const Status status = store.eachToken([this](Token token, const TokenCounts &counts) {
            m_tokens.emplace(token, counts);
            return Status();
        });
        Q_ASSERT(status.has_value());
    }

    [[nodiscard]] spam::LearntMessages messages() const override { return m_messages; }
    [[nodiscard]] std::optional<TokenCounts> counts(Token token) const override
    {
        const auto found = m_tokens.find(token);
        return found == m_tokens.end() ? std::nullopt : std::optional(found->second);
    }

private:
    spam::LearntMessages m_messages;
    std::unordered_map<Token, TokenCounts> m_tokens;
};

QByteArray contentOf(const QString &path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        qFatal("%s: %s", qPrintable(path), qPrintable(file.errorString()));
    }
    return file.readAll();
}

}  // namespace

std::shared_ptr<const spam::TokenSource> learn(const QString &list, const spam::RuleSet &rules)
{
    spam::MessageTokenizer tokenizer(rules);
    spam::MemoryBayesStore store;
    const qint64 now = QDateTime::currentSecsSinceEpoch();
    for (const QByteArray &line : contentOf(list).split('\n')) {
        const qsizetype space = line.indexOf(' ');
        if (space < 0) {
            continue;
        }
        const LearnAs as = line.first(space) == "spam" ? LearnAs::Spam : LearnAs::Ham;
        const spam::LearnTokens lesson = tokenizer(
            contentOf(QString::fromUtf8(line.sliced(space + 1))), as, now);
        const auto learnt = learnMessages(store, {&lesson, 1});
        if (!learnt) {
            qFatal("%s", qPrintable(learnt.error().detail));
        }
    }
    const auto source = std::make_shared<LearntTokens>(store);
    std::fprintf(stderr, "learnt: %lld spam, %lld ham\n",
                 static_cast<long long>(source->messages().spam),
                 static_cast<long long>(source->messages().ham));
    return source;
}

}  // namespace portcullis::parity
