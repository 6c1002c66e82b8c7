// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/Findings.h"

#include <QtCore/QJsonArray>

namespace portcullis::authentication {

namespace {

void setText(QJsonObject &object, const char *key, const QByteArray &text)
{
    if (!text.isEmpty()) {
        object.insert(QLatin1String(key), QString::fromUtf8(text));
    }
}

void setFlag(QJsonObject &object, const char *key, bool isSet)
{
    if (isSet) {
        object.insert(QLatin1String(key), true);
    }
}

QJsonObject describe(const DkimFinding &signature)
{
    QJsonObject object;
    setText(object, "result", nameOf(signature.result));
    setText(object, "domain", signature.domain);
    setText(object, "selector", signature.selector);
    setText(object, "algorithm", signature.algorithm);
    setText(object, "identity", signature.identity);
    setText(object, "b", signature.signaturePrefix);
    setText(object, "reason", signature.reason);
    if (signature.keyBits > 0) {
        object.insert(QLatin1String("bits"), signature.keyBits);
    }
    setFlag(object, "testing", signature.isTesting);
    setFlag(object, "bodyOpen", signature.isBodyOpen);
    return object;
}

QJsonObject describe(const ArcFinding &arc)
{
    QJsonObject object;
    setText(object, "result", nameOf(arc.result));
    setText(object, "reason", arc.reason);
    QJsonArray sealers;
    for (const ArcSet &set : arc.sets) {
        sealers.append(QString::fromUtf8(set.sealer));
    }
    object.insert(QLatin1String("sealers"), sealers);
    if (arc.oldestPass > 0) {
        object.insert(QLatin1String("oldestPass"), arc.oldestPass);
    }
    return object;
}

QJsonObject describe(const DmarcFinding &dmarc)
{
    QJsonObject object;
    setText(object, "result", nameOf(dmarc.result));
    setText(object, "from", dmarc.fromDomain);
    setText(object, "policyDomain", dmarc.policyDomain);
    setText(object, "record", dmarc.record);
    setText(object, "alignedBy", dmarc.alignedBy);
    setText(object, "excusedBy", dmarc.excusedBy);
    setText(object, "reason", dmarc.reason);
    if (!dmarc.record.isEmpty()) {
        setText(object, "policy", nameOf(dmarc.policy));
        setText(object, "disposition", nameOf(dmarc.disposition));
        object.insert(QLatin1String("pct"), dmarc.percentage);
    }
    setFlag(object, "subdomainPolicy", dmarc.isSubdomainPolicy);
    setFlag(object, "sampledOut", dmarc.isSampledOut);
    setFlag(object, "forgedFrom", dmarc.isForgedFrom);
    return object;
}

}  // namespace

const char *nameOf(DkimResult result)
{
    switch (result) {
    case DkimResult::Pass:
        return "pass";
    case DkimResult::Fail:
        return "fail";
    case DkimResult::Policy:
        return "policy";
    case DkimResult::Neutral:
        return "neutral";
    case DkimResult::TempError:
        return "temperror";
    case DkimResult::PermError:
        break;
    }
    return "permerror";
}

const char *nameOf(ArcResult result)
{
    switch (result) {
    case ArcResult::None:
        return "none";
    case ArcResult::Pass:
        return "pass";
    case ArcResult::TempError:
        return "temperror";
    case ArcResult::Fail:
        break;
    }
    return "fail";
}

const char *nameOf(DmarcResult result)
{
    switch (result) {
    case DmarcResult::None:
        return "none";
    case DmarcResult::Pass:
        return "pass";
    case DmarcResult::Fail:
        return "fail";
    case DmarcResult::TempError:
        return "temperror";
    case DmarcResult::PermError:
        break;
    }
    return "permerror";
}

const char *nameOf(DmarcPolicy policy)
{
    switch (policy) {
    case DmarcPolicy::None:
        return "none";
    case DmarcPolicy::Quarantine:
        return "quarantine";
    case DmarcPolicy::Reject:
        break;
    }
    return "reject";
}

QJsonObject Findings::toJson() const
{
    QJsonObject object;
    if (!dkim.empty()) {
        QJsonArray signatures;
        for (const DkimFinding &signature : dkim) {
            signatures.append(describe(signature));
        }
        object.insert(QLatin1String("dkim"), signatures);
    }
    if (dkimUnchecked > 0) {
        object.insert(QLatin1String("dkimUnchecked"), dkimUnchecked);
    }
    if (arc.result != ArcResult::None) {
        object.insert(QLatin1String("arc"), describe(arc));
    }
    object.insert(QLatin1String("dmarc"), describe(dmarc));
    return object;
}

}  // namespace portcullis::authentication
