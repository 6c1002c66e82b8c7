// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QString>

namespace portcullis {

/// Where the appliance keeps its files: below `/` when installed, below DIR under `--root DIR` or
/// PMG_ROOT=DIR. The layout is the same in both cases. Immutable value; copy freely.
class Paths
{
public:
    /// `root` is an absolute directory; empty means the installed layout.
    explicit Paths(QString root = {});

    /// `--root` if given, else the environment variable PMG_ROOT, else the installed layout.
    static Paths fromOption(const QString &rootOption);

    [[nodiscard]] bool isPrivateRoot() const { return !m_root.isEmpty(); }
    [[nodiscard]] QString root() const { return m_root; }

    [[nodiscard]] QString etc() const;    ///< /etc/pmg: pmg.conf, domains, transport, …
    [[nodiscard]] QString lib() const;    ///< /var/lib/pmg: rules cache, templates, ClamAV data.
    [[nodiscard]] QString run() const;    ///< /run/pmg: sockets, pid file.
    [[nodiscard]] QString log() const;    ///< /var/log/pmg
    [[nodiscard]] QString spool() const;  ///< /var/spool/pmg
    [[nodiscard]] QString queue() const;  ///< /var/spool/pmg/queue: the durable mail queue.
    [[nodiscard]] QString events()
        const;  ///< /var/spool/pmg/events: tracking events not yet stored.
    [[nodiscard]] QString scratch() const;   ///< /var/spool/pmg/scratch: unnamed temporary files.
    [[nodiscard]] QString postgres() const;  ///< /var/lib/pmg/postgres: the private PostgreSQL.
    [[nodiscard]] QString rulesCache()
        const;  ///< /var/lib/pmg/rules/current.json: last rules known.
    [[nodiscard]] QString virusDatabase() const;  ///< /var/lib/clamav

    [[nodiscard]] QString filterSocket() const;    ///< /run/pmg/filter.sock (verdict protocol).
    [[nodiscard]] QString controlSocket() const;   ///< /run/pmg/smtpd.sock (queue control).
    [[nodiscard]] QString archiveSocket() const;   ///< /run/pmg/archive.sock (archive inspector).
    [[nodiscard]] QString resolverSocket() const;  ///< /run/pmg/resolver.sock (DNS for filters).
    [[nodiscard]] QString fingerprintSocket()
        const;  ///< /run/pmg/fingerprints.sock (Razor and Pyzor for filters).

private:
    [[nodiscard]] QString below(const char *path) const;
    QString m_root;
};

}  // namespace portcullis
