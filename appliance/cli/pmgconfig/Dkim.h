// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

/// The commands of pmgconfig about DKIM. Running programs notice the changes by themselves.
namespace portcullis::cli::configure {

struct SelectorRequest {
    QByteArray selector;
    int bits = 2048;
    bool force = false;  ///< Makes a new key though there is one.
};

/// Makes the key of a selector, unless there is one, and lets outgoing mail be signed with it.
/// Gives what to say. Errors: `dkim.selector`, `dkim.key`, those of the configuration.
Result<QString> setSelector(const Paths &paths, const SelectorRequest &request);

/// The TXT record to publish, as a zone file has it. `selector` empty: the current one.
Result<QByteArray> dnsRecord(const Paths &paths, const QByteArray &selector);

Result<QString> listDomains(const Paths &paths);
/// Adds a domain, or changes its comment. Error: `config.value`.
Status addDomain(const Paths &paths, const QByteArray &domain, const QString &comment);
/// Error: `dkim.domain`: it is not on the list.
Status removeDomain(const Paths &paths, const QByteArray &domain);

}  // namespace portcullis::cli::configure
