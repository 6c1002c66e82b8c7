// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/policy/spf/record/Record.h"
#include "appliance/policy/spf/SpfClient.h"
#include "appliance/policy/spf/WorkerLink.h"
#include "appliance/verdict/SessionEvidence.h"

#include <QtCore/QObject>
#include <QtCore/QTimer>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace portcullis::policy::spf {

/// Whom a check is about, in the form that the macros want.
struct Subject {
    QHostAddress client;  ///< IPv4 addresses in their own form, never mapped into IPv6.
    QByteArray helo;
    SpfIdentity identity;
    QByteArray receiver;
};

/// One check (check_host() of RFC 7208 §4): goes through the records, keeps the limits and asks DNS. Single
/// mechanisms and macros are the worker's, which is believed in nothing that costs a query.
///
/// Ends with one call of `done`, from the event loop, and then destroys itself.
class Evaluation final : public QObject
{
    Q_OBJECT
public:
    using Done = std::function<void(verdict::SpfFinding)>;

    Evaluation(Resolver &resolver,
               WorkerLink &worker,
               const SpfLimits &limits,
               Subject subject,
               Done done);

private:
    using SpfResult = verdict::SpfResult;
    enum class Entry { First, Include, Redirect };

    /// A record under evaluation; includes stack up.
    struct Frame {
        QByteArray domain;
        Record record;
        size_t next = 0;  ///< Index of the term to be looked at next.
    };

    void start();
    void fetchRecord(const QByteArray &domain, Entry entry);
    void onRecord(const QByteArray &domain, Entry entry, const Result<DnsAnswer> &answer);
    void enter(const QByteArray &domain, Entry entry, Record record);

    void advance();
    [[nodiscard]] const Term &currentTerm() const;
    bool coversClient(const Term &term) const;
    void evaluateTerm();
    void onTarget(const QByteArray &target);
    void onTermAnswer(const QByteArray &name, const Result<DnsAnswer> &answer);
    void onVerdict(const wire::Reply &reply);
    void onMatch();
    void onAllTermsDone();
    void leaveFrame(SpfResult result);

    void explain();
    void onExplanation(const Result<DnsAnswer> &answer);

    bool takeTerm();  ///< False: the limit is passed and the check is over.
    void expand(const std::string &text, std::function<void(QByteArray)> then);
    void query(const QByteArray &name,
               DnsType type,
               std::function<void(const Result<DnsAnswer> &)> then);

    wire::Task taskFor(wire::Task::Kind kind, const std::string &text) const;
    void ask(wire::Task task, std::function<void(const wire::Reply &)> then);
    void askAfter(const wire::Reply &need, wire::Task task);
    void submit();
    void onReply(const std::optional<wire::Reply> &reply);
    bool mayNeed(const wire::Reply &reply) const;
    void onNeed(const wire::Reply &need);
    void onNeeded(wire::Query query, const std::string &name, const Result<DnsAnswer> &answer);

    void conclude(SpfResult result);
    void fail(SpfResult result, const QByteArray &problem);
    void finish();

    Resolver &m_resolver;
    WorkerLink &m_worker;
    SpfLimits m_limits;
    Subject m_subject;
    Done m_done;
    QTimer m_deadline;

    verdict::SpfFinding m_finding;
    bool m_isConcluded = false;  ///< The result is known; at most the explanation is missing.
    bool m_isFinished = false;
    std::vector<Frame> m_frames;
    int m_terms = 0;
    int m_voids = 0;
    int m_queries = 0;
    qsizetype m_recordBytes = 0;

    wire::Task m_task;  ///< The worker's, with the answers it had so far.
    std::function<void(const wire::Reply &)> m_onReply;
};

/// Printable ASCII of at most `limit` characters; the rest is '?' and dots.
QByteArray displayable(const QByteArray &text, qsizetype limit);

}  // namespace portcullis::policy::spf
