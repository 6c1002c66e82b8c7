// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/TlsReport.h"

#include <QtCore/QHash>

namespace portcullis::delivery {

QJsonObject TlsReport::toJson() const
{
    QJsonObject json;
    const auto set = [&json](const char *key, const QByteArray &value) {
        if (!value.isEmpty()) {
            json.insert(QLatin1String(key), QString::fromUtf8(value));
        }
    };
    set("type", type);
    set("mode", mode);
    set("domain", domain);
    set("mx", mx);
    set("result", result);
    set("detail", detail);
    return json;
}

QByteArray tlsResultOf(const Error &error)
{
    static const QHash<QByteArray, QByteArray> results{
        {"smtp.no-starttls", "starttls-not-supported"},
        {"tls.peer-name", "certificate-host-mismatch"},
        {"tls.peer-expired", "certificate-expired"},
        {"tls.peer-untrusted", "certificate-not-trusted"},
        {"tls.peer-missing", "certificate-not-trusted"},
        {"dns.bogus", "dnssec-invalid"},
        {"dns.servfail", "dnssec-invalid"},
        {"dns.timeout", "dnssec-invalid"},
    };
    const auto known = results.constFind(error.id);
    if (known != results.cend()) {
        return *known;
    }
    const bool isTls = error.id.startsWith("tls.") || error.id == "smtp.starttls-injection";
    return isTls ? QByteArray("validation-failure") : QByteArray();
}

}  // namespace portcullis::delivery
