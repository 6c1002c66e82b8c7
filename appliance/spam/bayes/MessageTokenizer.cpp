// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/MessageTokenizer.h"

namespace portcullis::spam {

namespace {

/// Lint reports what is wrong with the settings; learning goes on with the rest.
class SilentSink final : public ProblemSink
{
public:
    void report(Problem) override {}
};

BayesSettings quietSettings(const RuleSet &rules)
{
    SilentSink problems;
    return BayesSettings::of(rules, problems);
}

}  // namespace

MessageTokenizer::MessageTokenizer(const RuleSet &rules, Annotate annotate)
    : m_settings(quietSettings(rules))
    , m_textSettings(TextSettings::fromRules(rules))
    , m_domains(rules)
    , m_tokenizer(m_settings)
    , m_annotate(std::move(annotate))
{
}

MessageTokenizer::~MessageTokenizer() = default;

LearnTokens MessageTokenizer::operator()(const QByteArray &message, LearnAs as, qint64 now)
{
    QByteArray bytes = message;
    // RFC 5321 §2.3.8: lines end with CRLF on the wire; files have what the system has.
    bytes.replace("\r\n", "\n").replace('\n', "\r\n");
    MessageText text(mail::Content(bytes), m_textSettings, m_domains);
    if (m_annotate) {
        m_annotate(text);
    }
    return learnTokensOf(text, m_tokenizer, m_settings, as, now);
}

TokenSet MessageTokenizer::tokens(MessageText &text)
{
    return m_tokenizer.tokenize(tokenSourcesOf(text, m_settings.sources));
}

}  // namespace portcullis::spam
