// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/RegexTree.h"

#include <random>

namespace portcullis::spam {

/// Makes texts that an expression consumes if its assertions happen to hold: most of them match.
class TextSampler
{
public:
    explicit TextSampler(quint32 seed)
        : m_random(seed)
    {
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by the reader of expressions
    QByteArray sample(const RegexNode &node)
    {
        using Kind = RegexNode::Kind;
        QByteArray text;
        switch (node.kind) {
        case Kind::Set:
            return octet(node.set);
        case Kind::Choice:
            return sample(node.children[upTo(node.children.size() - 1)]);
        case Kind::Repeat: {
            const int most = node.most == RegexNode::unbounded ? node.least + 3 : node.most;
            const int times = node.least
                              + static_cast<int>(
                                  upTo(static_cast<size_t>(std::min(most - node.least, 4))));
            for (int i = 0; i < times; ++i) {
                text += sample(node.children.front());
            }
            return text;
        }
        case Kind::Sequence:
        case Kind::Group:
        case Kind::Atomic:
            for (const RegexNode &child : node.children) {
                text += sample(child);
            }
            return text;
        default:
            return {};
        }
    }

private:
    size_t upTo(size_t most) { return std::uniform_int_distribution<size_t>(0, most)(m_random); }
    QByteArray octet(const ByteSet &set)
    {
        std::vector<char> members;
        for (int byte = 0; byte < 256; ++byte) {
            if (set.contains(static_cast<uchar>(byte))) {
                members.push_back(static_cast<char>(byte));
            }
        }
        return members.empty() ? QByteArray() : QByteArray(1, members[upTo(members.size() - 1)]);
    }

    std::mt19937 m_random;
};

}  // namespace portcullis::spam
