// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/dnsbl/DnsblCheck.h"

#include <QtCore/QDeadlineTimer>
#include <QtCore/QTimer>

#include <optional>
#include <vector>

namespace portcullis::policy {

/// One client's way through all lists. Kept alive by the look-ups it waits for.
class DnsblRun : public std::enable_shared_from_this<DnsblRun>
{
public:
    struct Outcome {
        std::shared_ptr<const DnsblOutcome> value;
        std::chrono::seconds lifetime{0};  ///< 0: something was missing; do not remember it.
    };
    using Done = std::function<void(const Outcome &)>;

    DnsblRun(Resolver &resolver,
             DnsblHealth &health,
             std::shared_ptr<const DnsblSites> sites,
             const DnsblLimits &limits,
             const QHostAddress &client,
             Done done);
    Q_DISABLE_COPY_MOVE(DnsblRun)

    /// Asks. `done` comes never before this returned.
    void start(QObject *context);

private:
    /// How far one list is.
    struct Inquiry {
        bool isAnswerPending = false;
        bool isTestPending = false;
        std::vector<verdict::DnsblFinding> findings;

        [[nodiscard]] bool isPending() const { return isAnswerPending || isTestPending; }
    };

    void ask(size_t index, QObject *context);
    void test(size_t index, QObject *context);
    void takeAnswer(size_t index, const Result<DnsAnswer> &answer);
    [[nodiscard]] bool isOwnOverload(const Error &error) const;
    void takeTest(size_t index, DnsblHealth::TestResult result);
    void distrust(size_t index);
    void decideIfCertain();
    void onDeadline();
    void decide();
    void askReason(const DnsblList &list);
    void finish();

    Resolver &m_resolver;
    DnsblHealth &m_health;
    const std::shared_ptr<const DnsblSites> m_sites;
    const DnsblLimits m_limits;
    const QHostAddress m_client;
    Done m_done;

    QObject *m_context = nullptr;  ///< Valid whenever one of our callbacks runs.
    QTimer m_timer;
    QDeadlineTimer m_deadline;
    std::vector<Inquiry> m_inquiries;  ///< In the order of the lists.
    bool m_isDecided = false;
    bool m_isComplete = true;  ///< No list was silent.
    std::chrono::seconds m_lifetime;
    DnsblOutcome m_outcome;
};

}  // namespace portcullis::policy
