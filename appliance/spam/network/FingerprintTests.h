// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/network/FingerprintWire.h"

#include <QtCore/QString>

#include <memory>

namespace portcullis::spam {

/// Base of the modules that have a FingerprintService ask about the whole message: begin() sends it,
/// finish() takes the answer if it comes before the module's time is over. No answer is no hit.
class FingerprintModule : public EvalModule
{
public:
    void begin(Scan &scan) const override;
    void finish(Scan &scan) const override;

protected:
    FingerprintModule(FingerprintNetwork network, QString socketPath)
        : m_network(network)
        , m_socketPath(std::move(socketPath))
    {
    }

    /// Reads "5", "2s", "1m" of the directive; the time stays where it says nothing of use.
    void readTimeout(const RuleSet &rules, const QByteArray &directive, ProblemSink &problems);

    /// Whether any test needs the network.
    [[nodiscard]] virtual bool isNeeded(const Scan &scan) const = 0;
    virtual void judge(Scan &scan, QByteArrayView reply) const = 0;

private:
    struct Question;

    FingerprintNetwork m_network;
    QString m_socketPath;
    std::chrono::milliseconds m_timeout = std::chrono::seconds(5);
};

/// Mail::SpamAssassin::Plugin::Razor2: check_razor2 and check_razor2_range. Like there, the ranges count
/// only where a test with check_razor2 has points.
class RazorTests final : public FingerprintModule
{
public:
    explicit RazorTests(QString socketPath);

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    /// RAZOR2_CF_RANGE_51_100: 51 … 100, of any engine or of one.
    struct Range {
        const Test *test = nullptr;
        QByteArray engine;
        int least = 0;
        int most = 0;
    };
    void addRange(const Test &test, const EvalCall &call, ProblemSink &problems);
    [[nodiscard]] bool isNeeded(const Scan &scan) const override;
    void judge(Scan &scan, QByteArrayView reply) const override;

    std::vector<const Test *> m_tests;
    std::vector<Range> m_ranges;
};

/// Mail::SpamAssassin::Plugin::Pyzor: check_pyzor. Sets the tag PYZOR.
class PyzorTests final : public FingerprintModule
{
public:
    explicit PyzorTests(QString socketPath);

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    [[nodiscard]] bool isNeeded(const Scan &scan) const override;
    void judge(Scan &scan, QByteArrayView reply) const override;
    [[nodiscard]] bool isListed(const PyzorFinding &finding) const;

    std::vector<const Test *> m_tests;
    double m_leastReports = 5;
    double m_leastWelcomes = 10;
    double m_welcomeShare = 0.2;
};

/// Both. What `use_razor2` and `use_pyzor` turn off is not asked.
std::vector<std::shared_ptr<EvalModule>> makeFingerprintModules(const QString &socketPath);

}  // namespace portcullis::spam
