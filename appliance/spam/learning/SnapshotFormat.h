// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/learning/Snapshot.h"

#include <cstddef>
#include <cstring>

/// The head of a snapshot file, for those that write and read it.
namespace portcullis::spam {

inline constexpr char snapshotMagic[8] = {'P', 'M', 'G', 'S', 'N', 'A', 'P', '\n'};
inline constexpr quint32 snapshotVersion = 1;

struct SnapshotHead {
    char magic[8] = {};
    quint32 version = 0;
    quint32 kind = 0;
    quint64 slots = 0;  ///< A power of two, at least twice the entries.
    quint64 entries = 0;
    quint32 longestProbe = 0;  ///< How far from its place the farthest entry lies.
    quint32 reserved = 0;
    SnapshotTotals totals{};
    quint64 checksum = 0;  ///< Of all before it: FNV-1a.
};
static_assert(sizeof(SnapshotHead) % alignof(SnapshotSlot) == 0);
static_assert(sizeof(SnapshotSlot) == 16);

inline quint64 checksumOf(const SnapshotHead &head)
{
    unsigned char bytes[offsetof(SnapshotHead, checksum)];
    std::memcpy(bytes, &head, sizeof bytes);
    quint64 sum = 14695981039346656037ULL;
    for (const unsigned char byte : bytes) {
        sum = (sum ^ byte) * 1099511628211ULL;
    }
    return sum;
}

/// Lower bits of a key that do not tell entries apart: the hours of a Bayes token.
inline int ignoredBitsOf(SnapshotKind kind)
{
    return kind == SnapshotKind::Bayes ? 24 : 0;
}

/// Where the search for a key begins. Keys may come from a backup that somebody made by hand, so they
/// are mixed (the finaliser of MurmurHash3).
inline quint64 slotHash(quint64 key)
{
    key = (key ^ (key >> 33)) * 0xff51afd7ed558ccdULL;
    key = (key ^ (key >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return key ^ (key >> 33);
}

}  // namespace portcullis::spam
