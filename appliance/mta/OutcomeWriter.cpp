// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/OutcomeWriter.h"

#include "appliance/delivery/Dsn.h"
#include "appliance/quarantine/QuarantineNote.h"

#include <algorithm>
#include <iterator>

namespace portcullis::mta {

namespace {

using verdict::Fate;

QByteArray originName(verdict::Origin origin)
{
    switch (origin) {
    case verdict::Origin::Bcc:
        return "bcc";
    case verdict::Origin::Notification:
        return "notification";
    case verdict::Origin::Original:
        break;
    }
    return "smtp";
}

/// Puts the entries of one message together. The first copy of the original keeps the queue id that
/// the sender was told, so that tracking leads from one to the other.
class OutcomeBuilder
{
public:
    OutcomeBuilder(const Services &services,
                   const verdict::FilterRequest &request,
                   const QByteArray &existingId)
        : m_services(services)
        , m_request(request)
        , m_existingId(existingId)
        , m_isIdTaken(!existingId.isEmpty())
    {
    }

    void add(spool::Stage stage,
             const QByteArray &origin,
             const mail::Envelope &envelope,
             const mail::Content &content,
             bool isOriginalContent,
             const QByteArray &note = {})
    {
        spool::Entry entry = entryOf(m_request, stage);
        const bool isOriginal = origin == "smtp";
        entry.origin = origin;
        entry.envelope = envelope;
        entry.note = note;
        if (isOriginal && !m_isIdTaken) {
            entry.id = m_request.queueId;
            m_isIdTaken = true;
        } else {
            entry.id = m_services.spool.nextQueueId();
            nameMailOf(entry, isOriginal, content.size());
        }
        if (isOriginalContent && !m_existingId.isEmpty()) {
            m_outcome.transaction.addWithContentOf(std::move(entry), m_existingId);
            return;
        }
        entry.content = content;
        m_outcome.transaction.add(std::move(entry));
    }

    void addQuarantine(const verdict::QuarantineItem &item, const mail::Content &content)
    {
        mail::Envelope envelope = m_request.envelope;
        envelope.recipients.clear();
        for (const mail::Address &address : item.recipients) {
            envelope.recipients.push_back({address, {}, {}});
        }
        add(spool::Stage::Quarantine, "smtp", envelope, content, item.content == 0,
            quarantine::QuarantineNote::of(item, m_request.queueId).toJson());
        m_outcome.hasQuarantine = true;
    }

    Outcome take()
    {
        if (!m_existingId.isEmpty()) {
            m_outcome.transaction.remove(m_existingId);
        }
        std::ranges::move(m_ownMail, std::back_inserter(m_outcome.events));
        return std::move(m_outcome);
    }

    Outcome &outcome() { return m_outcome; }

private:
    /// Tracking shows one mail, whatever the number of its copies: a further copy of the original is
    /// tracked under the id that the sender was told. A mail of our own has its own.
    void nameMailOf(spool::Entry &entry, bool isOriginal, qint64 size)
    {
        if (isOriginal) {
            if (entry.stage == spool::Stage::Deliverable) {
                entry.note = m_request.queueId;
            }
            return;
        }
        tracking::TrackingEvent accepted = acceptedEvent(entry, size);
        accepted.reason = QStringLiteral("%1 for %2")
                              .arg(QString::fromLatin1(entry.origin),
                                   QString::fromLatin1(m_request.queueId));
        m_ownMail.push_back(std::move(accepted));
    }

