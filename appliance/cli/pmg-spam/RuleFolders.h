// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/config/ConfigLoader.h"
#include "appliance/spam/assembly/LiveRules.h"

#include <QtCore/QCommandLineParser>

namespace portcullis::cli::spamrules {

/// Which rules the options ask for; without any, those of the running filter: stock or sa-update's, the
/// site's, and what pmg.conf says if it can be read. Without network and Bayes.
[[nodiscard]] spam::RuleOrigin ruleOrigin(const QCommandLineParser &parser);

/// Rules to try a mail with.
struct TrialRules {
    spam::RuleOrigin origin;
    config::ConfigPtr config;  ///< Null: pmg.conf cannot be read.
    QString resolverSocket;    ///< Paths::resolverSocket()
    qint64 maxBytes = 262'144;
    QString reason;  ///< Why something that is switched on is left out, for people; may be empty.
};

/// As ruleOrigin(), with network and Bayes where the gateway uses them, through the companions of the
/// running filter; --local leaves both out. Nothing is learnt from what is tried.
[[nodiscard]] TrialRules trialRules(const QCommandLineParser &parser);

}  // namespace portcullis::cli::spamrules
