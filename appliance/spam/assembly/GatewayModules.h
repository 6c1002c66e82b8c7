// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/assembly/StandardModules.h"
#include "appliance/spam/bayes/Classifier.h"

#include <QtCore/QString>

namespace portcullis::spam {

/// What a gateway's worker has beside the message.
struct GatewayLinks {
    QString learningFolder;     ///< See learningFolder().
    QString resolverSocket;     ///< Paths::resolverSocket()
    QString fingerprintSocket;  ///< Paths::fingerprintSocket()
    bool usesNetwork = true;
    bool usesBayes = false;
    bool usesReputation = false;
    bool learns = true;  ///< From the messages that are judged.
};

/// The modules that need more than the message: lookups, Bayes, address reputation. They connect and
/// open at first use, so that rules compiled before a fork serve every worker.
ModuleMaker gatewayModules(const GatewayLinks &links);

/// How much the snapshot in the learning folder knows; nothing is 0. One thread.
std::function<LearntMessages()> learntMessages(const QString &learningFolder);

}  // namespace portcullis::spam
