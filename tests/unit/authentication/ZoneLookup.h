// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/Authenticator.h"
#include "appliance/authentication/TxtLookup.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <map>
#include <memory>
#include <vector>

namespace portcullis::authentication {

/// TXT records held in memory, and what was asked for.
class ZoneLookup final : public TxtLookup
{
public:
    void add(const QByteArray &name, const QByteArray &record);
    void fail(const QByteArray &name);  ///< Answers TemporaryFailure.

    void prefetch(const std::vector<QByteArray> &names) override;
    TxtAnswer texts(const QByteArray &name) override;

    std::vector<QByteArray> prefetched;

private:
    std::map<QByteArray, TxtAnswer> m_answers;
};

/// Folder of the suites that are not part of this repository; empty if it is not there.
QString corporaFolder();
/// The octets of a file, empty if it cannot be read.
QByteArray fileContent(const QString &path);
/// Every line ending becomes CRLF.
QByteArray withCrlf(const QByteArray &text);
/// The system's list; empty where the package publicsuffix is missing.
std::shared_ptr<const PublicSuffixes> systemSuffixes();

/// A message for tests: CRLF, one From, a body.
QByteArray plainMessage(const QByteArray &from = "Alice <alice@example.org>",
                        const QByteArray &body = "Hello.\r\n");

}  // namespace portcullis::authentication
