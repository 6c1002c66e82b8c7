// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/ProbeConnection.h"

namespace portcullis::delivery {

ProbeConnection::ProbeConnection(HostWalk walk,
                                 const ReceiverLimits &limits,
                                 ProbeOwner &owner,
                                 QByteArray route,
                                 QObject *parent)
    : QObject(parent)
    , m_walk(std::move(walk))
    , m_limits(limits)
    , m_owner(owner)
    , m_route(std::move(route))
{
}

ProbeConnection::~ProbeConnection() = default;

void ProbeConnection::open()
{
    connectToHost();
}

void ProbeConnection::connectToHost()
{
    if (const auto objection = m_walk.objection()) {
        QMetaObject::invokeMethod(
            this, [this, reason = *objection] { tryNextHost(reason); }, Qt::QueuedConnection);
        return;
    }
    smtp::ConnectionTarget target = m_walk.target();
    smtp::ClientTimeouts &timeouts = target.timeouts;
    for (auto *timeout : {&timeouts.connect, &timeouts.greeting, &timeouts.hello,
                          &timeouts.handshake, &timeouts.transaction}) {
        *timeout = std::min(*timeout, m_limits.probe);
    }
    m_connection = new smtp::ClientConnection(std::move(target), *this, this);
    m_connection->open();
}

void ProbeConnection::tryNextHost(const smtp::Reply &reason)
{
    if (m_walk.hasNext() && !reason.isPermanent()) {
        m_walk.next();
        connectToHost();
    } else {
        end(true, reason);
    }
}

void ProbeConnection::ask(const mail::Address &address)
{
    m_address = address;
    ++m_probes;
    smtp::OutgoingMail question;
    question.isProbe = true;
    question.envelope.recipients.push_back({address, {}, {}});
    m_connection->send(std::move(question));
}

void ProbeConnection::quit()
{
    m_hasQuit = true;
    m_connection->quit();
}

bool ProbeConnection::isWorthKeeping() const
{
    return m_connection && m_connection->isReady() && m_refusals < m_limits.refusals;
}

void ProbeConnection::onReady(smtp::ClientConnection &)
{
    m_isConnecting = false;
    if (!m_hasQuit) {
        m_owner.onProbeFree(*this);
    }
}

void ProbeConnection::onResult(smtp::ClientConnection &connection, smtp::MailResult result)
{
    const smtp::RecipientResult &answer = result.recipients.front();
    if (answer.by == smtp::RecipientResult::By::Connection) {
        return;  // onClosed() follows and tells why.
    }
    const mail::Address address = *std::exchange(m_address, std::nullopt);
    m_refusals += answer.reply.isPositive() ? 0 : 1;
    m_owner.onProbeAnswer(*this, address, answer);
    if (connection.isReady()) {
        m_owner.onProbeFree(*this);
    }
    // Otherwise RSET is on its way, and onReady() tells when the connection is free.
}

void ProbeConnection::onClosed(smtp::ClientConnection &connection, const Error &reason)
{
    const smtp::Reply reply = HostWalk::replyFor(connection, reason);
    connection.deleteLater();
    if (!m_isConnecting) {
        end(false, reply);
    } else if (m_walk.mayRepeatWithoutTls(reason)) {
        connectToHost();
    } else {
        tryNextHost(reply);
    }
}

void ProbeConnection::end(bool isUnreachable, const smtp::Reply &reason)
{
    m_owner.onProbeEnded(*this, m_address, isUnreachable, reason);
}

}  // namespace portcullis::delivery
