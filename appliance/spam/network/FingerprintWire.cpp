// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/FingerprintWire.h"

#include <QtCore/QList>
#include <QtCore/QtEndian>

#include <algorithm>
#include <cstring>

namespace portcullis::spam {

namespace {

constexpr char wireMark[] = {'P', 'F', '1'};
constexpr int highestConfidence = 100;
constexpr qint64 mostReports = 1'000'000'000;  // Beyond, a server talks nonsense.

std::optional<qint64> numberIn(QByteArrayView text, qint64 most)
{
    bool isNumber = false;
    const qint64 number = text.toByteArray().toLongLong(&isNumber);
    if (!isNumber || number < 0 || number > most) {
        return std::nullopt;
    }
    return number;
}

}  // namespace

const char *nameOf(FingerprintNetwork network)
{
    return network == FingerprintNetwork::Razor ? "razor" : "pyzor";
}

QByteArray FingerprintHead::encoded() const
{
    QByteArray bytes(size, '\0');
    std::memcpy(bytes.data(), wireMark, sizeof wireMark);
    bytes[3] = static_cast<char>(network);
    qToBigEndian(static_cast<quint32>(deadline.count()), bytes.data() + 4);
    qToBigEndian(messageSize, bytes.data() + 8);
    return bytes;
}

std::optional<FingerprintHead> FingerprintHead::decode(QByteArrayView bytes,
                                                       const FingerprintLimits &limits)
{
    if (bytes.size() < size || std::memcmp(bytes.data(), wireMark, sizeof wireMark) != 0) {
        return std::nullopt;
    }
    const auto network = static_cast<FingerprintNetwork>(bytes[3]);
    if (network != FingerprintNetwork::Razor && network != FingerprintNetwork::Pyzor) {
        return std::nullopt;
    }
    const FingerprintHead head{network,
                               std::chrono::milliseconds(qFromBigEndian<quint32>(bytes.data() + 4)),
                               qFromBigEndian<quint32>(bytes.data() + 8)};
    if (head.deadline > limits.deadline || head.messageSize > limits.message) {
        return std::nullopt;
    }
    return head;
}

std::optional<int> RazorFinding::confidenceOf(const QByteArray &engine) const
{
    if (!engine.isEmpty()) {
        const auto found = confidence.find(engine);
        return found == confidence.end() ? std::nullopt : std::optional(found->second);
    }
    int highest = 0;
    for (const auto &[name, value] : confidence) {
        highest = std::max(highest, value);
    }
    return highest;
}

std::optional<RazorFinding> RazorFinding::parse(QByteArrayView line)
{
    const QList<QByteArray> words = line.trimmed().toByteArray().split(' ');
    if (words.size() < 2 || words[0] != "ok" || (words[1] != "0" && words[1] != "1")) {
        return std::nullopt;
    }
    RazorFinding finding;
    finding.isListed = words[1] == "1";
    for (const QByteArray &word : words.mid(2)) {
        const QList<QByteArray> parts = word.split(':');
        const auto value = numberIn(parts.value(1), highestConfidence);
        if (parts.size() != 3 || !value) {
            return std::nullopt;
        }
        if (parts[2] == "0") {
            int &highest = finding.confidence[parts[0]];
            highest = std::max(highest, static_cast<int>(*value));
        }
    }
    return finding;
}

std::optional<PyzorFinding> PyzorFinding::parse(QByteArrayView lines)
{
    std::optional<PyzorFinding> finding;
    for (const QByteArray &line : lines.toByteArray().split('\n')) {
        const QList<QByteArray> columns = line.trimmed().split('\t');
        const auto reports = numberIn(columns.value(2), mostReports);
        const auto welcomes = numberIn(columns.value(3), mostReports);
        if (columns.size() != 4 || !reports || !welcomes) {
            continue;
        }
        if (!finding) {
            finding.emplace();
        }
        finding->reports += *reports;
        finding->welcomes += *welcomes;
    }
    return finding;
}

}  // namespace portcullis::spam
