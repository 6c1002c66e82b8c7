// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesMessage.h"

namespace portcullis::spam {

/// Finds the tokens of whole messages by the rules' settings: for those that learn from messages without
/// scanning them. One thread.
class MessageTokenizer
{
public:
    explicit MessageTokenizer(const RuleSet &rules);
    ~MessageTokenizer();

    /// `message` may have LF or CRLF line ends, and a "From " line before it.
    LearnTokens operator()(const QByteArray &message, LearnAs as, qint64 now);

    [[nodiscard]] const BayesSettings &settings() const { return m_settings; }
    [[nodiscard]] TokenSet tokens(MessageText &text);
    [[nodiscard]] const TextSettings &textSettings() const { return m_textSettings; }
    [[nodiscard]] const DomainTable &domains() const { return m_domains; }

private:
    BayesSettings m_settings;
    TextSettings m_textSettings;
    DomainTable m_domains;
    Tokenizer m_tokenizer;
};

}  // namespace portcullis::spam
