// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtNetwork/QHostAddress>

namespace portcullis::policy {

/// One question of Postfix's SMTP access policy delegation protocol (SMTPD_POLICY_README): the
/// attributes that we decide by. Unknown attributes are passed over, as the protocol demands.
struct DelegationRequest {
    QByteArray protocolState;  ///< "CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE" …
    QHostAddress clientAddress;
    QByteArray clientName;  ///< Confirmed by its address; empty: unknown.
    QByteArray helo;
    mail::Address sender;  ///< May be null.
    mail::Address recipient;
    QByteArray saslUser;  ///< Empty: the client did not log in.
    QByteArray instance;  ///< The same for all questions about one message.
    QByteArray queueId;
    QByteArray problem;  ///< What could not be understood; empty: the question is sound.

    /// Takes over one `name=value`. A line without `=`, or a value that cannot be what its name
    /// says, is noted in `problem`; the first one stays.
    void setAttribute(QByteArrayView line);

    /// Notes what the protocol needs and the question has not: the last step after its attributes.
    void finish();

private:
    void setAddress(QByteArrayView name, const QByteArray &value, mail::Address &address);
    void complain(const QByteArray &what);

    bool m_isPolicyRequest = false;
};

}  // namespace portcullis::policy
