// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesMessage.h"

#include <functional>

namespace portcullis::spam {

/// Finds the tokens of whole messages by the rules' settings: for those that learn from messages without
/// scanning them. One thread.
class MessageTokenizer
{
public:
    /// Adds what a scan would know of a text before its tests: its languages.
    using Annotate = std::function<void(MessageText &text)>;

    explicit MessageTokenizer(const RuleSet &rules, Annotate annotate = {});
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
    Annotate m_annotate;
};

}  // namespace portcullis::spam
