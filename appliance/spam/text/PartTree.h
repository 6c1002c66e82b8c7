// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/text/HeaderBlock.h"
#include "appliance/spam/text/TextPart.h"

#include <deque>
#include <optional>
#include <vector>

namespace portcullis::spam {

struct TextLimits;

/// Things that are wrong with the structure of a message.
struct StructureFlags {
    bool missingMimeHeaders = false;
    bool missingMimeSeparator = false;
    bool hasEpilogue = false;
    bool hitPartLimit = false;
};

/// The MIME structure of a message, as SpamAssassin 4.0.1 takes it apart: boundaries may be followed by
/// space, the last one may be missing, a nested entity without boundary uses that around it, and a
/// message/rfc822 entity is read on as the child of itself.
class PartTree
{
public:
    /// `top` is the message's header block with its fields; its text outlives this.
    PartTree(const HeaderBlock &top, std::vector<HeaderLine> fields, const TextLimits &limits);

    [[nodiscard]] const std::vector<TextPart> &parts() const { return m_parts; }
    [[nodiscard]] const StructureFlags &flags() const { return m_flags; }
    /// The lines of a leaf as they came. A copy only where lines were cut or dropped.
    [[nodiscard]] QByteArray raw(int part) const;
    /// Transfer encoding undone.
    [[nodiscard]] QByteArray decode(int part) const;

private:
    using Lines = std::vector<QByteArrayView>;
    struct Node {
        TextPart part;
        Lines lines;  ///< Of a leaf.
    };
    struct Task {
        int node;
        std::optional<QByteArray> boundary;
        Lines lines;
        int depth;  ///< So many levels may still follow.
    };
    /// One entity while its lines are collected.
    struct Entity {
        TextPart part;
        QByteArrayView field;  ///< The one that is not complete yet.
        bool hasField = false;
        bool isInBody = false;
        Lines lines;
        bool hasLines = false;
    };

    int addNode(TextPart part, int parent);
    void addMessage(const HeaderBlock &block,
                    std::vector<HeaderLine> fields,
                    int parent,
                    int depth);
    void readMultipart(Task &task);
    void readLeaf(Task &task);
    void readInnerMessage(int node, int depth);
    bool takeHeaderLine(Entity &entity,
                        QByteArrayView line,
                        const std::optional<QByteArray> &boundary);
    void closeField(Entity &entity);
    void closeEntity(Entity &entity, const Task &task, bool isAtBoundary);
    static void addLine(Lines &lines, QByteArrayView line);
    static Lines bodyLines(QByteArrayView body);
    static QByteArray joined(const Lines &lines);
    static QByteArray decodeLines(const TextPart &part, const Lines &lines);
    void order();

    const TextLimits &m_limits;
    std::vector<Node> m_nodes;
    std::deque<Task> m_tasks;
    std::deque<QByteArray> m_inner;  ///< Decoded messages within the message.
    std::vector<TextPart> m_parts;   ///< In depth-first order.
    std::vector<int> m_nodeOfPart;
    StructureFlags m_flags;
    bool m_isNested = false;  ///< See takeHeaderLine().
};

}  // namespace portcullis::spam
