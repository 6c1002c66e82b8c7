// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QString>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace portcullis::test {

class ZoneResolver;

/// A case of the public SPF test suites (RFC 7208's and its elders), as their YAML files give it.
struct SpfCase {
    std::string name;  ///< "Processing limits/include-loop"
    std::string helo;
    std::string host;
    std::string mailfrom;
    std::vector<std::string> results;  ///< Any of them is right; lower case.
    bool hasExplanation = false;
    std::string explanation;  ///< "DEFAULT": not the domain's own.
    std::shared_ptr<ZoneResolver> zone;
};

/// All cases of a file; empty if it cannot be read.
std::vector<SpfCase> readSpfSuite(const QString &path);

}  // namespace portcullis::test
