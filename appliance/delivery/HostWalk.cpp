// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/HostWalk.h"

namespace portcullis::delivery {

using config::TlsLevel;

HostWalk::HostWalk(Route route,
                   std::shared_ptr<const HostList> hosts,
                   std::shared_ptr<const DeliverySettings> settings,
                   TlsContexts &tls)
    : m_route(std::move(route))
    , m_hosts(std::move(hosts))
    , m_settings(std::move(settings))
    , m_tls(tls)
{
}

void HostWalk::next()
{
    ++m_index;
    m_isWithoutTls = false;
    m_failure.reset();
}

std::optional<smtp::Reply> HostWalk::objection() const
{
    if (host().tlsProblem.isEmpty()) {
        return std::nullopt;
    }
    return smtp::Reply{451, "4.7.5", host().tlsProblem};
}

smtp::ConnectionTarget HostWalk::target() const
{
    smtp::ConnectionTarget target;
    target.address = host().address;
    target.port = host().port;
    target.hostName = host().name;
    target.tls = host().tls;
    if (m_isWithoutTls) {
        target.tls = {};
    }
    target.settings.protocol = m_route.nextHop.protocol;
    target.settings.heloName = m_settings->heloName;
    target.settings.detectsLoop = !m_route.isConfigured;
    target.settings.limits = m_settings->replies;
    target.timeouts = m_settings->timeouts;
    target.tlsConfiguration = m_tls.of(target.tls.level);
    return target;
}

bool HostWalk::mayRepeatWithoutTls(const Error &reason)
{
    const smtp::PeerPolicy &policy = host().tls;
    const bool mayGoWithout = policy.level != TlsLevel::None && !policy.needsTls();
    if (m_isWithoutTls || !mayGoWithout || reason.id != "tls.handshake") {
        return false;
    }
    m_isWithoutTls = true;
    m_failure = reason;
    return true;
}

void HostWalk::noteFailure(const Error &reason)
{
    m_failure = reason;
}

smtp::Reply HostWalk::replyFor(const smtp::ClientConnection &connection, const Error &reason)
{
    const smtp::Reply &told = connection.failureReply();
    if (told.isTransient()) {
        return told;
    }
    const QByteArray text = connection.target().toText() + ": " + reason.detail.toUtf8();
    if (!reason.isTransient()) {
        return {554, "5.4.6", text};
    }
    if (!tlsResultOf(reason).isEmpty()) {
        return {451, reason.id.startsWith("tls.peer") ? "4.7.5" : "4.7.4", text};
    }
    return {451, reason.id == "smtp.connect" ? "4.4.1" : "4.4.2", text};
}

TlsReport HostWalk::report(const smtp::ClientConnection *connection) const
{
    TlsReport report = host().report;
    report.mx = host().name;
    if (!report.result.isEmpty()) {
        return report;
    }
    if (connection != nullptr && !connection->tls().isEmpty()) {
        const auto &problem = connection->peerProblem();
        report.result = problem ? tlsResultOf(*problem) : QByteArray("success");
        report.detail = problem ? problem->detail.toUtf8() : QByteArray();
    } else if (m_failure) {
        report.result = tlsResultOf(*m_failure);
        report.detail = report.result.isEmpty() ? QByteArray() : m_failure->detail.toUtf8();
    } else if (connection != nullptr && connection->features().isExtended
               && host().tls.level != TlsLevel::None) {
        report.result = "starttls-not-supported";
    }
    return report;
}

}  // namespace portcullis::delivery
