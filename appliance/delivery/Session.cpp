// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Session.h"

#include <algorithm>

namespace portcullis::delivery {

namespace {

constexpr int mostReturns = 3;

}  // namespace

Session::Session(Destination &destination,
                 std::shared_ptr<const HostList> hosts,
                 std::shared_ptr<const DeliverySettings> settings,
                 TlsContexts &tls,
                 SessionOwner &owner,
                 QObject *parent)
    : QObject(parent)
    , m_destination(destination)
    , m_settings(std::move(settings))
    , m_walk(destination.route(), std::move(hosts), m_settings, tls)
    , m_owner(owner)
{
}

Session::~Session() = default;

void Session::start()
{
    connectToHost();
}

void Session::connectToHost()
{
    m_isConnecting = true;
    if (const auto objection = m_walk.objection()) {
        m_connection.clear();  // That of the host before says nothing about this one.
        QMetaObject::invokeMethod(
            this, [this, problem = *objection] { tryNextHost(problem); }, Qt::QueuedConnection);
        return;
    }
    m_connection = new smtp::ClientConnection(m_walk.target(), *this, this);
    m_connection->open();
}

void Session::onReady(smtp::ClientConnection &)
{
    if (std::exchange(m_isConnecting, false)) {
        m_owner.onSessionReady(*this);
    }
    if (m_isAborted) {
        return;
    }
    if (m_job) {
        sendJob();
    } else {
        m_owner.onSessionFree(*this);
    }
}

void Session::run(Job job)
{
    m_job = std::move(job);
    m_wasKept = m_connection->transactions() > 0;
    sendJob();
}

void Session::sendJob()
{
    m_interruption.reset();
    m_isFateUnknown = false;
    ActiveMessage &message = *m_job->message;
    if (message.isGone || !m_owner.loadContent(message)) {
        m_owner.onJobDone(std::move(*std::exchange(m_job, std::nullopt)));
        // Later, so that a row of unreadable messages does not pile up on the stack.
        QMetaObject::invokeMethod(
            this,
            [this] {
                if (!m_job && m_connection && m_connection->isReady()) {
                    m_owner.onSessionFree(*this);
                }
            },
            Qt::QueuedConnection);
        return;
    }
    smtp::OutgoingMail mail;
    mail.content = message.entry.content;
    if (m_job->recipients.size() == message.entry.envelope.recipients.size()) {
        mail.envelope = message.entry.envelope;
    } else {
        const mail::Envelope &whole = message.entry.envelope;
        mail.envelope.sender = whole.sender;
        mail.envelope.body = whole.body;
        mail.envelope.isSmtpUtf8 = whole.isSmtpUtf8;
        mail.envelope.envelopeId = whole.envelopeId;
        mail.envelope.dsnReturn = whole.dsnReturn;
        for (const int recipient : m_job->recipients) {
            mail.envelope.recipients.push_back(whole.recipients[static_cast<size_t>(recipient)]);
        }
    }
    m_connection->send(std::move(mail));
}

Outcome Session::makeOutcome(const smtp::Reply &reply, bool isFromNextHop) const
{
    Outcome outcome;
    outcome.kind = Outcome::kindOf(reply);
    outcome.reply = reply;
    outcome.isFromNextHop = isFromNextHop;
    outcome.time = m_owner.wallNow();
    outcome.isFinalDelivery = m_destination.route().nextHop.protocol == config::Protocol::Lmtp;
    if (m_connection != nullptr) {
        outcome.nextHop = m_connection->target().toText();
        outcome.remoteMta = m_connection->target().hostName;
        outcome.tls = m_connection->tls();
    }
    outcome.tlsReport = tlsReport();
    return outcome;
}

void Session::onResult(smtp::ClientConnection &, smtp::MailResult result)
{
    std::vector<int> undecided;
    for (size_t i = 0; i < result.recipients.size(); ++i) {
        const smtp::RecipientResult &answer = result.recipients[i];
        if (answer.by == smtp::RecipientResult::By::Connection) {
            undecided.push_back(m_job->recipients[i]);
            m_interruption = answer.reply;
            continue;
        }
        Outcome outcome = makeOutcome(answer.reply, answer.by == smtp::RecipientResult::By::Server);
        outcome.passedDsnOn = result.passedDsnOn;
        m_owner.onOutcome(*m_job, m_job->recipients[i], std::move(outcome));
    }
    if (!undecided.empty()) {
        // The connection is about to be closed; onClosed() decides what becomes of the rest.
        m_job->recipients = std::move(undecided);
        m_isFateUnknown = result.isFateUnknown;
        return;
    }
    m_owner.onJobDone(std::move(*std::exchange(m_job, std::nullopt)));
    if (m_connection->isReady()) {
        m_owner.onSessionFree(*this);
    }
    // Otherwise RSET is on its way, and onReady() tells when the connection is free.
}

void Session::onClosed(smtp::ClientConnection &connection, const Error &reason)
{
    const smtp::Reply reply = HostWalk::replyFor(connection, reason);
    if (m_isAborted) {
        connection.deleteLater();
        giveUp(reply);
        return;
    }
    if (m_isConnecting) {
        connection.deleteLater();
        if (m_walk.mayRepeatWithoutTls(reason)) {
            connectToHost();
        } else {
            m_walk.noteFailure(reason);
            tryNextHost(reply);
        }
        return;
    }
    if (!m_job) {
        connection.deleteLater();
        m_owner.onSessionEnded(*this);
        return;
    }
    if (m_wasKept && m_job->returns < mostReturns && !m_isFateUnknown) {
        // Servers close unused connections when they like; that says nothing about the message.
        connection.deleteLater();
        ++m_job->returns;
        if (connection.failureReply().code == 421) {
            m_destination.mailsAConnection = std::max(1, connection.transactions() - 1);
        }
        m_owner.onJobReturned(*this, std::move(*std::exchange(m_job, std::nullopt)));
        m_owner.onSessionEnded(*this);
        return;
    }
    const smtp::Reply why = m_interruption.value_or(reply);
    connection.deleteLater();
    if (!m_isFateUnknown && m_walk.hasNext()) {
        tryNextHost(why);
        return;
    }
    const bool isSentAway = connection.failureReply().code == 421;
    deferJob(why, isSentAway);
    if (isSentAway) {
        m_owner.onUnreachable(*this, why);
    }
    m_owner.onSessionEnded(*this);
}

void Session::tryNextHost(const smtp::Reply &reason)
{
    if (!reason.isPermanent() && !m_isAborted && m_walk.hasNext()) {
        m_walk.next();
        m_wasKept = false;
        connectToHost();
        return;
    }
    giveUp(reason);
}

void Session::giveUp(const smtp::Reply &reason)
{
    if (m_isAborted) {
        if (m_job) {
            m_owner.onJobDone(std::move(*std::exchange(m_job, std::nullopt)));
        }
    } else if (m_job) {
        deferJob(reason, false);
    } else {
        m_owner.onUnreachable(*this, reason);
    }
    m_owner.onSessionEnded(*this);
}

void Session::deferJob(const smtp::Reply &reply, bool isFromNextHop)
{
    for (const int recipient : m_job->recipients) {
        m_owner.onOutcome(*m_job, recipient, makeOutcome(reply, isFromNextHop));
    }
    m_owner.onJobDone(std::move(*std::exchange(m_job, std::nullopt)));
}

void Session::quit()
{
    m_connection->quit();
}

void Session::abort()
{
    m_isAborted = true;
    if (m_connection != nullptr) {
        m_connection->abort();
    }
}

int Session::transactions() const
{
    return m_connection == nullptr ? 0 : m_connection->transactions();
}

bool Session::isWorthKeeping() const
{
    return m_connection && m_connection->isReady()
           && transactions()
                  < std::min(m_settings->connections.messages, m_destination.mailsAConnection)
           && std::chrono::steady_clock::now() - m_connection->openedAt()
                  < m_settings->connections.age;
}

}  // namespace portcullis::delivery