    const Services &m_services;
    const verdict::FilterRequest &m_request;
    const QByteArray &m_existingId;
    bool m_isIdTaken;
    std::vector<tracking::TrackingEvent> m_ownMail;  ///< Accepted events of copies and notices.
    Outcome m_outcome;
};

void addBlockNotice(OutcomeBuilder &builder,
                    const Services &services,
                    const verdict::FilterRequest &request,
                    const verdict::FilterResponse &response)
{
    delivery::DsnRequest dsn;
    for (size_t i = 0; i < response.fates.size(); ++i) {
        const mail::Recipient &recipient = request.envelope.recipients[i];
        if (response.fates[i].fate == Fate::Blocked
            && delivery::wantsDsn(request.envelope, recipient, delivery::DsnAction::Failed)) {
            dsn.recipients.push_back({recipient,
                                      delivery::DsnAction::Failed,
                                      {554, "5.7.1", "refused by the content policy"},
                                      false,
                                      {},
                                      services.clock.wall()});
        }
    }
    if (dsn.recipients.empty()) {
        return;
    }
    const auto config = services.config.get();
    dsn.queueId = request.queueId;
    dsn.envelope = request.envelope;
    dsn.arrival = request.receivedAt;
    dsn.reportingMta = config->fqdn;
    dsn.postmaster = config->admin.email;
    mail::Envelope envelope;
    envelope.recipients.push_back({request.envelope.sender, {}, mail::Notify::Never});
    envelope.isSmtpUtf8 = !request.envelope.sender.isAscii();
    envelope.body = mail::BodyType::EightBitMime;
    const mail::Content content = delivery::makeDsn(
        dsn, request.content, services.spool.nextQueueId(), services.clock.wall());
    builder.add(spool::Stage::Deliverable, "bounce", envelope, content, false);
}

}  // namespace

QByteArray clientText(const mail::Client &client)
{
    const QByteArray address = config::normalised(client.address).toString().toLatin1();
    return client.name.isEmpty() ? address : address + '[' + client.name + ']';
}

tracking::TrackingEvent acceptedEvent(const spool::Entry &entry, qint64 size)
{
    tracking::TrackingEvent event;
    event.at = entry.receivedAt;
    event.kind = tracking::EventKind::Accepted;
    event.direction = entry.direction;
    event.queueId = entry.id;
    event.client = clientText(entry.client);
    event.sender = entry.envelope.sender.toString();
    for (const mail::Recipient &recipient : entry.envelope.recipients) {
        event.recipients.push_back(recipient.address.toString());
    }
    event.size = size;
    event.tls = entry.client.tls;
    if (!entry.client.ident.isEmpty()) {
        event.detail.insert(QLatin1String("postfix_id"), QString::fromLatin1(entry.client.ident));
    }
    return event;
}

spool::Entry entryOf(const verdict::FilterRequest &request, spool::Stage stage)
{
    spool::Entry entry;
    entry.id = request.queueId;
    entry.stage = stage;
    entry.direction = request.direction;
    entry.client = request.client;
    entry.envelope = request.envelope;
    entry.receivedAt = request.receivedAt;
    if (stage == spool::Stage::Unfiltered) {
        entry.session = request.session;
    }
    entry.origin = "smtp";
    return entry;
}

Outcome outcomeOf(const Services &services,
                  const verdict::FilterRequest &request,
                  const verdict::FilterResponse &response,
                  std::chrono::milliseconds filterTime,
                  const QByteArray &existingId)
{
    OutcomeBuilder builder(services, request, existingId);
    for (const verdict::OutgoingMessage &message : response.outgoing) {
        builder.add(spool::Stage::Deliverable, originName(message.origin), message.envelope,
                    response.contents[message.content], message.content == 0);
    }
    for (const verdict::QuarantineItem &item : response.quarantined) {
        builder.addQuarantine(item, response.contents[item.content]);
    }
    Outcome &outcome = builder.outcome();
    outcome.isAllBlocked = std::ranges::all_of(
        response.fates, [](const auto &fate) { return fate.fate == Fate::Blocked; });
    if (outcome.isAllBlocked) {
        outcome.blockingRule = response.fates.front().rule;
        outcome.blockingReply = response.fates.front().reply;
    }
    // Refusing in the dialogue leaves the report to the client (RFC 5321 §3.7); after acceptance it
    // is ours to send.
    const bool isRefusable = existingId.isEmpty() && outcome.isAllBlocked;
    if (services.config.get()->mail.ndrOnBlock && !isRefusable) {
        addBlockNotice(builder, services, request, response);
    }
    outcome.events = tracking::eventsOf(request, response, services.clock.wall(), filterTime);
    return builder.take();
}

Outcome filterFailureOutcome(const Services &services,
                             const verdict::FilterRequest &request,
                             const QByteArray &existingId)
{
    verdict::QuarantineItem item;
    item.kind = verdict::QuarantineKind::FilterFailure;
    item.sender = request.envelope.sender;
    for (const mail::Recipient &recipient : request.envelope.recipients) {
        item.recipients.push_back(recipient.address);
    }
    item.rule = QStringLiteral("filter-failure");
    item.evidence.insert(QLatin1String("problems"),
                         QStringLiteral("the filter crashed or hung twice over this message"));
    OutcomeBuilder builder(services, request, existingId);
    builder.addQuarantine(item, request.content);
    tracking::TrackingEvent event;
    event.at = services.clock.wall();
    event.kind = tracking::EventKind::Quarantined;
    event.direction = request.direction;
    event.queueId = request.queueId;
    event.client = clientText(request.client);
    event.sender = request.envelope.sender.toString();
    for (const mail::Address &address : item.recipients) {
        event.recipients.push_back(address.toString());
    }
    event.size = request.content.size();
    event.rule = item.rule;
    event.reason = QStringLiteral("the filter crashed or hung twice over this message");
    builder.outcome().events.push_back(std::move(event));
    return builder.take();
}

}  // namespace portcullis::mta
