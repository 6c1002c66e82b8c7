// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Settlement.h"

#include "appliance/delivery/Dsn.h"

#include <algorithm>
#include <array>
#include <map>

namespace portcullis::delivery {

namespace {

using Kind = DeliveryEvent::Kind;

class Settler
{
public:
    Settler(const ActiveMessage &message, const SettlementContext &context)
        : m_message(message)
        , m_entry(message.entry)
        , m_context(context)
        , m_lifetime(m_entry.envelope.sender.isNull() ? context.settings.bounceLifetime
                                                      : context.settings.lifetime)
    {
        decide();
    }

    [[nodiscard]] bool hasReports() const { return !m_reports.empty(); }
    Settlement run();

private:
    /// The fate of one recipient that was tried, or is overdue for a warning.
    struct Decision {
        size_t recipient = 0;
        Kind kind = Kind::Deferred;
        smtp::Reply reply;
        bool isWarned = false;  ///< A delay warning is made now.
    };
    void decide();
    void decideOne(size_t recipient, const Outcome &outcome);
    void report(size_t recipient, DsnAction action, const smtp::Reply &reply);
    void writeProgress(Settlement &settlement) const;
    void writeReports(Settlement &settlement);
    [[nodiscard]] DeliveryEvent eventFor(const Decision &decision) const;
    [[nodiscard]] QByteArray reportIdFor(size_t recipient) const;

