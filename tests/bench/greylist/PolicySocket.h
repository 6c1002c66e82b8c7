// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/Greylist.h"

#include <QtCore/QByteArray>

namespace portcullis::bench {

/// The triplet number `index` of a run; they all differ, also as greylisting compares them.
struct TestTriplet {
    QByteArray client;
    QByteArray sender;
    QByteArray recipient;
};
TestTriplet tripletAt(quint32 index);

/// Answers Postfix's policy requests on a unix socket, a thread for each connection, until killed.
int serve(const QByteArray &socket, policy::greylist::Greylist &greylist);

/// Asks whoever listens on the socket for known triplets out of `triplets`, on several connections,
/// and prints requests a second and how many were deferred.
int ask(const QByteArray &socket, quint32 triplets, int connections, int seconds);

}  // namespace portcullis::bench
