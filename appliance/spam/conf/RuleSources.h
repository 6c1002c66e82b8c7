// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QString>
#include <QtCore/QStringList>

#include <vector>

namespace portcullis::spam {

/// Where rules come from. The defaults are Debian's.
///
/// Order: `*.pre` of site and stock (none: what Debian's load), `pluginText`, then `*.cf` of stock, `settingsText`, then `*.cf` of
/// site, each in byte order of the names (sa-update's updates_spamassassin_org.cf first), then the files
/// of `last`, `candidates` and `extraText`.
struct RuleSources {
    QString stock = QStringLiteral("/usr/share/spamassassin");
    /// What sa-update downloaded; if the directory exists, it replaces `stock` entirely.
    QString updates = QStringLiteral("/var/lib/spamassassin/4.000001");
    /// The administrator's; a link to /etc/spamassassin on Debian, which is taken where it is missing.
    QString site = QStringLiteral("/etc/mail/spamassassin");
    bool needsSite =
        false;  ///< Whether it is an error that `site` is not there; else it has no rules.
    /// Files of `site` that have the last word there, so that what was typed into the console wins.
    QStringList last{QStringLiteral("custom.cf"), QStringLiteral("pmg-scores.cf"),
                     QStringLiteral("custom-scores.cf")};
    QByteArray pluginText;        ///< As another .pre file: plugins that pmg.conf switches on.
    QByteArray settingsText;      ///< What pmg.conf says; the site's files may say otherwise.
    QByteArray extraText;         ///< Has the very last word.
    QStringList candidates;       ///< Files read after the site's, to see what they would do.
    QByteArray locale = "en_US";  ///< `lang` lines for a language that this begins with are read.
    bool isLocalOnly = false;     ///< What `if (local_tests_only)` says.
};

/// One file or directory to look at again, to see whether it changed.
struct FileMark {
    QString path;
    quint64 inode = 0;
    qint64 bytes = 0;
    qint64 modified = 0;  ///< ns since 1970; 0: does not exist.

    bool operator==(const FileMark &) const = default;
};

/// What is read, in order.
struct RuleFiles {
    QStringList settings;  ///< `*.pre` of both.
    QStringList stock;     ///< `*.cf`
    QStringList site;      ///< `*.cf`
    QStringList missing;   ///< Directories that are needed and cannot be read.
};

[[nodiscard]] RuleFiles findRuleFiles(const RuleSources &sources);
/// Directories and files of the sources as they are now, and rule files one directory further down,
/// where sa-update puts those that its own file includes. Equal marks: nothing to read again.
[[nodiscard]] std::vector<FileMark> markRuleFiles(const RuleSources &sources);

}  // namespace portcullis::spam