    const ActiveMessage &m_message;
    const spool::Entry &m_entry;
    const SettlementContext &m_context;
    std::chrono::seconds m_lifetime;
    std::vector<Decision> m_decisions;
    std::map<DsnAction, std::vector<DsnRecipient>> m_reports;
    std::map<size_t, DsnAction> m_reported;
    std::map<DsnAction, QByteArray> m_reportIds;
    bool m_isSomebodyWaiting = false;
    bool m_isSomebodyDeferred = false;
    quint32 m_attempts = 0;
    QByteArray m_reason;
};

void Settler::decide()
{
    for (size_t i = 0; i < m_entry.progress.size(); ++i) {
        if (m_entry.progress[i].state != spool::RecipientState::Pending) {
            continue;
        }
        if (m_message.outcomes[i]) {
            decideOne(i, *m_message.outcomes[i]);
        } else {
            m_isSomebodyWaiting = true;
        }
    }
}

void Settler::decideOne(size_t index, const Outcome &outcome)
{
    const mail::Recipient &recipient = m_entry.envelope.recipients[index];
    const spool::RecipientProgress &progress = m_entry.progress[index];
    Decision decision{index, Kind::Delivered, outcome.reply, false};
    if (outcome.kind == Outcome::Kind::Delivered) {
        const DsnAction action = outcome.isFinalDelivery ? DsnAction::Delivered
                                                         : DsnAction::Relayed;
        if (!outcome.passedDsnOn && wantsDsn(m_entry.envelope, recipient, action)) {
            report(index, action, outcome.reply);
        }
    } else if (outcome.kind == Outcome::Kind::Failed || m_context.age >= m_lifetime) {
        const bool isExpired = outcome.kind != Outcome::Kind::Failed;
        decision.kind = isExpired ? Kind::Expired : Kind::Bounced;
        if (wantsDsn(m_entry.envelope, recipient, DsnAction::Failed)) {
            report(index, DsnAction::Failed, outcome.reply);
        }
    } else {
        decision.kind = Kind::Deferred;
        m_isSomebodyWaiting = true;
        m_isSomebodyDeferred = true;
        m_attempts = std::max(m_attempts, progress.attempts + 1);
        m_reason = outcome.reply.toLine();
        const std::chrono::seconds warning = m_context.settings.delayWarning;
        if (warning.count() > 0 && m_context.age >= warning && !progress.isDelayReported
            && wantsDsn(m_entry.envelope, recipient, DsnAction::Delayed)) {
            decision.isWarned = true;
            report(index, DsnAction::Delayed, outcome.reply);
        }
    }
    m_decisions.push_back(std::move(decision));
}

void Settler::report(size_t index, DsnAction action, const smtp::Reply &reply)
{
    const Outcome &outcome = *m_message.outcomes[index];
    m_reports[action].push_back({m_entry.envelope.recipients[index], action, reply,
                                 outcome.isFromNextHop, outcome.remoteMta, outcome.time});
    m_reported[index] = action;
}

Settlement Settler::run()
{
    Settlement settlement;
    settlement.isLeaving = !m_isSomebodyWaiting;
    writeReports(settlement);
    if (settlement.isLeaving) {
        settlement.transaction.remove(m_entry.id);
    } else {
        writeProgress(settlement);
    }
    for (const Decision &decision : m_decisions) {
        if (m_message.committed[decision.recipient]) {
            continue;  // Told when its delivery was written.
        }
        settlement.events.push_back(eventFor(decision));
        if (decision.isWarned) {
            DeliveryEvent warning = settlement.events.back();
            warning.kind = Kind::Delayed;
            settlement.events.push_back(std::move(warning));
        }
    }
    return settlement;
}

void Settler::writeProgress(Settlement &settlement) const
{
    spool::Transaction &transaction = settlement.transaction;
    for (const Decision &decision : m_decisions) {
        const Outcome &outcome = *m_message.outcomes[decision.recipient];
        const int index = static_cast<int>(decision.recipient);
        if (!m_message.committed[decision.recipient]) {
            spool::Transaction::Attempt attempt;
            attempt.recipient = index;
            attempt.reply = decision.reply.toLine();
            attempt.nextHop = outcome.nextHop;
            attempt.time = outcome.time;
            if (decision.kind == Kind::Delivered) {
                attempt.state = spool::RecipientState::Delivered;
            } else if (decision.kind != Kind::Deferred) {
                attempt.state = spool::RecipientState::Failed;
            }
            transaction.recordAttempt(m_entry.id, std::move(attempt));
        }
        if (decision.isWarned) {
            transaction.setDelayReported(m_entry.id, index);
        }
    }
    if (m_isSomebodyDeferred) {
        const auto wait = std::max(
            m_context.settings.messageBackoff.waitAfter(m_attempts, m_context.random),
            m_context.shortestWait);
        transaction.addHistory(m_entry.id, m_context.now, m_reason);
        transaction.setNextAttempt(m_entry.id, m_context.now + wait, m_reason);
    }
}

void Settler::writeReports(Settlement &settlement)
{
    const DeliverySettings &settings = m_context.settings;
    for (auto &[action, recipients] : m_reports) {
        DsnRequest request;
        request.queueId = m_entry.id;
        request.envelope = m_entry.envelope;
        request.arrival = m_entry.receivedAt;
        request.reportingMta = settings.heloName;
        request.postmaster = settings.postmaster.isEmpty() ? "postmaster@" + settings.heloName
                                                           : settings.postmaster;
        request.maxReturnedBytes = settings.maxReturnedBytes;
        request.willRetryUntil = m_context.now
                                 + std::max(std::chrono::microseconds(0),
                                            m_lifetime - m_context.age);
        request.recipients = std::move(recipients);

        spool::Entry entry;
        entry.id = m_context.nextQueueId();
        m_reportIds[action] = entry.id;
        entry.content = makeDsn(request, m_entry.content, entry.id, m_context.now);
        entry.stage = spool::Stage::Deliverable;
        // Goes back to where the message came from.
        entry.direction = m_entry.direction == mail::Direction::In ? mail::Direction::Out
                                                                   : mail::Direction::In;
        entry.envelope.recipients.push_back({m_entry.envelope.sender, {}, {}});
        entry.envelope.body = mail::BodyType::EightBitMime;
        entry.envelope.isSmtpUtf8 = !m_entry.envelope.sender.isAscii();
        entry.receivedAt = m_context.now;
        entry.origin = "bounce";
        settlement.transaction.add(std::move(entry));
    }
}

QByteArray Settler::reportIdFor(size_t recipient) const
{
    const auto reported = m_reported.find(recipient);
    return reported == m_reported.end() ? QByteArray() : m_reportIds.at(reported->second);
}

DeliveryEvent Settler::eventFor(const Decision &decision) const
{
    DeliveryEvent event = describe(m_message, decision.recipient, decision.kind, m_context.age);
    event.dsnQueueId = reportIdFor(decision.recipient);
    return event;
}

}  // namespace

DeliveryEvent describe(const ActiveMessage &message,
                       size_t recipient,
                       DeliveryEvent::Kind kind,
                       std::chrono::microseconds age)
{
    const spool::Entry &entry = message.entry;
    const Outcome &outcome = *message.outcomes[recipient];
    DeliveryEvent event;
    event.kind = kind;
    event.queueId = entry.id;
    event.origin = entry.origin;
    event.note = entry.note;
    event.direction = entry.direction;
    event.sender = entry.envelope.sender;
    event.recipient = entry.envelope.recipients[recipient];
    event.nextHop = outcome.nextHop;
    event.reply = outcome.reply;
    event.tls = outcome.tls;
    event.tlsPolicy = outcome.tlsReport;
    event.delay = age;
    event.size = message.size;
    return event;
}

Settlement settle(const ActiveMessage &message, const SettlementContext &context)
{
    return Settler(message, context).run();
}

bool needsContent(const ActiveMessage &message, const SettlementContext &context)
{
    return Settler(message, context).hasReports();
}

}  // namespace portcullis::delivery
