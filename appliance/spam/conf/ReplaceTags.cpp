// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/ReplaceTags.h"

namespace portcullis::spam {

namespace {

constexpr int maxTagPasses = 6;

/// Cuts at everything that looks like "<…>", keeping it: text, tag, text, tag, text. A tag that begins
/// the source has no empty text before it, one that ends it none after it.
std::vector<QByteArray> cutAtTags(const QByteArray &source)
{
    std::vector<QByteArray> pieces;
    qsizetype textStart = 0;
    qsizetype open = -1;
    for (qsizetype i = 0; i < source.size(); ++i) {
        if (source[i] == '<') {
            open = i;
        } else if (source[i] == '>' && open >= 0 && i > open + 1) {
            if (open > 0) {
                pieces.push_back(source.mid(textStart, open - textStart));
            }
            pieces.push_back(source.mid(open, i + 1 - open));
            textStart = i + 1;
            open = -1;
        } else if (source[i] == '>') {
            open = -1;
        }
    }
    if (textStart < source.size()) {
        pieces.push_back(source.mid(textStart));
    }
    return pieces;
}

bool mentionsTag(const QByteArray &text)
{
    const qsizetype open = text.indexOf('<');
    return open >= 0 && text.indexOf('>', open + 2) >= 0;
}

}  // namespace

QByteArray ReplaceTags::takeModifier(QByteArray &source, const QByteArray &kind) const
{
    const QByteArray opening = start + kind + ' ';
    const qsizetype from = source.indexOf(opening);
    if (from < 0) {
        return {};
    }
    const qsizetype to = source.indexOf(end, from + opening.size() + 1);
    if (to < 0) {
        return {};
    }
    const QByteArray name = source.mid(from + opening.size(), to - from - opening.size());
    source.remove(from, to + end.size() - from);
    return name;
}

QByteArray ReplaceTags::marked(const QByteArray &text, const QByteArray &pre) const
{
    const qsizetype from = text.indexOf(start);
    if (from < 0 || text.indexOf(end, from + start.size() + 1) < 0) {
        return text;
    }
    return text.left(from) + pre + text.mid(from);
}

QByteArray ReplaceTags::followed(const QByteArray &text, const QByteArray &post) const
{
    QByteArray result;
    qsizetype done = 0;
    for (;;) {
        const qsizetype from = text.indexOf(start, done);
        const qsizetype to = from < 0 ? -1 : text.indexOf(end, from + start.size() + 1);
        if (to < 0) {
            return result + text.mid(done);
        }
        result += text.mid(done, to + end.size() - done) + post;
        done = to + end.size();
    }
}

QByteArray ReplaceTags::replaceFirstTag(QByteArray text, bool &isNested) const
{
    const qsizetype from = text.indexOf(start);
    const qsizetype to = from < 0 ? -1 : text.indexOf(end, from + start.size() + 1);
    if (to < 0) {
        return text;
    }
    const QByteArray name = text.mid(from + start.size(), to - from - start.size());
    const QByteArray replacement = tags.value(name);
    if (replacement.isEmpty()) {
        return text;
    }
    isNested = isNested || mentionsTag(replacement);
    return text.replace(start + name + end, replacement);
}

QByteArray ReplaceTags::expand(const QByteArray &source, qsizetype maxBytes) const
{
    QByteArray text = source;
    for (int pass = 0; pass < maxTagPasses; ++pass) {
        const QByteArray pre = before.value(takeModifier(text, "pre"));
        const QByteArray post = after.value(takeModifier(text, "post"));
        const QByteArray inter = between.value(takeModifier(text, "inter"));
        bool isNested = false;
        QByteArray result;
        for (QByteArray piece : cutAtTags(text)) {
            if (piece.isEmpty()) {
                result += inter;
                continue;
            }
            piece = pre.isEmpty() ? piece : marked(piece, pre);
            piece = post.isEmpty() ? piece : followed(piece, post);
            result += replaceFirstTag(std::move(piece), isNested);
            if (result.size() > maxBytes) {
                return source;
            }
        }
        text = result;
        if (!isNested) {
            break;
        }
    }
    return text;
}

}  // namespace portcullis::spam
