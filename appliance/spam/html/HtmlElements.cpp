// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlElements.h"

namespace portcullis::spam {

namespace {

/// An open hash of the names, filled by the compiler: tags are looked up by the hundred in a message.
constexpr size_t elementSlots = 1'024;

constexpr size_t elementSlot(std::string_view name)
{
    size_t hash = name.size();
    for (const char c : name) {
        hash = hash * 33 + static_cast<unsigned char>(c);
    }
    return (hash ^ (hash >> 7)) % elementSlots;
}

consteval std::array<qint8, elementSlots> fillElementIndex()
{
    static_assert(htmlElements.size() < 127);
    std::array<qint8, elementSlots> index{};
    index.fill(-1);
    for (size_t element = 0; element < htmlElements.size(); ++element) {
        size_t slot = elementSlot(htmlElements[element].name);
        while (index[slot] >= 0) {
            slot = (slot + 1) % elementSlots;
        }
        index[slot] = qint8(element);
    }
    return index;
}

constexpr std::array<qint8, elementSlots> elementIndex = fillElementIndex();
constexpr qsizetype longestElementName = 10;

}  // namespace

int findHtmlElement(QByteArrayView lowerName)
{
    if (lowerName.size() > longestElementName) {
        return -1;
    }
    const std::string_view name(lowerName.data(), size_t(lowerName.size()));
    for (size_t slot = elementSlot(name); elementIndex[slot] >= 0;
         slot = (slot + 1) % elementSlots) {
        if (htmlElements[quint8(elementIndex[slot])].name == name) {
            return elementIndex[slot];
        }
    }
    return -1;
}

}  // namespace portcullis::spam
