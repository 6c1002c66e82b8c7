// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QtGlobal>

#include <array>
#include <bit>
#include <compare>

namespace portcullis::spam {

/// A set of octets: what one character class of a regular expression accepts.
class ByteSet
{
public:
    constexpr ByteSet() = default;

    static ByteSet all()
    {
        ByteSet set;
        set.m_words.fill(~quint64(0));
        return set;
    }
    static ByteSet of(uchar byte)
    {
        ByteSet set;
        set.insert(byte);
        return set;
    }

    void insert(uchar byte) { m_words[byte >> 6U] |= quint64(1) << (byte & 63U); }
    void erase(uchar byte) { m_words[byte >> 6U] &= ~(quint64(1) << (byte & 63U)); }
    void insertRange(int first, int last)
    {
        for (int byte = first; byte <= last; ++byte) {
            insert(static_cast<uchar>(byte));
        }
    }
    [[nodiscard]] bool contains(uchar byte) const
    {
        return (m_words[byte >> 6U] >> (byte & 63U) & 1U) != 0;
    }
    [[nodiscard]] int count() const
    {
        int bits = 0;
        for (const quint64 word : m_words) {
            bits += std::popcount(word);
        }
        return bits;
    }
    [[nodiscard]] bool isEmpty() const { return count() == 0; }
    /// The only member; -1 if there is none or more than one.
    [[nodiscard]] int single() const
    {
        if (count() != 1) {
            return -1;
        }
        for (size_t i = 0; i < m_words.size(); ++i) {
            if (m_words[i] != 0) {
                return static_cast<int>(i * 64) + std::countr_zero(m_words[i]);
            }
        }
        return -1;
    }
    [[nodiscard]] bool intersects(const ByteSet &other) const
    {
        for (size_t i = 0; i < m_words.size(); ++i) {
            if ((m_words[i] & other.m_words[i]) != 0) {
                return true;
            }
        }
        return false;
    }

    template<typename Visit>
    void forEach(const Visit &visit) const
    {
        for (size_t i = 0; i < m_words.size(); ++i) {
            for (quint64 open = m_words[i]; open != 0; open &= open - 1) {
                visit(i * 64 + static_cast<size_t>(std::countr_zero(open)));
            }
        }
    }

    ByteSet &operator|=(const ByteSet &other)
    {
        for (size_t i = 0; i < m_words.size(); ++i) {
            m_words[i] |= other.m_words[i];
        }
        return *this;
    }
    ByteSet operator~() const
    {
        ByteSet set;
        for (size_t i = 0; i < m_words.size(); ++i) {
            set.m_words[i] = ~m_words[i];
        }
        return set;
    }
    /// With the other case of every ASCII letter in it.
    [[nodiscard]] ByteSet withoutCase() const
    {
        ByteSet set = *this;
        for (uchar lower = 'a'; lower <= 'z'; ++lower) {
            const auto upper = static_cast<uchar>(lower - 'a' + 'A');
            if (contains(lower) || contains(upper)) {
                set.insert(lower);
                set.insert(upper);
            }
        }
        return set;
    }

    auto operator<=>(const ByteSet &) const = default;

private:
    std::array<quint64, 4> m_words{};
};

}  // namespace portcullis::spam
