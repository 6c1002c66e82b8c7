// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/SessionEvidence.h"

#include "appliance/mail/Serialize.h"

#include <QtCore/QJsonArray>

#include <array>

namespace portcullis::verdict {

namespace {

constexpr std::array spfNames{"none",     "neutral",   "pass",     "fail",
                              "softfail", "temperror", "permerror"};

void insertText(QJsonObject &object, const char *key, const QByteArray &text)
{
    if (!text.isEmpty()) {
        object.insert(QLatin1String(key), QString::fromUtf8(text));
    }
}

QJsonObject jsonOf(const SpfFinding &finding)
{
    QJsonObject object;
    insertText(object, "result", nameOf(finding.result));
    insertText(object, "checked", finding.isHelo ? "helo" : "mailfrom");
    insertText(object, "identity", finding.identity);
    insertText(object, "domain", finding.domain);
    insertText(object, "mechanism", finding.mechanism);
    insertText(object, "explanation", finding.explanation);
    insertText(object, "problem", finding.problem);
    return object;
}

QDataStream &operator<<(QDataStream &out, const SpfFinding &finding)
{
    return out << static_cast<quint8>(finding.result) << finding.isHelo << finding.identity
               << finding.domain << finding.mechanism << finding.explanation << finding.problem;
}

QDataStream &operator>>(QDataStream &in, SpfFinding &finding)
{
    quint8 result = 0;
    in >> result >> finding.isHelo >> finding.identity >> finding.domain >> finding.mechanism
        >> finding.explanation >> finding.problem;
    if (result >= spfNames.size()) {
        in.setStatus(QDataStream::ReadCorruptData);
        return in;
    }
    finding.result = static_cast<SpfResult>(result);
    return in;
}

}  // namespace

const char *nameOf(SpfResult result)
{
    return spfNames.at(static_cast<size_t>(result));
}

QJsonObject SessionEvidence::toJson() const
{
    QJsonObject object;
    if (spf) {
        object.insert(QLatin1String("spf"), jsonOf(*spf));
    }
    if (!dnsbl.empty()) {
        QJsonArray lists;
        for (const DnsblFinding &finding : dnsbl) {
            lists.append(QJsonObject{{QLatin1String("list"), QString::fromUtf8(finding.list)},
                                     {QLatin1String("answer"), QString::fromUtf8(finding.answer)},
                                     {QLatin1String("weight"), finding.weight}});
        }
        object.insert(QLatin1String("dnsbl"), lists);
        object.insert(QLatin1String("dnsbl_score"), dnsblScore);
    }
    if (heloSpf) {
        object.insert(QLatin1String("helo_spf"), jsonOf(*heloSpf));
    }
    insertText(object, "allowed_by", allowedBy);
    insertText(object, "greylist", greylist);
    return object;
}

QDataStream &operator<<(QDataStream &out, const DnsblFinding &finding)
{
    return out << finding.list << finding.answer << static_cast<qint32>(finding.weight);
}

QDataStream &operator>>(QDataStream &in, DnsblFinding &finding)
{
    qint32 weight = 0;
    in >> finding.list >> finding.answer >> weight;
    finding.weight = weight;
    return in;
}

QDataStream &operator<<(QDataStream &out, const SessionEvidence &evidence)
{
    out << evidence.spf.has_value();
    if (evidence.spf) {
        out << *evidence.spf;
    }
    mail::writeList(out, evidence.dnsbl);
    out << static_cast<qint32>(evidence.dnsblScore) << evidence.allowedBy << evidence.greylist
        << evidence.heloSpf.has_value();
    return evidence.heloSpf ? out << *evidence.heloSpf : out;
}

QDataStream &operator>>(QDataStream &in, SessionEvidence &evidence)
{
    readEvidenceWithoutHelo(in, evidence);
    bool hasHelo = false;
    in >> hasHelo;
    if (hasHelo) {
        in >> evidence.heloSpf.emplace();
    }
    return in;
}

void readEvidenceWithoutHelo(QDataStream &in, SessionEvidence &evidence)
{
    bool hasSpf = false;
    qint32 score = 0;
    evidence = {};
    in >> hasSpf;
    if (hasSpf) {
        in >> evidence.spf.emplace();
    }
    mail::readList(in, evidence.dnsbl);
    in >> score >> evidence.allowedBy >> evidence.greylist;
    evidence.dnsblScore = score;
}

}  // namespace portcullis::verdict
