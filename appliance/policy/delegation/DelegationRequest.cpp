// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/delegation/DelegationRequest.h"

#include <QtCore/QString>

namespace portcullis::policy {

namespace {

constexpr qsizetype longestQuote = 60;  ///< Of foreign text in a complaint.

/// Postfix gives addresses without the quotes of RFC 5321: `a b@example.org`.
Result<mail::Address> unquotedAddress(const QByteArray &value)
{
    auto address = mail::Address::parse(value);
    const qsizetype at = value.lastIndexOf('@');
    if (address || at <= 0) {
        return address;
    }
    QByteArray quoted("\"");
    for (const char c : value.first(at)) {
        if (c == '"' || c == '\\') {
            quoted.append('\\');
        }
        quoted.append(c);
    }
    return mail::Address::parse(quoted + '"' + value.sliced(at));
}

QByteArray knownName(const QByteArray &value)
{
    return value == "unknown" ? QByteArray() : value;
}

}  // namespace

void DelegationRequest::complain(const QByteArray &what)
{
    if (problem.isEmpty()) {
        problem = what;
    }
}

void DelegationRequest::setAddress(QByteArrayView name,
                                   const QByteArray &value,
                                   mail::Address &address)
{
    address = {};
    if (value.isEmpty()) {
        return;
    }
    auto parsed = unquotedAddress(value);
    if (parsed) {
        address = *std::move(parsed);
    } else {
        complain(name.toByteArray() + ": not an address: " + value.left(longestQuote));
    }
}

void DelegationRequest::setAttribute(QByteArrayView line)
{
    const qsizetype equals = line.indexOf('=');
    if (equals <= 0) {
        complain("a line that is no attribute: " + line.toByteArray().left(longestQuote));
        return;
    }
    const QByteArrayView name = line.first(equals);
    const QByteArray value = line.sliced(equals + 1).toByteArray();
    if (name == QByteArrayView("request")) {
        m_isPolicyRequest = value == "smtpd_access_policy";
    } else if (name == QByteArrayView("protocol_state")) {
        protocolState = value.toUpper();
    } else if (name == QByteArrayView("client_address")) {
        if (!clientAddress.setAddress(QString::fromLatin1(value))) {
            complain("client_address: not an address: " + value.left(longestQuote));
        }
    } else if (name == QByteArrayView("client_name")) {
        clientName = knownName(value);
    } else if (name == QByteArrayView("helo_name")) {
        helo = value;
    } else if (name == QByteArrayView("sender")) {
        setAddress(name, value, sender);
    } else if (name == QByteArrayView("recipient")) {
        setAddress(name, value, recipient);
    } else if (name == QByteArrayView("sasl_username")) {
        saslUser = value;
    } else if (name == QByteArrayView("instance")) {
        instance = value;
    } else if (name == QByteArrayView("queue_id")) {
        queueId = value;
    }
}

void DelegationRequest::finish()
{
    if (!m_isPolicyRequest) {
        complain("request is not smtpd_access_policy");
    }
    if (protocolState.isEmpty()) {
        complain("protocol_state is missing");
    }
    if (protocolState == "RCPT" && clientAddress.isNull()) {
        complain("client_address is missing");
    }
    if (protocolState == "RCPT" && recipient.isNull()) {
        complain("recipient is missing");
    }
}

}  // namespace portcullis::policy
