// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QtGlobal>

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace portcullis::policy::greylist {

/// Items with stable numbers, found by their hash: chunks of items, and an open-addressing table of
/// numbers (4 octets each). Grows in small steps and moves no item, so that a million costs little
/// more than its octets and no insertion takes long.
///
/// `Item` has a member `quint64 hash`, well mixed. Not thread-safe.
template<typename Item>
class HashedSlab
{
public:
    static constexpr quint32 none = 0xffff'ffffU;

    [[nodiscard]] Item &operator[](quint32 number)
    {
        return (*m_chunks[number / chunkItems])[number % chunkItems];
    }

    /// The number of the item with this hash for which `isSame` is true, or `none`.
    template<typename Same>
    [[nodiscard]] quint32 find(quint64 hash, Same isSame)
    {
        if (m_size == 0) {
            return none;
        }
        for (size_t slot = home(hash); m_slots[slot] != none; slot = next(slot)) {
            Item &item = (*this)[m_slots[slot]];
            if (item.hash == hash && isSame(item)) {
                return m_slots[slot];
            }
        }
        return none;
    }

    quint32 insert(const Item &item)
    {
        if ((m_size + 1) * 4 > m_slots.size() * 3) {
            grow();
        }
        const quint32 number = freeNumber();
        (*this)[number] = item;
        place(number);
        ++m_size;
        return number;
    }

    void erase(quint32 number)
    {
        size_t hole = home((*this)[number].hash);
        while (m_slots[hole] != number) {
            hole = next(hole);
        }
        closeHole(hole);
        m_free.push_back(number);
        --m_size;
    }

    [[nodiscard]] size_t size() const { return m_size; }
    [[nodiscard]] size_t octets() const
    {
        return m_chunks.size() * sizeof(Chunk) + m_slots.capacity() * sizeof(quint32)
               + m_free.capacity() * sizeof(quint32);
    }

private:
    static constexpr size_t chunkItems = 512;
    using Chunk = std::array<Item, chunkItems>;

    [[nodiscard]] size_t home(quint64 hash) const { return hash & (m_slots.size() - 1); }
    [[nodiscard]] size_t next(size_t slot) const { return (slot + 1) & (m_slots.size() - 1); }

    quint32 freeNumber()
    {
        if (m_free.empty()) {
            if (m_used == m_chunks.size() * chunkItems) {
                m_chunks.push_back(std::make_unique<Chunk>());
            }
            return static_cast<quint32>(m_used++);
        }
        const quint32 number = m_free.back();
        m_free.pop_back();
        return number;
    }

    void place(quint32 number)
    {
        size_t slot = home((*this)[number].hash);
        while (m_slots[slot] != none) {
            slot = next(slot);
        }
        m_slots[slot] = number;
    }

    void grow()
    {
        std::vector<quint32> old(std::max<size_t>(64, m_slots.size() * 2), none);
        old.swap(m_slots);
        for (const quint32 number : old) {
            if (number != none) {
                place(number);
            }
        }
    }

    /// Moves later items of the run forward, so that no search stops too early (Knuth, vol. 3, 6.4 R).
    void closeHole(size_t hole)
    {
        for (size_t slot = next(hole); m_slots[slot] != none; slot = next(slot)) {
            const size_t wanted = home((*this)[m_slots[slot]].hash);
            const bool isBetween = hole < slot ? (wanted > hole && wanted <= slot)
                                               : (wanted > hole || wanted <= slot);
            if (!isBetween) {
                m_slots[hole] = m_slots[slot];
                hole = slot;
            }
        }
        m_slots[hole] = none;
    }

    std::vector<std::unique_ptr<Chunk>> m_chunks;
    std::vector<quint32> m_slots;  ///< Numbers, or `none`; a power of two.
    std::vector<quint32> m_free;
    size_t m_used = 0;  ///< Numbers ever given out.
    size_t m_size = 0;
};

}  // namespace portcullis::policy::greylist
