// SPDX-License-Identifier: GPL-2.0-or-later
// Single fields: the first octet says as what the rest is read.
#include "appliance/spam/text/AddressList.h"
#include "appliance/spam/text/Characters.h"
#include "appliance/spam/text/ContentType.h"
#include "appliance/spam/text/HeaderDecoding.h"
#include "appliance/spam/text/TransferDecoding.h"

#include <cstdlib>

namespace {

using namespace portcullis::spam;

void require(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

void readCharset(const QByteArray &text)
{
    const qsizetype end = text.indexOf('\n');
    const QByteArray label = end < 0 ? QByteArray("gb2312") : text.first(end);
    const QByteArray octets = text.sliced(end + 1);
    for (const LabelTrust trust : {LabelTrust::Guess, LabelTrust::Insist}) {
        const Characters characters = toCharacters(octets, label, trust);
        require(characters.isWide || characters.utf8 == octets);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const QByteArray text(reinterpret_cast<const char *>(data) + 1, qsizetype(size) - 1);
    switch (data[0] % 6) {
    case 0:
        // Three octets for one, twice: raw octets within an encoded word are decoded before and with it.
        require(decodeFieldValue(text, "Subject").size() <= text.size() * 9 + 3);
        break;
    case 1:
        for (const ListedAddress &entry : readAddressList(text)) {
            require(!entry.address || entry.address->contains('@'));
            decodePhrase(entry.phrase.value_or(QByteArray()));
        }
        break;
    case 2:
        readContentType(text);
        dispositionName(text);
        break;
    case 3:
        require(decodeBase64AsPeer(text).size() <= text.size());
        break;
    case 4:
        require(decodeQuotedPrintableAsPeer(text).size() <= text.size());
        break;
    default:
        readCharset(text);
    }
    return 0;
}
