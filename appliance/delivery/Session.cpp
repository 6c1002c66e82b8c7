// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Session.h"

#include <algorithm>

namespace portcullis::delivery {

namespace {

using config::TlsLevel;

constexpr int mostReturns = 3;

/// Names a certificate may have: what the policy lists, with Postfix' words for the usual ones.
std::vector<QByteArray> namesToMatch(const config::TlsPolicy &policy,
                                     const QByteArray &hostName,
                                     const QByteArray &nextHop)
{
    std::vector<QByteArray> names = policy.match;
    if (names.empty()) {
        names = policy.level == TlsLevel::Verify
                    ? std::vector<QByteArray>{"hostname"}
                    : std::vector<QByteArray>{"nexthop", "dot-nexthop"};
    }
    for (QByteArray &name : names) {
        if (name == "hostname") {
            name = hostName;
        } else if (name == "nexthop") {
            name = nextHop;
        } else if (name == "dot-nexthop") {
            name = '.' + nextHop;
        }
    }
    std::erase_if(names, [](const QByteArray &name) { return name.isEmpty() || name == "."; });
    return names;
}

}  // namespace

Session::Session(Destination &destination,
                 std::shared_ptr<const HostList> hosts,
                 std::shared_ptr<const DeliverySettings> settings,
                 const QSslConfiguration &tls,
                 SessionOwner &owner,
                 QObject *parent)
    : QObject(parent)
    , m_destination(destination)
    , m_hosts(std::move(hosts))
    , m_settings(std::move(settings))
    , m_tls(tls)
    , m_owner(owner)
{
}

Session::~Session() = default;

void Session::start()
{
    connectToHost();
}

smtp::PeerPolicy Session::peerPolicy(const Host &host) const
{
    const config::TlsPolicy &policy = m_destination.route().tls;
    const QByteArray &nextHop = m_destination.route().nextHop.host;
    smtp::PeerPolicy peer;
    peer.level = policy.level;
    switch (policy.level) {
    case TlsLevel::Dane:
    case TlsLevel::DaneOnly:
        // RFC 7672 §2.2: no TLSA means opportunistic TLS, unusable TLSA means TLS without proof.
        peer.tlsa = host.tlsa;
        peer.daneNames = {host.name, nextHop};
        if (host.tlsa.empty()) {
            peer.level = host.mustEncrypt ? TlsLevel::Encrypt : TlsLevel::May;
        }
        break;
    case TlsLevel::Fingerprint:
        peer.match = policy.match;
        break;
    case TlsLevel::Verify:
    case TlsLevel::Secure:
        peer.match = namesToMatch(policy, host.name, nextHop);
        break;
    case TlsLevel::None:
    case TlsLevel::May:
    case TlsLevel::Encrypt:
        break;
    }
    if (m_isWithoutTls) {
        peer.level = TlsLevel::None;
    }
    return peer;
}

void Session::connectToHost()
{
    m_isConnecting = true;
    const Host &host = m_hosts->hosts[m_host];
    if (!host.daneProblem.isEmpty()) {
        const smtp::Reply problem{451, "4.7.5", host.daneProblem};
        QMetaObject::invokeMethod(
            this, [this, problem] { tryNextHost(problem); }, Qt::QueuedConnection);
        return;
    }
    smtp::ConnectionTarget target;
    target.address = host.address;
    target.port = host.port;
    target.hostName = host.name;
    target.tls = peerPolicy(host);
    target.settings.protocol = m_destination.route().nextHop.protocol;
    target.settings.heloName = m_settings->heloName;
    target.settings.detectsLoop = !m_destination.route().isConfigured;
    target.settings.limits = m_settings->replies;
    target.timeouts = m_settings->timeouts;
    target.tlsConfiguration = m_tls;
    m_connection = new smtp::ClientConnection(std::move(target), *this, this);
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

smtp::Reply Session::replyFor(const Error &reason) const
{
    const smtp::Reply &told = m_connection->failureReply();
    if (told.isTransient()) {
        return told;
    }
    const QByteArray text = m_connection->target().toText() + ": " + reason.detail.toUtf8();
    if (!reason.isTransient()) {
        return {554, "5.4.6", text};
    }
    if (reason.id.startsWith("tls.") || reason.id == "smtp.no-starttls"
        || reason.id == "smtp.starttls-injection") {
        return {451, reason.id == "tls.peer" ? "4.7.5" : "4.7.4", text};
    }
    return {451, reason.id == "smtp.connect" ? "4.4.1" : "4.4.2", text};
}

void Session::onClosed(smtp::ClientConnection &connection, const Error &reason)
{
    const smtp::Reply reply = replyFor(reason);
    if (m_isAborted) {
        connection.deleteLater();
        giveUp(reply);
        return;
    }
    if (m_isConnecting) {
        const bool mayGoWithout = connection.target().tls.level == TlsLevel::May
                                  && reason.id == "tls.handshake";
        connection.deleteLater();
        if (mayGoWithout) {
            m_isWithoutTls = true;
            connectToHost();
        } else {
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
    if (!m_isFateUnknown && m_host + 1 < m_hosts->hosts.size()) {
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
    m_isWithoutTls = false;
    if (!reason.isPermanent() && !m_isAborted && m_host + 1 < m_hosts->hosts.size()) {
        ++m_host;
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
