// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/language/LanguageModels.h"
#include "appliance/spam/text/MessageText.h"

#include <QtCore/QSet>
#include <QtCore/QString>

#include <memory>
#include <vector>

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::TextCat: the languages a message is probably written in. Works if the
/// plugin is loaded (`languages` of pmg.conf does that).
///
/// Sets the header X-Languages ("en de", empty if not sure) and the tag LANGUAGES
/// before any test runs.
class LanguageEvals final : public EvalModule
{
public:
    /// Where SpamAssassin's data lies.
    static QString stockModels();
    explicit LanguageEvals(QString modelFile = stockModels());

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void begin(Scan &scan) const override;

    struct Finding {
        std::vector<QByteArray> languages;
        qsizetype length = 0;  ///< Of the text that tells them.
    };
    /// Sets X-Languages and X-Languages-Length of a text; nothing where the plugin is not loaded.
    Finding annotate(MessageText &text) const;

    /// Of a text that languageText() has made; empty: too short, or not to be told from others.
    [[nodiscard]] std::vector<QByteArray> guess(QByteArrayView text) const;

private:
    struct Memory;

    int isUnwanted(Scan &scan) const;
    int hasEightBitRun(Scan &scan) const;

    QString m_modelFile;
    std::shared_ptr<const LanguageModels> m_models;  ///< Null: not loaded, nothing hits.
    std::vector<QByteArray> m_wanted{"all"};
    QSet<QByteArray> m_skipped;
    size_t m_maxLanguages = 3;
    int m_maxGrams = 400;
    int m_leastCount = 0;
    double m_acceptable = 1.02;
};

}  // namespace portcullis::spam
