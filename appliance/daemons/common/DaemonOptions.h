// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/ConfigLoader.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QJsonObject>
#include <QtCore/QStringList>

namespace portcullis::daemons {

/// The command line that pmg-smtpd and pmg-smtp-filter share: the contract with the supervisor.
/// A wrong argument ends the process with usage on stderr and exit code 2.
class DaemonOptions
{
public:
    explicit DaemonOptions(const QString &description);

    QCommandLineParser &parser() { return m_parser; }
    void parse(const QStringList &arguments);

    [[nodiscard]] Paths paths() const;
    [[nodiscard]] config::Overrides overrides() const;
    [[nodiscard]] QString dsn() const;
    [[nodiscard]] bool isSet(const QString &option) const { return m_parser.isSet(option); }

    /// Tells the supervisor that we are up: one line of JSON to `--ready-fd`, which is then closed.
    void announceReady(const QJsonObject &line) const;

    /// Log to <log>/mail.log under a private root, to syslog otherwise.
    void openLog(const QByteArray &program) const;

private:
    [[noreturn]] void fail(const QString &problem) const;
    [[nodiscard]] std::optional<quint16> portOption(const QString &name) const;

    QCommandLineParser m_parser;
};

}  // namespace portcullis::daemons
