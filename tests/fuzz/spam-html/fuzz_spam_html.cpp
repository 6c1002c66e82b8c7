// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever HTML holds, its text is either seen or not, counts are no less than nothing, and bounds hold.
#include "appliance/spam/html/HtmlRendering.h"

#include <cstdint>
#include <cstdlib>

using namespace portcullis::spam;

namespace {

void demandHtml(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HtmlLimits limits;
    limits.depth = 50;
    limits.uris = 20;
    limits.unknownTags = 20;
    limits.uriLength = 100;
    const QByteArrayView html(reinterpret_cast<const char *>(data), qsizetype(size));
    for (const bool isWide : {true, false}) {
        const HtmlRendering rendering = renderHtml({html, html.size(), isWide}, limits);
        demandHtml(rendering.visible.size() + rendering.invisible.size() == rendering.text.size());
        demandHtml(rendering.text.size() <= 2 * html.size() + 2);
        demandHtml(rendering.uris.size() <= size_t(limits.uris));
        demandHtml(rendering.isWide || !isWide);
        for (const HtmlFacts::Element &element : rendering.facts.elements()) {
            demandHtml(element.open >= 0);
        }
        demandHtml(rendering.facts.value(HtmlMeasure::NonSpaceLength).value_or(0) >= 0);
        demandHtml(latin1FromUtf8(rendering.text).size() <= rendering.text.size());
    }
    return 0;
}
