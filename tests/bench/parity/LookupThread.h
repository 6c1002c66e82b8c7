// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/spf/SpfClient.h"
#include "appliance/spam/SenderEvidence.h"
#include "appliance/spam/text/MessageText.h"

#include <QtCore/QTemporaryDir>

#include <memory>
#include <optional>

namespace portcullis::parity {

/// What `pmg-smtp-filter --resolver` and the SMTP session are to a worker: lookups on a socket, and SPF.
/// All names are asked of one server.
class LookupThread
{
public:
    /// `server`: "127.0.0.1:5353". Ends the program where there is no such server to be.
    explicit LookupThread(const QString &server);
    ~LookupThread();
    Q_DISABLE_COPY_MOVE(LookupThread)

    [[nodiscard]] QString socketPath() const;
    verdict::SpfFinding spf(const QHostAddress &client,
                            const QByteArray &helo,
                            const policy::spf::SpfIdentity &identity);

private:
    class Service;
    QTemporaryDir m_folder;
    std::unique_ptr<Service> m_service;
};

/// SPF, DKIM, ARC and DMARC of a stored message, as if the host that its newest external Received field
/// names had just handed it over.
class EvidenceFinder
{
public:
    explicit EvidenceFinder(LookupThread &lookups);
    ~EvidenceFinder();
    Q_DISABLE_COPY_MOVE(EvidenceFinder)

    spam::SenderEvidence of(spam::MessageText &text, QByteArrayView message);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::parity
