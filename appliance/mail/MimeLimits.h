// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QtGlobal>

namespace portcullis::mail {

/// How much of one message is taken apart. What lies beyond a limit stays in the raw bytes, and the
/// message is marked Defects::unscannable: a reader of ours must not say 'clean' then.
struct MimeLimits {
    int nesting = 100;          ///< Levels of multipart and message/rfc822. Range 1 … 1000.
    int parts = 1000;           ///< Parts of all views together. Range 1 … 100000.
    int headerFields = 10'000;  ///< Fields of all header blocks. Range 100 … 100000.
    qsizetype headerBytes = 4'194'304;  ///< Octets of all header blocks. Range 64 KiB … 64 MiB.
    int parameters = 200;               ///< Parameters of one field. Range 10 … 10000.
    qsizetype boundaryLength = 2048;    ///< Octets; RFC 2046 §5.1.1 allows 70. Range 70 … 8192.
    int views = 8;                      ///< Alternative readings that are followed. Range 0 … 64.
    int readings = 6;                   ///< Ways one part's encoding is read. Range 1 … 16.
    int fileNames = 32;                 ///< Interpretations of one part's name. Range 1 … 256.
    /// Octets that decoding may produce, all parts and readings together. Range 1 MiB … 4 GiB.
    qint64 decodedBytes = 512LL * 1024 * 1024;
};

}  // namespace portcullis::mail
