// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Network.h"

#include <QtCore/QByteArray>

#include <vector>

namespace portcullis::config {

/// An address of one of our network interfaces.
struct Interface {
    QHostAddress address;
    int prefix = 0;
};

/// What the configuration's defaults depend on. A value, so that tests can describe any machine.
struct Machine {
    QByteArray hostName;  ///< "mx1"
    QByteArray domain;    ///< "example.com"; "localdomain" if none is known.
    qint64 memoryMegabytes = 0;
    std::vector<Interface> interfaces;  ///< Those that are up, without loopback and link-local.

    /// This machine. Reads /etc/hosts and /etc/resolv.conf instead of asking DNS, which may hang.
    static Machine current();
};

/// @name Defaults by memory, as in the guides.
/// @{
int defaultMaxFilters(qint64 memoryMegabytes);
int defaultMaxSmtpd(qint64 memoryMegabytes);
int defaultMaxPolicy(qint64 memoryMegabytes);
/// @}

}  // namespace portcullis::config
