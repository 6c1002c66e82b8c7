// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Tokenizer.h"
#include "shared/base/Result.h"

#include <QtCore/QJsonValue>
#include <QtCore/QProcess>
#include <QtCore/QStringList>
#include <QtCore/QTemporaryDir>

namespace portcullis::testing {

/// Debian's SpamAssassin with a Bayes database of its own, see bayes_oracle.pl.
class BayesOracle
{
public:
    /// Error `test.oracle` when Perl or SpamAssassin is missing; tests then QSKIP.
    static Result<std::unique_ptr<BayesOracle>> start();
    ~BayesOracle();

    void tell(const QByteArray &command);
    /// The answer to one command; null after ten minutes or when the oracle died.
    QJsonValue ask(const QByteArray &command);

private:
    BayesOracle() = default;
    QTemporaryDir m_home;
    QProcess m_process;
};

/// Octets of a string of the oracle.
QByteArray octetsOf(const QJsonValue &value);
spam::TokenSources sourcesOf(const QJsonValue &answer);

/// The bayes_* lines of the stock rules, as a rule set.
spam::RuleSet stockBayesRules();

/// Labelled mails of the corpora, the same in each run: `each` of every kind, from `skip` on.
struct LabelledMail {
    QByteArray path;
    bool isSpam = false;
};
class MailSample
{
public:
    /// Error `test.corpora` when they are missing.
    static Result<std::unique_ptr<MailSample>> unpack(int each);
    [[nodiscard]] const std::vector<LabelledMail> &mails() const { return m_mails; }

private:
    QTemporaryDir m_folder;
    std::vector<LabelledMail> m_mails;
};

}  // namespace portcullis::testing
