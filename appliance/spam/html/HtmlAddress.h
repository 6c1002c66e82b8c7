// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// Resolves a reference against <base href> (RFC 3986 §5.2; empty base: none), with what SpamAssassin
/// adds: "//www.example.com" without a base is http, a reference may repeat the scheme of the base.
QByteArray resolveAddress(QByteArrayView base, QByteArrayView reference);

/// The base that <base href> gives: without a file name at the end, with a slash there. Empty: browsers
/// and we do not use it.
QByteArray baseOfAddress(QByteArrayView address);

/// The address in the content of <meta http-equiv=refresh>, empty if there is none.
QByteArrayView addressOfRefresh(QByteArrayView content);

}  // namespace portcullis::spam
