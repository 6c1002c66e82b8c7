// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// In text "&nbspx" is a space and an x; in an attribute it stays.
enum class EntityPlace { Text, Attribute };

/// Appends `text` with its character references resolved (HTML 4.01 §24), as UTF-8. Names beyond
/// Latin-1 need their ";", others do not. Returns whether a reference went beyond Latin-1.
bool appendDecodedEntities(QByteArray &result, QByteArrayView text, EntityPlace place);

}  // namespace portcullis::spam
