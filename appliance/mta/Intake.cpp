// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/Intake.h"

#include "appliance/base/Log.h"
#include "appliance/mta/RelayPolicy.h"
#include "appliance/mta/TraceHeader.h"

namespace portcullis::mta {

namespace {

/// A message may take a worker with it once by accident. Twice is the message's fault (F9).
constexpr int crashesUntilQuarantine = 2;

const smtp::Reply &noRoomReply()
{
    static const smtp::Reply reply{452, "4.3.1", "Not enough space to take mail, try again later"};
    return reply;
}

smtp::Reply replyFor(const Error &error)
{
    // The queue is full, or the filter had no room for its copy of the message (F3).
    if (error.id == "spool.full" || error.id == "content.storage") {
        return noRoomReply();
    }
    if (error.isTransient()) {
        return {451, "4.3.0", "The message could not be processed now, try again later"};
    }
    return {554, "5.3.0", "The message cannot be processed: " + error.detail.toUtf8()};
}

}  // namespace

Intake::Intake(const Services &services,
               std::unique_ptr<policy::SessionPolicy> policy,
               smtp::SessionControl &control,
               mail::Direction direction,
               Peer peer)
    : m_services(services)
    , m_policy(std::move(policy))
    , m_control(control)
    , m_direction(direction)
    , m_peer(peer)
    , m_config(services.config.get())
{
}

policy::SessionFacts Intake::facts() const
{
    return {m_direction,       m_control.client(),         {},
            m_request.queueId, &m_request.envelope.sender, m_candidate ? &*m_candidate : nullptr};
}

/// Continues with `next` if the policy has no objection, else refuses.
policy::SessionPolicy::Done Intake::whenAllowed(Next next)
{
    return [this, next](const std::optional<policy::Refusal> &refusal) {
        if (m_isClosed) {
            return;
        }
        if (refusal) {
            refuse(*refusal);
        } else {
            (this->*next)();
        }
    };
}

void Intake::refuse(const policy::Refusal &refusal)
{
    const smtp::Reply reply{refusal.code, refusal.enhanced, refusal.text};
    track(reply, refusal.check, refusal.detail);
    m_candidate.reset();
    m_control.answer(reply);
}

void Intake::refuse(const smtp::Reply &reply, const char *check)
{
    track(reply, check, {});
    m_candidate.reset();
    m_control.answer(reply);
}

void Intake::track(const smtp::Reply &reply, const char *check, const QJsonObject &detail)
{
    tracking::TrackingEvent event;
    event.kind = tracking::EventKind::Refused;
    event.direction = m_direction;
    event.queueId = m_request.queueId;
    event.client = clientText(m_control.client());
    event.sender = m_request.envelope.sender.toString();
    if (m_candidate) {
        event.recipients.push_back(m_candidate->address.toString());
    }
    event.reply = reply.toLine();
    event.detail = detail;
    event.detail.insert(QLatin1String("check"), QLatin1String(check));
    m_services.journal.append(std::move(event));
}

void Intake::onConnect()
{
    m_place = m_services.clientLimits.connect(m_control.client().address);
    if (m_place.verdict() != policy::ClientLimits::Verdict::Allowed) {
        const bool isRate = m_place.verdict() == policy::ClientLimits::Verdict::TooFast;
        const smtp::Reply reply{421, "4.7.0",
                                isRate
                                    ? "Too many connections from your network a minute, slow down"
                                    : "Too many connections from your network at once"};
        track(reply, "client-limit", {});
        m_control.answerAndClose(reply);
        return;
    }
    m_policy->atConnect(facts(), whenAllowed(&Intake::greet));
}

void Intake::greet()
{
    m_control.answer({220, {}, m_config->mail.banner});
}

void Intake::onHelo(const QByteArray &name, bool /*isExtended*/)
{
    policy::SessionFacts known = facts();
    known.helo = name;
    m_policy->atHelo(known, whenAllowed(&Intake::acceptHelo));
}

void Intake::acceptHelo()
{
    m_control.answer({250, {}, "at your service"});
}

void Intake::onMail(const smtp::MailCommand &command)
{
    m_config = m_services.config.get();
    m_request = {};
    m_candidate.reset();
    m_request.direction = m_direction;
    m_request.queueId = m_services.spool.nextQueueId();
    mail::Envelope &envelope = m_request.envelope;
    envelope.sender = command.sender;
    envelope.body = command.body;
    envelope.isSmtpUtf8 = command.isSmtpUtf8;
    envelope.envelopeId = command.envelopeId;
    envelope.dsnReturn = command.dsnReturn;
    if (!m_services.spool.hasRoomFor(command.declaredSize.value_or(m_config->mail.maxSize))) {
        refuse(noRoomReply(), "storage");
        return;
    }
    if (m_peer == Peer::Postfix) {
        acceptMail();
        return;
    }
    const mail::Client &client = m_control.client();
    if (m_services.clientLimits.countMessage(client.address)
        != policy::ClientLimits::Verdict::Allowed) {
        refuse({450, "4.7.1", "Too many messages from your network a minute, slow down"},
               "client-limit");
        return;
    }
    if (const auto refusal = senderRefusal(*m_config, m_direction, client, command.sender)) {
        refuse(*refusal, "sender");
        return;
    }
    m_policy->atMail(facts(), whenAllowed(&Intake::acceptMail));
}

void Intake::acceptMail()
{
    m_control.answer({250, "2.1.0", "Ok"});
}

void Intake::onRcpt(const mail::Recipient &recipient)
{
    m_candidate = recipient;
    m_candidate->address = withDomain(*m_config, recipient.address);
    if (m_peer == Peer::Postfix) {
        acceptRcpt();
        return;
    }
    const mail::Client &client = m_control.client();
    if (const auto refusal = relayRefusal(*m_config, m_direction, client, m_candidate->address)) {
        refuse(*refusal, "relay");
        return;
    }
    if (m_services.clientLimits.countRecipient(client.address)
        != policy::ClientLimits::Verdict::Allowed) {
        refuse({450, "4.7.1", "Too many recipients from your network a minute, slow down"},
               "client-limit");
        return;
    }
    m_policy->atRcpt(facts(), whenAllowed(&Intake::acceptRcpt));
}

void Intake::acceptRcpt()
{
    m_request.envelope.recipients.push_back(*std::exchange(m_candidate, std::nullopt));
    m_control.answer({250, "2.1.5", "Ok"});
}

void Intake::onData()
{
    m_control.answer({354, {}, "End data with <CR><LF>.<CR><LF>"});
}

mail::ContentBuilder Intake::dataBuilder()
{
    m_request.client = m_control.client();
    if (m_request.client.name.isEmpty()) {
        m_request.client.name = m_policy->clientName();
    }
    m_request.session = m_policy->evidence();
    m_request.receivedAt = m_services.clock.wall();
    mail::ContentBuilder builder(m_services.paths.scratch());
    const QByteArray received = receivedField(*m_config, m_request.client, m_request.envelope,
                                              m_request.queueId, m_request.receivedAt);
    // A builder that cannot take a few hundred bytes fails on the message, too, and is answered then.
    static_cast<void>(builder.append(m_policy->headerFields() + received));
    return builder;
}

void Intake::onMessage(mail::Content content)
{
    if (countReceived(content.view()) > m_config->mail.hopcountLimit) {
        refuse({554, "5.4.6", "Too many hops: the message is in a mail loop"}, "loop");
        return;
    }
    m_request.content = std::move(content);
    m_request.isAccepted = !isSenderWaiting();
    m_crashes = 0;
    if (!m_config->mail.contentFilter) {
        queueAs(spool::Stage::Deliverable);
    } else if (m_config->mail.beforeQueueFiltering) {
        askFilter();
    } else {
        queueAs(spool::Stage::Unfiltered);
    }
}

void Intake::askFilter()
{
    m_filterTimer.start();
    const verdict::FilterJob::Settings settings{m_services.paths.filterSocket(),
                                                m_services.paths.scratch(),
                                                m_config->mail.beforeQueueTimeout};
    m_job = std::make_unique<verdict::FilterJob>(
        settings, m_request,
        [this](Result<verdict::FilterResponse> result) { onVerdict(std::move(result)); }, nullptr);
    m_job->start();
}

void Intake::onVerdict(Result<verdict::FilterResponse> result)
{
    m_job.reset();
    if (!result) {
        onFilterError(result.error());
        return;
    }
    const std::chrono::milliseconds time(m_filterTimer.elapsed());
    commit(outcomeOf(m_services, m_request, *result, time));
}

void Intake::onFilterError(const Error &error)
{
    log::write(log::Severity::Warning, "smtp.no-verdict", m_request.queueId,
               {{"id", error.id}, {"reason", error.detail.toUtf8()}});
    if (error.id == "filter.timeout") {
        queueAs(
            spool::Stage::
                Unfiltered);  // Slow, not wrong: judged after acceptance, without keeping the client.
    } else if (error.id != "filter.crashed") {
        defer(error);
    } else if (++m_crashes < crashesUntilQuarantine) {
        askFilter();
    } else {
        commit(filterFailureOutcome(m_services, m_request));
    }
}

void Intake::queueAs(spool::Stage stage)
{
    Outcome outcome;
    spool::Entry entry = entryOf(m_request, stage);
    entry.content = m_request.content;
    outcome.transaction.add(std::move(entry));
    commit(std::move(outcome));
}

void Intake::commit(Outcome outcome)
{
    auto shared = std::make_shared<Outcome>(std::move(outcome));
    if (shared->transaction.isEmpty()) {
        onCommitted(ok(), *shared);
        return;
    }
    m_services.spool.commit(std::move(shared->transaction), spool::Durability::Flushed, &m_context,
                            [this, shared](const Status &status) { onCommitted(status, *shared); });
}

void Intake::onCommitted(const Status &status, const Outcome &outcome)
{
    if (!status) {
        log::write(log::Severity::Error, "smtp.not-stored", m_request.queueId,
                   {{"id", status.error().id}, {"reason", status.error().detail.toUtf8()}});
        defer(status.error());
        return;
    }
    if (outcome.hasQuarantine) {
        m_services.wakeArchivist();
    }
    if (!outcome.isAllBlocked) {
        trackAccepted();
    }
    for (const tracking::TrackingEvent &event : outcome.events) {
        m_services.journal.append(event);
    }
    if (m_isClosed) {
        return;
    }
    m_policy->onAccepted();
    if (outcome.isAllBlocked && !mayRefuseBlocked()) {
        m_control.answer({250, "2.7.0", "BLOCKED (" + m_request.queueId + ')'});
        return;
    }
    if (outcome.isAllBlocked && !outcome.blockingReply.isEmpty()) {
        m_control.answer({550, "5.7.1", outcome.blockingReply + " (" + m_request.queueId + ')'});
        return;
    }
    if (outcome.isAllBlocked) {
        // Our own users are told the rule's name; strangers learn nothing of our rules.
        const QByteArray rule = m_direction == mail::Direction::Out
                                    ? " by rule '" + outcome.blockingRule.toUtf8() + '\''
                                    : QByteArray();
        m_control.answer({554, "5.7.1", "BLOCKED" + rule + " (" + m_request.queueId + ')'});
        return;
    }
    m_control.answer({250, "2.5.0", "OK (" + m_request.queueId + ')'});
}

void Intake::trackAccepted()
{
    tracking::TrackingEvent event = acceptedEvent(entryOf(m_request, spool::Stage::Deliverable),
                                                  m_request.content.size());
    if (!m_request.session.isEmpty()) {
        event.detail.insert(QLatin1String("session"), m_request.session.toJson());
    }
    m_services.journal.append(std::move(event));
}

/// Once Postfix has queued a message (it then tells its queue id), a refusal makes it write a bounce:
/// to a stranger whose address was forged, mostly. Only `ndr_on_block` asks for that.
bool Intake::mayRefuseBlocked() const
{
    return m_config->mail.ndrOnBlock || isSenderWaiting();
}

/// The sender's own server hears our answer, so that refusing makes nobody bounce.
bool Intake::isSenderWaiting() const
{
    return m_peer == Peer::Client
           || (m_config->mail.beforeQueueFiltering && m_request.client.ident.isEmpty());
}

void Intake::defer(const Error &error)
{
    if (!m_isClosed) {
        refuse(replyFor(error), "processing");
    }
}

void Intake::onReset()
{
    m_job.reset();
    m_request = {};
    m_candidate.reset();
    m_policy->onReset();
}

void Intake::onViolation(const smtp::Reply &reply, const QByteArray &reason)
{
    m_policy->onViolation();
    track(reply, "protocol", {{QLatin1String("violation"), QString::fromLatin1(reason)}});
}

void Intake::onClosed(const QByteArray & /*reason*/)
{
    m_isClosed = true;
    m_job.reset();  // Not accepted, so the message stays the client's (RFC 5321 §6.1).
    m_place = {};
}

}  // namespace portcullis::mta
