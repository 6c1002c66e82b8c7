// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/TokenCollector.h"

#include <optional>

namespace portcullis::spam {

/// Which part of a message a line is from; the parts are cut up differently.
enum class TokenRegion : quint8 { Header, Body, Uri };

/// Cuts lines into tokens. Linear in the length of a line. Not thread-safe.
class LineTokens
{
public:
    LineTokens(const BayesSettings &settings, const TokenLimits &limits, TokenCollector &out);

    void add(QByteArrayView line, QByteArrayView prefix, TokenRegion region);

    /// "U*anna D*example.com D*com" of a mail address; nothing if it is none.
    static std::vector<QByteArray> ofAddress(QByteArrayView address, int labels);

private:
    void addWord(QByteArrayView word, QByteArrayView prefix, TokenRegion region);
    /// Breaks names of hosts and addresses out of a word.
    void addNames(QByteArrayView word);
    /// True: the word is done, its characters were taken.
    bool addLong(QByteArrayView &word, QByteArrayView prefix, TokenRegion region);
    void addPlainer(QByteArrayView word, QByteArrayView prefix);
    bool isStopWord(QByteArrayView word);

    const BayesSettings &m_settings;
    const TokenLimits &m_limits;
    TokenCollector &m_out;
    QByteArray m_line;
    QByteArray m_spare;
    QByteArray m_word;
    QByteArray m_plain;
};

}  // namespace portcullis::spam
