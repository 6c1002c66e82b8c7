// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Classifier.h"
#include "appliance/spam/conf/RuleSet.h"

#include <QtCore/QString>

#include <memory>

namespace portcullis::parity {

/// Learns the messages of a list, in memory: lines "spam FILE" or "ham FILE". Ends the program where
/// the list cannot be read.
std::shared_ptr<const spam::TokenSource> learn(const QString &list, const spam::RuleSet &rules);

}  // namespace portcullis::parity
