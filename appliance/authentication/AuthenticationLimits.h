// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QtGlobal>

#include <chrono>

namespace portcullis::authentication {

/// Bounds of the work that one message may cause, and of what counts as a signature worth its name.
struct AuthenticationLimits {
    int signaturesSeen = 1000;    ///< DKIM-Signature fields looked at. Range 1 … 10,000.
    int signaturesVerified = 10;  ///< Of them verified, costing DNS and RSA. Range 1 … 100.
    int arcSets = 50;             ///< RFC 8617 §5.2 point 1 (§4.2.1). Range 1 … 50.
    int arcSetsVerified = 50;     ///< Seals that are checked; a longer chain fails. Range 1 … 50.
    int headerFields = 5000;      ///< More: nothing is verified. Range 100 … 50,000.
    qsizetype headerBytes = 1024 * 1024;   ///< The same. Range 64 KiB … 16 MiB.
    qsizetype signatureBytes = 16 * 1024;  ///< Of one signature field. Range 2 … 64 KiB.
    int signedFields = 500;                ///< Names in one h=. Range 50 … 5,000.
    int keyRecordBytes = 8 * 1024;         ///< Of one TXT record. Range 1 … 64 KiB.
    int minimumKeyBits = 1024;             ///< RFC 8301 §3.2. Range 512 (tests) … 2048.
    int maximumKeyBits =
        8192;  ///< A 16 kbit key costs milliseconds a signature. Range 2048 … 16384.
    bool isSha1Accepted = false;  ///< RFC 8301 §3.1 says no; old corpora need it.
    std::chrono::seconds clockSkew = std::chrono::minutes(5);  ///< For t= and x=. Range 0 … 1 h.
    int lookups = 64;  ///< Names asked of the DNS for one message. Range 8 … 200.
};

}  // namespace portcullis::authentication
