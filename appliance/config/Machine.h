// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Network.h"

#include <QtCore/QByteArray>

#include <vector>

namespace portcullis::config {

/// What the configuration's defaults depend on. A value, so that tests can describe any machine.
struct Machine {
    QByteArray hostName;  ///< "mx1"
    QByteArray domain;    ///< "example.com"; "localdomain" if none is known.
    qint64 memoryMegabytes = 0;
    std::vector<Network> interfaces;  ///< Address and prefix of each interface, loopback left out.

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
