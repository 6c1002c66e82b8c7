// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

/// What is done to values of header fields before they are cut into tokens, so that what is different in
/// every message goes and what tells senders apart stays. Behaviour of SpamAssassin 4.0.1.
namespace portcullis::spam {

/// Fields that make no tokens: what others said about the message, lists, annotations, noise.
bool isIgnoredField(QByteArrayView name);
/// Signatures and keys: only that they are there.
bool isPresenceOnlyField(QByteArrayView name);
bool isMessageIdField(QByteArrayView name);
bool isAddressField(QByteArrayView name);

QByteArray chewContentType(QByteArray value);
QByteArray chewMessageId(const QByteArray &value);
QByteArray chewReceived(const QByteArray &value);
/// "[ ip=192.0.2.1 rdns=…" without the names of the parts.
QByteArray chewRelays(QByteArrayView value);
/// Words of the display names, and the parts of the addresses. `labels` bounds the parts of a domain.
QByteArray chewAddresses(const QByteArray &value, int labels);

/// The short name under which tokens of a field are kept ("*F" for From), or the name itself.
QByteArray shortFieldName(const QByteArray &name);
/// Fields that are also taken together: "*MI", "*Ad", "*UA"; empty for others.
QByteArray groupOfField(QByteArrayView name);

}  // namespace portcullis::spam
