// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/spf/SpfSuite.h"

#include "tests/support/zone/ZoneResolver.h"

#include <QtCore/QFile>

#include <yaml-cpp/yaml.h>

namespace portcullis::test {

namespace {

QByteArray bytesOf(const YAML::Node &node)
{
    return QByteArray::fromStdString(node.as<std::string>());
}

std::vector<QByteArray> stringsOf(const YAML::Node &node)
{
    std::vector<QByteArray> strings;
    if (node.IsSequence()) {
        for (const YAML::Node &one : node) {
            strings.push_back(bytesOf(one));
        }
    } else {
        strings.push_back(bytesOf(node));
    }
    return strings;
}

void addRecord(ZoneResolver &zone,
               const QByteArray &name,
               const std::string &type,
               const YAML::Node &value)
{
    if (type == "A" || type == "AAAA") {
        zone.addAddress(name, QHostAddress(QString::fromLatin1(bytesOf(value))));
    } else if (type == "MX") {
        zone.addMx(name, value[0].as<int>(), bytesOf(value[1]));
    } else if (type == "PTR") {
        zone.addPtr(name, bytesOf(value));
    } else if (type == "CNAME") {
        zone.addCname(name, bytesOf(value));
    } else if (type == "TXT" && !(value.IsScalar() && value.Scalar() == "NONE")) {
        zone.addText(name, stringsOf(value));
    }
}

void addName(ZoneResolver &zone, const QByteArray &name, const YAML::Node &records)
{
    // The suites write SPF for what a domain publishes as TXT, unless they write TXT as well.
    bool hasText = false;
    for (const YAML::Node &record : records) {
        hasText = hasText || (record.IsMap() && record["TXT"]);
    }
    for (const YAML::Node &record : records) {
        if (record.IsScalar()) {
            zone.addTimeout(name);  // TIMEOUT is the only word there
            continue;
        }
        for (const auto &entry : record) {
            const auto type = entry.first.as<std::string>();
            const bool isCopied = type == "SPF" && !hasText;
            addRecord(zone, name, isCopied ? "TXT" : type, entry.second);
        }
    }
}

SpfCase caseOf(const std::string &name, const YAML::Node &node)
{
    SpfCase made;
    made.name = name;
    made.helo = node["helo"].as<std::string>();
    made.host = node["host"].as<std::string>();
    made.mailfrom = node["mailfrom"].as<std::string>();
    for (const QByteArray &result : stringsOf(node["result"])) {
        made.results.push_back(result.toLower().toStdString());
    }
    if (node["explanation"]) {
        made.hasExplanation = true;
        made.explanation = node["explanation"].as<std::string>();
    }
    return made;
}

}  // namespace

std::vector<SpfCase> readSpfSuite(const QString &path)
{
    std::vector<SpfCase> cases;
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return cases;
    }
    int scenario = 0;
    for (const YAML::Node &document : YAML::LoadAll(file.readAll().toStdString())) {
        if (!document.IsMap() || !document["tests"]) {
            continue;
        }
        ++scenario;
        const std::string title = document["description"]
                                      ? document["description"].as<std::string>()
                                      : "scenario " + std::to_string(scenario);
        auto zone = std::make_shared<ZoneResolver>();
        for (const auto &entry : document["zonedata"]) {
            addName(*zone, bytesOf(entry.first), entry.second);
        }
        for (const auto &entry : document["tests"]) {
            cases.push_back(caseOf(title + '/' + entry.first.as<std::string>(), entry.second));
            cases.back().zone = zone;
        }
    }
    return cases;
}

}  // namespace portcullis::test
