// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

namespace portcullis::spam {

/// `ok_locales`: whose character sets are expected. Charsets of Latin script and of Unicode always are.
class CharsetLocales
{
public:
    /// "all", "en ja", "zh.big5" …
    explicit CharsetLocales(const QByteArray &value = "all");

    [[nodiscard]] bool acceptsAll() const { return m_acceptsAll; }
    [[nodiscard]] bool accepts(QByteArrayView charset) const;

private:
    bool m_acceptsAll = false;
    std::vector<QByteArray> m_locales;
};

/// Charsets whose text looks like capitals in octets: Japanese, Chinese, Korean, Cyrillic, Thai.
bool looksLikeCapitals(QByteArrayView charset);

/// The charset in a Content-Type value, as it stands; empty: none.
QByteArray charsetOfContentType(QByteArrayView value);

}  // namespace portcullis::spam
