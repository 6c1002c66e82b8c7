// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/html/HtmlColor.h"

namespace portcullis::spam {

/// How text looks at one place: what <font> and style attributes say, inherited from outside in.
struct HtmlStyle {
    int element = -1;  ///< Whose it is, an index of htmlElements; -1: the document's.
    HtmlColor foreground;
    HtmlColor background = HtmlColor::fromRgb(0xFFFFFF);
    double size = 3;  ///< As in <font size>: 1 … 7, 3 is normal.
    bool isDisplayNone = false;
    bool isVisibilityHidden = false;

    /// Applies a style attribute: colours, display and visibility.
    void applyCss(QByteArrayView css);

private:
    bool m_hasTransparentText = false;  // within one style attribute
    bool m_hasTransparentBackground = false;

    void applyDeclaration(QByteArrayView declaration);
    bool applyColor(QByteArrayView property, QByteArrayView value);
    void applyBackground(QByteArrayView value);
};

}  // namespace portcullis::spam
